"""Alerts on the monitors, on the tap and replays that feed them, and on the gateway."""

from deploy.generate.alert import Alert, Fact


def _of_measure(expression: str) -> str:
    """Named as effects name it, so that what depends on a monitor can be silenced with it."""
    return f'label_replace(\n{expression},\n  "measure", "$1", "monitor", "(.*)"\n)'


MONITOR_ALERTS = (
    Alert(
        name="CrossRiskMonitorStale",
        expression=_of_measure("""\
  max by (monitor) (crossrisk_monitor_sampling_ratio)
    * on () group_left () sum(increase(crossrisk_tap_offered_total[15m])) > 20
  unless on (monitor)
    time() - max by (monitor) (crossrisk_monitor_last_update_timestamp_seconds) < 900"""),
        lasts="5m",
        severity="warning",
        about="monitors",
        summary="The monitor of {measure} has judged nothing for 15 minutes, in which {value} exchanges were"
        " its to judge",
        description="Nothing new is known of {measure}: rates and effects stand still and look healthy.",
        value="count",
    ),
    Alert(
        name="CrossRiskMonitorFailing",
        expression=_of_measure("""\
  sum by (monitor) (rate(crossrisk_monitor_errors_total[15m]))
    / sum by (monitor) (rate(crossrisk_monitor_offered_total[15m])) > 0.05"""),
        lasts="10m",
        severity="warning",
        about="monitors",
        summary="The monitor of {measure} loses {value} of its scores",
        description="It raises, takes too long, or says what is no score. What is lost may be just the"
        " exchanges that matter, so its rates and effects are not to be believed.",
        value="percent",
    ),
    Alert(
        name="CrossRiskMonitorsAbsent",
        expression="absent(crossrisk_monitor_sampling_ratio)",
        lasts="5m",
        severity="warning",
        about="monitors",
        summary="No monitors are running, or none is scraped",
        description="Traffic flows as before and nobody measures what the defenses do to it. A canary with a"
        " lease falls to weight 0.",
    ),
    Alert(
        name="CrossRiskTapDropping",
        expression="""\
sum(rate(crossrisk_tap_dropped_total[10m]))
  / sum(rate(crossrisk_tap_offered_total[10m])) > 0.01""",
        lasts="5m",
        severity="warning",
        about="monitors",
        summary="{value} of the exchanges do not reach the monitors",
        description="A place on the tap is given before arm and outcome are known, so effects stay unbiased;"
        " they only take longer to show.",
        value="percent",
    ),
    Alert(
        name="CrossRiskReplayBudgetSpent",
        expression="""\
sum by (kind) (rate(crossrisk_replay_lost_total{reason="budget"}[1h]))
  / (sum by (kind) (rate(crossrisk_replay_compared_total[1h]))
    + sum by (kind) (rate(crossrisk_replay_lost_total[1h]))) > 0.1""",
        lasts="30m",
        severity="info",
        about="monitors",
        summary="{value} of the comparisons by {kind} are lost because the replay budget is spent",
        description="Fewer replays are run than were asked for. Clients are not affected; evidence comes"
        " more slowly.",
        value="percent",
    ),
)

GATEWAY_ALERTS = (
    Alert(
        name="CrossRiskGatewayAbsent",
        expression="absent(crossrisk_tap_offered_total)",
        lasts="2m",
        severity="critical",
        about="gateway",
        summary="No gateway is running, or none is scraped",
        description="Clients may get no answers, and every other alert about the gateway is blind.",
    ),
    Alert(
        name="CrossRiskFailingClosed",
        expression="""\
sum by (defense) (rate(crossrisk_failed_closed_total[10m]))
  / on () group_left () sum(rate(crossrisk_exchanges_total[10m])) > 0.01""",
        lasts="5m",
        keeps="10m",
        severity="critical",
        about="gateway",
        summary="{defense} fails and thereby refuses {value} of the exchanges",
        description="The defense fails closed: users whose requests are harmless get an error. It is not the"
        " defense's verdict, it is a fault.",
        value="percent",
    ),
    Alert(
        name="CrossRiskUnchecked",
        expression="sum by (defense, cause) (increase(crossrisk_unchecked_total[15m])) > 0",
        lasts="1m",
        keeps="15m",
        severity="warning",
        about="gateway",
        summary="{value} checks of {defense} were let pass without a verdict in 15 minutes ({cause})",
        description="Policy lets texts pass where this check fails or takes too long, so for them {defense}"
        " was not there.",
        value="count",
    ),
    Alert(
        name="CrossRiskEncoderDegraded",
        expression='max by (device) (crossrisk_encoder_info{fallback="true"}) == 1',
        lasts="5m",
        severity="warning",
        about="gateway",
        summary="The encoder runs on {device} where a GPU was expected",
        description="Checks by classifiers take many times as long, and those with a timeout may not be made"
        " in time.",
    ),
    Alert(
        name="CrossRiskRolloutSplit",
        expression="""\
max by (instance) (crossrisk_rollout_version)
  - min by (instance) (crossrisk_rollout_version) > 0""",
        lasts="1m",
        severity="warning",
        about="gateway",
        summary="Workers of {instance} follow rollout tables up to {value} versions apart",
        description="Whether a defense is on for a user depends on the worker that is asked. Kill switches"
        " may not hold everywhere.",
        value="count",
    ),
    Alert(
        name="CrossRiskLeaseExpired",
        expression="max by (defense) (increase(crossrisk_lease_expired_total[15m])) > 0",
        lasts="1m",
        severity="warning",
        about="gateway",
        summary="The canary of {defense} fell to weight {weight}: its lease ran out",
        description="Whoever promised to watch the canary has not said so in time. The gateway has taken the"
        " defense out of the canary by itself.",
        facts={"weight": Fact("crossrisk_canary_weight_ratio", "number", ("defense",))},
    ),
)
