"""The one list of alerts, for Prometheus and Grafana alike."""

from deploy.generate.alert import Alert
from deploy.generate.effect_alerts import EFFECT_ALERTS
from deploy.generate.health_alerts import GATEWAY_ALERTS, MONITOR_ALERTS

ALERTS: tuple[Alert, ...] = (*EFFECT_ALERTS, *MONITOR_ALERTS, *GATEWAY_ALERTS)
GROUPS = {
    "crossrisk effects": EFFECT_ALERTS,
    "crossrisk monitors": MONITOR_ALERTS,
    "crossrisk gateway": GATEWAY_ALERTS,
}
EVERY = "15s"
"""Between two evaluations."""
