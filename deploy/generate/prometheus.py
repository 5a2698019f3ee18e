"""Rules of Prometheus: alerts from the one list, recordings for the boards, unit tests for promtool."""

from collections.abc import Mapping
from typing import Any

from deploy.generate.alert import Alert, Fact, styled, written
from deploy.generate.alerts import EVERY, GROUPS
from deploy.generate.cases import CASES, Case

RECORDINGS: Mapping[str, str] = {
    # Of each exchange every defense counts the same score, so what they add up to is the plain rate.
    "crossrisk:risk_violations:ratio_rate1h": """\
sum by (risk, measure) (rate(crossrisk_risk_violations_total{arm!="replay"}[1h]))
  / (sum by (risk, measure) (rate(crossrisk_risk_scored_total{arm!="replay"}[1h])) > 0)""",
    "crossrisk:monitor_scored:ratio_rate1h": """\
sum by (monitor) (rate(crossrisk_monitor_scored_total[1h]))
  / (sum by (monitor) (rate(crossrisk_monitor_offered_total[1h])) > 0)""",
    "crossrisk:tap_dropped:ratio_rate10m": """\
sum(rate(crossrisk_tap_dropped_total[10m]))
  / (sum(rate(crossrisk_tap_offered_total[10m])) > 0)""",
}


def alerts(runbooks: str) -> dict[str, Any]:
    """The alert rules; `runbooks` goes before the path of each runbook page."""
    return {
        "groups": [
            {"name": name, "interval": EVERY, "rules": [_rule(one, runbooks) for one in group]}
            for name, group in GROUPS.items()
        ]
    }


def recordings() -> dict[str, Any]:
    """The recording rules: what boards show over long ranges."""
    rules = [{"record": name, "expr": expression} for name, expression in RECORDINGS.items()]
    return {"groups": [{"name": "crossrisk recordings", "interval": EVERY, "rules": rules}]}


def tests(runbooks: str) -> dict[str, Any]:
    """Unit tests of the alert rules: each fires, does not fire just below, and none without data."""
    made = [_test("no series at all", {}, [_checked(case, runbooks, not case.series) for case in CASES])]
    for case in CASES:
        below = {**case.series, **case.below}
        if case.series:
            made.append(_test(f"{case.alert.name} fires", case.series, [_checked(case, runbooks, True)]))
        made.append(_test(f"{case.alert.name}, just below", below, [_checked(case, runbooks, False)]))
    return {"rule_files": ["alerts.yaml"], "evaluation_interval": "1m", "tests": made}


def _rule(alert: Alert, runbooks: str) -> dict[str, Any]:
    kept = {"keep_firing_for": alert.keeps} if alert.keeps else {}
    annotations = {
        "summary": written(f"{alert.summary}, since {{since}}", lambda name: _place(alert, name)),
        "description": written(alert.description, lambda name: _place(alert, name)),
        "runbook_url": runbooks + alert.runbook,
    }
    return {
        "alert": alert.name,
        "expr": alert.expression,
        "for": alert.lasts,
        **kept,
        "labels": alert.labels,
        "annotations": annotations,
    }


def _place(alert: Alert, name: str) -> str:
    if name in alert.quoted:
        return _queried(alert.quoted[name])
    if name == "since":
        return _queried(Fact("ALERTS_FOR_STATE", "time", ("alertname",), {"alertname": alert.name}), alert)
    return styled(alert.value, "$value") if name == "value" else f"{{{{ $labels.{name} }}}}"


def _queried(fact: Fact, alert: Alert | None = None) -> str:
    """A template that asks for the figure of the alert at hand; `?` where there is none."""
    own = list(fact.by) if alert is None else _labels(alert)
    asked = fact.expression(dict.fromkeys(own, "%s")).replace('"', '\\"')
    given = " ".join(f"$labels.{name}" for name in own)
    query = f'(printf "{asked}" {given})' if own else f'"{asked}"'
    value = styled(fact.style, ". | first | value")
    return f"{{{{ with query {query} }}}}{value}{{{{ else }}}}?{{{{ end }}}}"


def _labels(alert: Alert) -> list[str]:
    """The labels that tell alerts of one kind apart, by which their state is found."""
    return [name for name in ("defense", "risk", "measure", "monitor", "kind", "cause", "device", "instance")
            if f"{{{name}}}" in alert.summary]  # fmt: skip


def _checked(case: Case, runbooks: str, fires: bool) -> dict[str, Any]:
    alert = case.alert
    checked = {"eval_time": case.at, "alertname": alert.name}
    expected = {
        "exp_labels": {**alert.labels, **case.labels},
        "exp_annotations": {
            "summary": case.summary,
            "description": written(alert.description, case.quoted),
            "runbook_url": runbooks + alert.runbook,
        },
    }
    return {**checked, "exp_alerts": [expected] if fires else []}


def _test(name: str, series: Mapping[str, str], checked: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": name,
        "interval": "15s",
        "input_series": [{"series": one, "values": values} for one, values in series.items()],
        "alert_rule_test": checked,
    }
