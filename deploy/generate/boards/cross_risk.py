"""Board *Cross-risk*: what each defense does to each risk, how sure that is, and what has changed."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from deploy.generate.boards import panel
from deploy.generate.boards.panel import BAD, GOOD, LIKELY, PLAIN, Query

_CELL = 'defense=~"$defense",risk=~"$risk",measure=~"$measure"'
_MEASURE = 'risk=~"$risk",measure=~"$measure"'
_NAME = "{{defense}} on {{measure}}"
_KEYS = ("defense", "risk", "measure")
_MOST = 100
"""A bound without an end is drawn here."""


def _cell(series: str, **where: str) -> str:
    further = "".join(f',{name}="{value}"' for name, value in where.items())
    return f"max by (defense, risk, measure) ({series}{{{_CELL}{further}}})"


def board() -> dashboard.Dashboard:
    """The board."""
    made = (
        panel.board(
            "crossrisk-effects", "CrossRisk: cross-risk",
            "What each defense does to each risk. A ratio of 2 means twice as many violations with the"
            " defense as without it; intervals hold however often one looks.",
        )
        .with_variable(panel.variable("defense", "crossrisk_effect_units"))
        .with_variable(panel.variable("risk", "crossrisk_risk_tolerance_ratio"))
        .with_variable(panel.variable("measure", "crossrisk_risk_tolerance_ratio"))
        .annotation(panel.annotation("changes found", _ALARMS, BAD))
        .annotation(panel.annotation("rollout changed", "changes(crossrisk_rollout_version[2m]) > 0", GOOD))
    )  # fmt: skip
    return panel.filled(
        made, *_figures(), *_matrices(), *_intervals(), *_evidence(), *_changes(), *_exposure()
    )


_ALARMS = """\
sum by (kind, measure, defense, direction) (
  increase(crossrisk_drift_alarms_total{defense=~"$defense|",measure=~"$measure|"}[2m])
) > 0"""


def _figures() -> tuple[panel.Number, ...]:
    return (
        panel.number("Proven harms", "Effects that the monitors hold for harm, over all cells together.",
                     Query(f'sum(crossrisk_effect_flagged{{{_CELL},procedure="eholm"}})')),
        panel.number("Likely harms", "Of what is flagged here, about one in twenty is none.",
                     Query(f'sum(crossrisk_effect_flagged{{{_CELL},procedure="ebh"}})'),
                     steps=((None, PLAIN), (1.0, LIKELY))),
        panel.number("Invalid comparisons", "Cells whose arms are not the shares that were sent.",
                     Query(f"sum(1 - crossrisk_effect_valid{{{_CELL}}})")),
        panel.number("Changes found in a day", "Of measures, effects and the mix of traffic.",
                     Query("sum(increase(crossrisk_drift_alarms_total[1d]))")),
    )  # fmt: skip


def _matrices() -> tuple[panel.Columns, ...]:
    flags = {"0": ("", "transparent"), "1": ("HARM", BAD)}
    return (
        panel.matrix(
            "Ratio of violations, with over without", "Blue: fewer with the defense; orange and red: more.",
            Query(_cell("crossrisk_effect_ratio")), "defense", "measure", panel.RATIO_STEPS,
        ),
        panel.columns(
            "Matrix", "Each effect with its interval; replays speak where no arms are drawn.",
            Query(_cell("crossrisk_effect_ratio"), "ratio"),
            Query(_cell("crossrisk_effect_ratio_bound", bound="lower"), "from"),
            Query(_cell("crossrisk_effect_ratio_bound", bound="upper"), "to"),
            Query(_cell("crossrisk_effect_flagged", procedure="eholm"), "proven"),
            Query(_cell("crossrisk_effect_valid"), "valid"),
            Query(_cell("crossrisk_effect_units", arm="treatment"), "units with"),
            Query(_cell("crossrisk_effect_units", arm="control"), "units without"),
            Query(_cell("crossrisk_effect_replayed_pairs"), "replays"),
            keys=_KEYS,
        )
        .override_by_name("ratio", panel.coloured(panel.RATIO_STEPS))
        .override_by_name("proven", panel.worded(flags))
        .override_by_name("valid", panel.worded({"0": ("INVALID", LIKELY), "1": ("", "transparent")}))
        .override_by_regexp("units.*|replays", [DynamicConfigValue("decimals", 0)]),
    )  # fmt: skip


def _intervals() -> tuple[panel.Lines, ...]:
    made = panel.lines(
        "Ratio with its interval: $risk",
        f"The lines that frame a ratio are its interval; one without an end is drawn at {_MOST}.",
        Query(_cell("crossrisk_effect_ratio"), _NAME),
        Query(_cell("crossrisk_effect_ratio_bound", bound="lower"), f"{_NAME}, from"),
        Query(f"clamp_max({_cell('crossrisk_effect_ratio_bound', bound='upper')}, {_MOST})", f"{_NAME}, to"),
        span=panel.WHOLE,
        steps=((None, PLAIN), (1.0, PLAIN)),
    )
    dotted = [
        DynamicConfigValue("custom.lineStyle", {"fill": "dot", "dash": [2, 4]}),
        DynamicConfigValue("custom.fillOpacity", 0),
    ]
    return (
        made.override_by_query("B", dotted)
        .override_by_query("C", dotted)
        .scale_distribution(panel.logarithmic())
        .repeat("risk")
        .repeat_direction("h")
        .max_per_row(2),
    )


def _evidence() -> tuple[panel.Lines, ...]:
    limit = Query("-ln(1 - max(crossrisk_effect_confidence_ratio))", "proof for one effect alone")
    shown = [DynamicConfigValue("color", {"mode": "fixed", "fixedColor": BAD}),
             DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]})]  # fmt: skip
    return tuple(
        panel.lines(
            title, about,
            Query(_cell("crossrisk_effect_log_evalue", hypothesis=hypothesis), _NAME), limit,
        ).override_by_query("B", shown)
        for title, about, hypothesis in (
            ("Evidence of harm", "Logarithm of the e-value. Over all effects together more is asked for than"
             " the dashed line; the monitors decide.", "harm"),
            ("Evidence of being no worse", "Logarithm of the e-value against the margin.", "noninferior"),
        )
    )  # fmt: skip


def _changes() -> tuple[panel.Lines, ...]:
    def near(kind: str, labels: str, where: str) -> Query:
        by = f"max by ({labels}, method, direction)"
        chosen = f'{{kind="{kind}"{where}}}'
        names = " ".join(f"{{{{{one.strip()}}}}}" for one in labels.split(","))
        return Query(
            f"{by} (crossrisk_drift_statistic{chosen})\n  / {by} (crossrisk_drift_threshold{chosen})",
            f"{names} {{{{direction}}}} ({{{{method}}}})",
        )

    about = "Each detector as a share of its threshold; an alarm at 1, after which it begins anew."
    return (
        panel.lines("Drift of effects", about, near("effect", "defense, measure", f",{_CELL}"),
                    span=panel.THIRD, steps=panel.ALARM_STEPS),
        panel.lines("Drift of measures", about, near("measure", "measure", f",{_MEASURE}"),
                    span=panel.THIRD, steps=panel.ALARM_STEPS),
        panel.lines("Drift of the mix", about, near("mix", "kind", ""),
                    span=panel.THIRD, steps=panel.ALARM_STEPS),
    )  # fmt: skip


def _exposure() -> tuple[panel.Lines, ...]:
    chosen = '{defense=~"$defense"}'
    return (
        panel.lines("Violations", "Share of the exchanges a measure applies to, over an hour.",
                    Query(f"crossrisk:risk_violations:ratio_rate1h{{{_MEASURE}}}", "{{measure}}"),
                    unit=panel.SHARE, span=panel.THIRD),
        panel.lines("Who has which defense", "Share of units: canaries on, holdbacks off, kill switch.",
                    Query(f"max by (defense) (crossrisk_canary_weight_ratio{chosen})", "{{defense}} canary"),
                    Query(f"max by (defense) (crossrisk_holdback_ratio{chosen})", "{{defense}} held back"),
                    Query(f"max by (defense) (crossrisk_killed{chosen})", "{{defense}} killed"),
                    unit=panel.SHARE, span=panel.THIRD),
        panel.lines("Evidence gathered", "Violations of units at their first eligible exchange, by arm; and"
                    " replays that differ.",
                    Query(f"sum by (defense, arm) (crossrisk_effect_events{{{_CELL}}})",
                          "{{defense}} {{arm}}"),
                    Query(f"sum by (defense) (crossrisk_effect_discordant_pairs{{{_CELL}}})",
                          "{{defense}} replays"),
                    span=panel.THIRD),
    )  # fmt: skip
