"""Board *Traffic*: what became of exchanges, what the defenses cost, and what they kept from leaving."""

from grafana_foundation_sdk.builders import dashboard

from deploy.generate.boards import panel
from deploy.generate.boards.panel import BAD, LIKELY, PLAIN, SECONDS, SHARE, THIRD, Query

_DEFENSE = 'defense=~"$defense"'
_DOOR = 'door=~"$door"'
_PER_SECOND = "$__rate_interval"


def _rate(series: str, by: str, where: str) -> str:
    return f"sum by ({by}) (rate({series}{{{where}}}[{_PER_SECOND}]))"


def board() -> dashboard.Dashboard:
    """The board."""
    made = (
        panel.board("crossrisk-traffic", "CrossRisk: traffic",
                    "Exchanges, latency and hold-back by defense, and leaks prevented.")
        .with_variable(panel.variable("defense", "crossrisk_defense_seconds_count"))
        .with_variable(panel.variable("door", "crossrisk_exchanges_total"))
    )  # fmt: skip
    return panel.filled(made, *_figures(), *_exchanges(), *_release(), *_verdicts(), *_faults(), *_rest())


def _figures() -> tuple[panel.Number, ...]:
    every = f"sum(rate(crossrisk_exchanges_total{{{_DOOR}}}[5m]))"
    failed = f'sum(rate(crossrisk_exchanges_total{{{_DOOR},outcome=~"failed|rejected"}}[5m]))'
    return (
        panel.number("Exchanges a second", "Over five minutes.", Query(every), steps=((None, PLAIN),)),
        panel.number("Failed or rejected", "Share of exchanges, over five minutes.",
                     Query(f"{failed} / ({every} > 0)"), SHARE, ((None, PLAIN), (0.01, LIKELY), (0.05, BAD))),
        panel.number("Leaks prevented in a day", "Spans that were redacted or blocked.",
                     Query(f'sum(increase(crossrisk_findings_total{{{_DEFENSE},action=~"redact|block"}}[1d]))'),
                     steps=((None, PLAIN),)),
        panel.number("Models that answer", "Upstreams that were ready when last asked.",
                     Query("sum(crossrisk_upstream_ready)"), steps=((None, BAD), (1.0, PLAIN))),
    )  # fmt: skip


def _exchanges() -> tuple[panel.Lines, ...]:
    return (
        panel.lines("Outcomes", "Exchanges a second, by how they ended.",
                    Query(_rate("crossrisk_exchanges_total", "outcome", _DOOR), "{{outcome}}"),
                    Query("sum(crossrisk_exchanges_active)", "being served now")),
        panel.lines("Time to first token", "`total` from the request on; `gateway` without the model's.",
                    *panel.quantiles("crossrisk_first_token_seconds", "share"), unit=SECONDS),
        panel.lines("Latency by defense, on prompts", "Time in one defense, without the model's.",
                    *panel.quantiles("crossrisk_defense_seconds", "defense", f'{_DEFENSE},phase="input"'),
                    unit=SECONDS),
        panel.lines("Latency by defense, on answers", "The same while the answer comes.",
                    *panel.quantiles("crossrisk_defense_seconds", "defense", f'{_DEFENSE},phase="output"'),
                    unit=SECONDS),
    )  # fmt: skip


def _release() -> tuple[panel.Lines, ...]:
    return (
        panel.lines("Held characters", "Most characters of an answer held back at once.",
                    *panel.quantiles("crossrisk_stream_held_characters"), span=THIRD),
        panel.lines("Held for one defense", "Most characters that one defense still needed.",
                    *panel.quantiles("crossrisk_held_characters", "defense", _DEFENSE), span=THIRD),
        panel.lines("Wait of a character", "Longest time a character waited for its release.",
                    *panel.quantiles("crossrisk_release_lag_seconds"), unit=SECONDS, span=THIRD),
    )  # fmt: skip


def _verdicts() -> tuple[panel.Lines, ...]:
    kept = f'{_DEFENSE},action=~"redact|block"'
    return (
        panel.lines("Leaks prevented", "Findings a second that were redacted or blocked, by label.",
                    Query(_rate("crossrisk_findings_total", "defense, label", kept),
                          "{{defense}} {{label}}")),
        panel.lines("Verdicts by action", "Findings a second; a flag changes nothing.",
                    Query(_rate("crossrisk_findings_total", "defense, action", _DEFENSE),
                          "{{defense}} {{action}}")),
        panel.lines("Sent before a block", "Characters of a blocked answer that had left before the span.",
                    *panel.quantiles("crossrisk_delivered_before_block_characters")),
        panel.lines("Privacy spent", "Epsilon a second, over all units.",
                    Query(_rate("crossrisk_epsilon_spent_total", "defense", _DEFENSE), "{{defense}}")),
    )  # fmt: skip


def _faults() -> tuple[panel.Lines, ...]:
    return (
        panel.lines("Refused because a defense failed", "Exchanges a second: faults, not verdicts.",
                    Query(_rate("crossrisk_failed_closed_total", "defense", 'defense=~"$defense|other"'),
                          "{{defense}}")),
        panel.lines("Passed without a verdict", "Checks a second that failed and that policy let pass.",
                    Query(_rate("crossrisk_unchecked_total", "defense, cause", _DEFENSE),
                          "{{defense}} {{cause}}")),
    )  # fmt: skip


def _rest() -> tuple[panel.Lines, ...]:
    return (
        panel.lines("Where units come from", "Exchanges a second by the source of their unit.",
                    Query(_rate("crossrisk_units_total", "source", ""), "{{source}}"), span=THIRD),
        panel.lines("Windows of the encoder", "Windows of texts a second, by what became of them.",
                    Query(_rate("crossrisk_encoder_windows_total", "outcome", ""), "{{outcome}}"),
                    span=THIRD),
        panel.lines("Rollout", "Version in force by worker, and seconds until leases run out.",
                    Query("crossrisk_rollout_version", "version {{instance}} {{worker}}"),
                    Query(f"max by (defense) (crossrisk_lease_seconds{{{_DEFENSE}}})", "lease {{defense}}"),
                    span=THIRD),
    )  # fmt: skip
