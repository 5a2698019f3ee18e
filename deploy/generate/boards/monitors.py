"""Board *Monitors*: whether what the other boards say can be believed, and what it costs."""

from grafana_foundation_sdk.builders import dashboard

from deploy.generate.boards import panel
from deploy.generate.boards.panel import BAD, LIKELY, PLAIN, SECONDS, SHARE, THIRD, Query

_MONITOR = 'monitor=~"$measure"'
_MEASURE = 'measure=~"$measure"'


def _rate(series: str, by: str, where: str = "") -> str:
    return f"sum by ({by}) (rate({series}{{{where}}}[$__rate_interval]))"


def board() -> dashboard.Dashboard:
    """The board."""
    made = panel.board(
        "crossrisk-monitors", "CrossRisk: monitors",
        "The tap, the monitors, how often their measures are right, and what replays cost.",
    ).with_variable(panel.variable("measure", "crossrisk_monitor_sampling_ratio", "monitor"))  # fmt: skip
    return panel.filled(made, *_figures(), *_tap(), *_scores(), *_quality(), *_replays(), *_swaps())


def _figures() -> tuple[panel.Number, ...]:
    return (
        panel.number("Dropped by the tap", "Share of exchanges, over ten minutes.",
                     Query("crossrisk:tap_dropped:ratio_rate10m"), SHARE,
                     ((None, PLAIN), (0.001, LIKELY), (0.01, BAD))),
        panel.number("Since the last score", "Of the monitor that is silent for longest.",
                     Query(f"max(time() - crossrisk_monitor_last_update_timestamp_seconds{{{_MONITOR}}})"),
                     SECONDS, ((None, PLAIN), (300.0, LIKELY), (900.0, BAD))),
        panel.number("Scores lost in a day", "Monitors that raised, were late, or said what is no score.",
                     Query(f"sum(increase(crossrisk_monitor_errors_total{{{_MONITOR}}}[1d]))")),
        panel.number("Replay tokens in a day", "Completion tokens that the model made for replays.",
                     Query("sum(increase(crossrisk_replay_tokens_total[1d]))"), steps=((None, PLAIN),)),
    )  # fmt: skip


def _tap() -> tuple[panel.Lines, ...]:
    return (
        panel.lines("Lag", "From the end of an exchange to its scoring.",
                    *panel.quantiles("crossrisk_tap_lag_seconds"), unit=SECONDS, span=THIRD),
        panel.lines("Records", "Offered by the gateway, dropped by reason, received by outcome; a second.",
                    Query("sum(rate(crossrisk_tap_offered_total[$__rate_interval]))", "offered"),
                    Query(_rate("crossrisk_tap_dropped_total", "reason"), "dropped: {{reason}}"),
                    Query(_rate("crossrisk_records_total", "outcome"), "received: {{outcome}}"), span=THIRD),
        panel.lines("Places of the tap", "Reserved or filled; when all are, records are dropped.",
                    Query("sum by (instance) (crossrisk_tap_depth)", "{{instance}}"), span=THIRD),
    )  # fmt: skip


def _scores() -> tuple[panel.Lines, ...]:
    return (
        panel.lines("Coverage", "Share of exchanges put to a monitor as configured, and of those the share it"
                    " gave a score for.",
                    Query(f"max by (monitor) (crossrisk_monitor_sampling_ratio{{{_MONITOR}}})",
                          "{{monitor}} put to it"),
                    Query(f"crossrisk:monitor_scored:ratio_rate1h{{{_MONITOR}}}", "{{monitor}} scored"),
                    unit=SHARE),
        panel.lines("Time for one record", "By monitor.",
                    *panel.quantiles("crossrisk_monitor_seconds", "monitor", _MONITOR), unit=SECONDS),
        panel.lines("Scores lost", "A second, by monitor.",
                    Query(_rate("crossrisk_monitor_errors_total", "monitor", _MONITOR), "{{monitor}}")),
        panel.lines("Mean score", "Of live exchanges, 1 worst.",
                    Query(f"{_rate('crossrisk_risk_score_sum', 'measure', _MEASURE)}\n"
                          f"  / ({_rate('crossrisk_risk_score_count', 'measure', _MEASURE)} > 0)",
                          "{{measure}}")),
    )  # fmt: skip


def _quality() -> tuple[panel.Columns | panel.Lines, ...]:
    by = "max by (risk, measure, arm)"

    def known(name: str) -> tuple[Query, ...]:
        series = f"crossrisk_judge_{name}_ratio"
        return (
            Query(f"{by} ({series}{{{_MEASURE}}})", name),
            Query(f'{by} ({series}_bound{{{_MEASURE},bound="lower"}})', f"{name} from"),
            Query(f'{by} ({series}_bound{{{_MEASURE},bound="upper"}})', f"{name} to"),
        )

    return (
        panel.columns("How often measures are right", "On labelled exchanges, with 95 % bounds:"
                      " `crossrisk calibrate`.",
                      *known("sensitivity"), *known("specificity"),
                      keys=("risk", "measure", "arm"), span=16),
        panel.lines("Gap between groups", "Largest minus smallest mean score over groups mentioned.",
                    Query(f"max by (measure) (crossrisk_group_gap_ratio{{{_MEASURE}}})", "{{measure}}"),
                    span=THIRD),
    )  # fmt: skip


def _replays() -> tuple[panel.Lines, ...]:
    return (
        panel.lines("Replays", "A second, by what became of them at the gateway.",
                    Query(_rate("crossrisk_replays_total", "outcome"), "{{outcome}}"), span=THIRD),
        panel.lines("Comparisons", "A second: run, and lost by reason; `budget` is the replay budget.",
                    Query(_rate("crossrisk_replay_compared_total", "kind"), "{{kind}} run"),
                    Query(_rate("crossrisk_replay_lost_total", "kind, reason"), "{{kind}} lost: {{reason}}"),
                    span=THIRD),
        panel.lines("Cost of replays", "Calls to the model by kind, and tokens, a second.",
                    Query(_rate("crossrisk_replay_generated_total", "kind"), "{{kind}} calls"),
                    Query("sum(rate(crossrisk_replay_tokens_total[$__rate_interval]))", "tokens"),
                    span=THIRD),
        panel.lines("What replays say", "Pairs a second, by whether the exchange was worse with the defense.",
                    Query(_rate("crossrisk_replay_pairs_total", "defense, measure, change",
                                f'{_MEASURE},change!="same"'), "{{defense}} {{measure}} {{change}}")),
    )  # fmt: skip


def _swaps() -> tuple[panel.Lines, ...]:
    gap, count = "crossrisk_swap_gap_sum_total", "crossrisk_swap_compared_total"
    return (
        panel.lines("Verdicts that hang on the group", "Share of prompts judged otherwise with a swap.",
                    Query("sum by (defense, attribute) (rate(crossrisk_swap_verdicts_total"
                          '{change!="same"}[1h]))\n'
                          "  / (sum by (defense, attribute) (rate(crossrisk_swap_verdicts_total[1h])) > 0)",
                          "{{defense}} {{attribute}}"), unit=SHARE),
        panel.lines("Answers that hang on the group", "Mean distance of two answers; `rerun`: no swap.",
                    Query(f"sum by (measure, pair) (rate({gap}[1h]))\n"
                          f"  / (sum by (measure, pair) (rate({count}[1h])) > 0)", "{{measure}} {{pair}}")),
    )  # fmt: skip
