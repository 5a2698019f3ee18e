"""Alerting within Grafana: the same conditions, contact points and routes as with Prometheus' own.

Grafana reads these files when it starts. Texts hold no dollar sign, since some releases take it for a
variable of the environment; templates therefore say `.Labels` and `.Values`.
"""

from typing import Any

from deploy.generate.alert import Alert, styled, written
from deploy.generate.alerts import EVERY, GROUPS

DATASOURCE = "crossrisk-prometheus"
"""UID of the Prometheus that the provisioning file names."""
FOLDER = "CrossRisk"
_SECONDS = 600
_MESSAGE = """\
{{ define "crossrisk.message" -}}
{{ range .Alerts }}
[{{ .Status }}, {{ .Labels.severity }}] {{ .Annotations.summary }}
since {{ .StartsAt.Format "2006-01-02 15:04:05 MST" }}; what to do: {{ .Annotations.runbook_url }}
{{ end }}
{{- end }}"""
RECEIVERS = ("pager", "tickets", "notes")


def rules(runbooks: str) -> dict[str, Any]:
    """The alert rules; `runbooks` goes before the path of each runbook page."""
    return {
        "apiVersion": 1,
        "groups": [
            {
                "orgId": 1,
                "name": name,
                "folder": FOLDER,
                "interval": EVERY,
                "rules": [_rule(one, runbooks) for one in group],
            }
            for name, group in GROUPS.items()
        ],
    }


def contact_points() -> dict[str, Any]:
    """Three receivers; their addresses are examples."""
    return {
        "apiVersion": 1,
        "contactPoints": [
            {
                "orgId": 1,
                "name": name,
                "receivers": [
                    {
                        "uid": f"crossrisk-{name}",
                        "type": "webhook",
                        "settings": {
                            "url": f"http://127.0.0.1:9095/{name}",
                            "httpMethod": "POST",
                            "message": '{{ template "crossrisk.message" . }}',
                        },
                    }
                ],
            }
            for name in RECEIVERS
        ],
    }


def templates() -> dict[str, Any]:
    """What a message says, and since when."""
    return {
        "apiVersion": 1,
        "templates": [{"orgId": 1, "name": "crossrisk", "template": _MESSAGE}],
    }


def policies() -> dict[str, Any]:
    """Who hears of what. It becomes the whole policy of the organisation: merge it into one that is there."""
    grouped = {"group_by": ["about", "defense", "alertname"]}
    return {
        "apiVersion": 1,
        "policies": [
            {
                "orgId": 1,
                "receiver": "tickets",
                **grouped,
                "group_wait": "30s",
                "group_interval": "5m",
                "repeat_interval": "12h",
                "routes": [
                    {
                        "receiver": "pager",
                        **grouped,
                        "object_matchers": [["severity", "=", "critical"]],
                        "group_wait": "10s",
                        "repeat_interval": "2h",
                    },
                    {
                        "receiver": "notes",
                        **grouped,
                        "object_matchers": [["severity", "=", "info"]],
                        "repeat_interval": "24h",
                    },
                ],
            }
        ],
    }


def uid(alert: Alert) -> str:
    """The identifier of a rule, within the forty characters that Grafana takes."""
    return alert.name.lower()[:40]


def _rule(alert: Alert, runbooks: str) -> dict[str, Any]:
    kept = {"keepFiringFor": alert.keeps} if alert.keeps else {}
    data = [*_asked("value", alert.expression), _above_zero()]
    for name, fact in alert.quoted.items():
        # One query without data would make the whole rule one without data.
        data += _asked(name, f"{fact.expression()} or vector(NaN)")
    return {
        "uid": uid(alert),
        "title": alert.name,
        "condition": "holds",
        "data": data,
        "noDataState": "OK",  # conditions give nothing while they do not hold
        "execErrState": "Error",
        "for": alert.lasts,
        **kept,
        "labels": alert.labels,
        "annotations": {
            "summary": written(_summary(alert), lambda name: _place(alert, name)),
            "description": written(alert.description, lambda name: _place(alert, name)),
            "runbook_url": runbooks + alert.runbook,
        },
    }


def _summary(alert: Alert) -> str:
    # Without a series that tells it, since when is what the message says of the alert itself.
    return f"{alert.summary}, since {{since}}" if alert.since else alert.summary


def _place(alert: Alert, name: str) -> str:
    if name != "value" and name not in alert.quoted:
        return f"{{{{ .Labels.{name} }}}}"
    style = alert.value if name == "value" else alert.quoted[name].style
    return styled(style, f'(index .Values "{name}").Value')


def _asked(name: str, expression: str) -> list[dict[str, Any]]:
    """A query, and its single value under `name`."""
    return [
        _node(f"{name}_query", DATASOURCE, {"expr": expression, "instant": True, "range": False}),
        _node(name, "__expr__", {"type": "reduce", "expression": f"{name}_query", "reducer": "last"}),
    ]


def _above_zero() -> dict[str, Any]:
    above = {"evaluator": {"type": "gt", "params": [0]}}
    return _node("holds", "__expr__", {"type": "threshold", "expression": "value", "conditions": [above]})


def _node(name: str, source: str, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "refId": name,
        "datasourceUid": source,
        "relativeTimeRange": {"from": _SECONDS, "to": 0},
        "model": {"refId": name, **model},
    }
