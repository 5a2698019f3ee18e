"""What each alert is tried on: series on which it fires, what it then says, and series just below.

Values are in promtool's notation, a sample every 15 seconds from 1970-01-01 00:00 on; rules are evaluated
once a minute. Without any series nothing fires but the alerts on absence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from deploy.generate.alert import Alert
from deploy.generate.alerts import ALERTS

_CELL = 'defense="leak_filter",risk="utility",measure="over_refusal"'
_LABELS = {"defense": "leak_filter", "risk": "utility", "measure": "over_refusal"}
_ALERTS = {alert.name: alert for alert in ALERTS}


@dataclass(frozen=True, slots=True)
class Case:
    """One alert tried.

    series: on which it fires at `at`, saying `summary` with `labels`. below: other values of some of them, so
    that it does not. words: what the description quotes, beside labels.
    """

    alert: Alert
    series: Mapping[str, str]
    summary: str
    below: Mapping[str, str]
    labels: Mapping[str, str] = field(default_factory=dict)
    at: str = "30m"
    words: Mapping[str, str] = field(default_factory=dict)

    def quoted(self, name: str) -> str:
        """What a place of the description comes to."""
        return {**self.labels, **self.words}[name]


_EFFECT = {
    f'crossrisk_effect_ratio{{{_CELL}}}': "1.8x200",
    f'crossrisk_effect_ratio_bound{{{_CELL},bound="lower"}}': "1.25x200",
    f'crossrisk_effect_ratio_bound{{{_CELL},bound="upper"}}': "3x200",
    "crossrisk_effect_confidence_ratio": "0.95x200",
}  # fmt: skip
_HARM = {
    **_EFFECT,
    f'crossrisk_effect_flagged{{{_CELL},procedure="eholm"}}': "0x20 1x200",
    f"crossrisk_effect_valid{{{_CELL}}}": "1x200",
    f'crossrisk_effect_events{{{_CELL},arm="treatment"}}': "9x200",
    f'crossrisk_effect_events{{{_CELL},arm="control"}}': "8x200",
    f"crossrisk_effect_discordant_pairs{{{_CELL}}}": "3x200",
    'crossrisk_risk_tolerance_ratio{risk="utility",measure="over_refusal"}': "1.2x200",
}
_HARM_SAYS = (
    "leak_filter multiplies violations of over_refusal (utility) by 1.80 (95% interval 1.25 to 3.00),"
    " since 1970-01-01 00:06:00 +0000 UTC"
)


def _harm(**below: str) -> Case:
    """One part of the condition fails at a time."""
    [(name, values)] = below.items()
    series = next(one for one in _HARM if name in one)
    return Case(_ALERTS["CrossRiskHarm"], _HARM, _HARM_SAYS, {series: values}, _LABELS,
                words={"ratio": "1.80"})  # fmt: skip


def _drift(kind: str, rest: str) -> dict[str, str]:
    labels = f'kind="{kind}",{rest}direction="up",method="cusum"'
    return {
        f"crossrisk_drift_alarms_total{{{labels}}}": "0x80 1x120",
        f"crossrisk_drift_since_timestamp_seconds{{{labels}}}": "_x80 900x120",
        f"crossrisk_drift_change_ratio{{{labels}}}": "_x80 2.5x120",
    }


def _quiet(series: Mapping[str, str]) -> dict[str, str]:
    return {one: "0x200" for one in series if "alarms" in one}


_EFFECT_DRIFT = {**_EFFECT, **_drift("effect", f"{_CELL},")}
_MEASURE_DRIFT = _drift("measure", 'risk="utility",measure="over_refusal",')
_MIX_DRIFT = _drift("mix", "")
_VALID = f"crossrisk_effect_valid{{{_CELL}}}"
_SINCE_DRIFT = "since 1970-01-01 00:15:00 +0000 UTC"
_EFFECT_DRIFT_SAYS = (
    "The effect of leak_filter on over_refusal (utility) went up: 2.50 times the violations that were to come"
    f" with it; over all time its ratio is 1.80 (95% interval 1.25 to 3.00), {_SINCE_DRIFT}"
)

EFFECT_CASES = (
    _harm(effect_ratio_bound="1.2x200"),
    _harm(effect_flagged="0x200"),
    _harm(effect_valid="0x200"),
    _harm(effect_discordant_pairs="2x200"),
    Case(
        _ALERTS["CrossRiskEffectDrift"],
        _EFFECT_DRIFT,
        _EFFECT_DRIFT_SAYS,
        _quiet(_EFFECT_DRIFT),
        {**_LABELS, "direction": "up"},
    ),
    Case(
        _ALERTS["CrossRiskEffectDrift"],
        {**_EFFECT_DRIFT, _VALID: "1x200"},
        _EFFECT_DRIFT_SAYS,
        {_VALID: "0x200"},
        {**_LABELS, "direction": "up"},
    ),
    Case(
        _ALERTS["CrossRiskMeasureDrift"],
        _MEASURE_DRIFT,
        "over_refusal (utility) went up: 2.50 times the violations that were to come, " + _SINCE_DRIFT,
        _quiet(_MEASURE_DRIFT),
        {"risk": "utility", "measure": "over_refusal", "direction": "up"},
    ),
    Case(
        _ALERTS["CrossRiskMixDrift"],
        _MIX_DRIFT,
        f"The mix of traffic has changed, {_SINCE_DRIFT}",
        _quiet(_MIX_DRIFT),
        {"direction": "up"},
    ),
    Case(
        _ALERTS["CrossRiskInvalidExperiment"],
        {
            _VALID: "1x20 0x200",
            f'crossrisk_effect_units{{{_CELL},arm="treatment"}}': "700x200",
            f'crossrisk_effect_units{{{_CELL},arm="control"}}': "400x200",
        },
        "The comparison of leak_filter on over_refusal (utility) is invalid: 700 units with it and 400"
        " without are not the shares that were sent, since 1970-01-01 00:06:00 +0000 UTC",
        {_VALID: "1x200"},
        _LABELS,
    ),
)

_MONITOR = 'monitor="over_refusal"'
_OF_MONITOR = {"monitor": "over_refusal", "measure": "over_refusal"}
_BUSY = {
    f"crossrisk_monitor_sampling_ratio{{{_MONITOR}}}": "0.5x300",
    "crossrisk_tap_offered_total": "0+15x300",
}
_JUDGED = f"crossrisk_monitor_last_update_timestamp_seconds{{{_MONITOR}}}"
_LOST = 'crossrisk_replay_lost_total{kind="leave_out",reason="budget"}'
_REFUSED = 'crossrisk_failed_closed_total{defense="leak_filter"}'
_STALE_SAYS = (
    "The monitor of over_refusal has judged nothing for 15 minutes, in which 450 exchanges were its to judge,"
)

MONITOR_CASES = (
    Case(
        _ALERTS["CrossRiskMonitorStale"],
        {**_BUSY, _JUDGED: "600x300"},
        f"{_STALE_SAYS} since 1970-01-01 00:25:00 +0000 UTC",
        {"crossrisk_tap_offered_total": "0+0.6x300"},  # 18 in 15 minutes: it may just have had none
        _OF_MONITOR,
        "40m",
    ),
    Case(
        _ALERTS["CrossRiskMonitorStale"],
        _BUSY,
        f"{_STALE_SAYS} since 1970-01-01 00:01:00 +0000 UTC",
        {_JUDGED: "1201x300"},  # stale for less than five minutes
        _OF_MONITOR,
        "40m",
    ),
    Case(
        _ALERTS["CrossRiskMonitorFailing"],
        {
            f"crossrisk_monitor_errors_total{{{_MONITOR}}}": "0+1x200",
            f"crossrisk_monitor_offered_total{{{_MONITOR}}}": "0+16x200",
        },
        "The monitor of over_refusal loses 6.25% of its scores, since 1970-01-01 00:01:00 +0000 UTC",
        {f"crossrisk_monitor_offered_total{{{_MONITOR}}}": "0+20x200"},
        _OF_MONITOR,
    ),
    Case(
        _ALERTS["CrossRiskMonitorsAbsent"],
        {},
        "No monitors are running, or none is scraped, since 1970-01-01 00:00:00 +0000 UTC",
        _BUSY,
    ),
    Case(
        _ALERTS["CrossRiskTapDropping"],
        {
            'crossrisk_tap_dropped_total{reason="full"}': "0+1x200",
            'crossrisk_tap_dropped_total{reason="disconnected"}': "0+1x200",
            "crossrisk_tap_offered_total": "0+160x200",
        },
        "1.25% of the exchanges do not reach the monitors, since 1970-01-01 00:01:00 +0000 UTC",
        {"crossrisk_tap_offered_total": "0+200x200"},
    ),
    Case(
        _ALERTS["CrossRiskReplayBudgetSpent"],
        {
            _LOST: "0+1x300",
            'crossrisk_replay_lost_total{kind="leave_out",reason="failed"}': "0+1x300",
            'crossrisk_replay_compared_total{kind="leave_out"}': "0+6x300",
        },
        "12.5% of the comparisons by leave_out are lost because the replay budget is spent,"
        " since 1970-01-01 00:01:00 +0000 UTC",
        {'crossrisk_replay_compared_total{kind="leave_out"}': "0+8x300"},
        {"kind": "leave_out"},
        "45m",
    ),
)  # fmt: skip

_VERSIONS = 'crossrisk_rollout_version{instance="gateway:9464",worker='
GATEWAY_CASES = (
    Case(
        _ALERTS["CrossRiskGatewayAbsent"],
        {},
        "No gateway is running, or none is scraped, since 1970-01-01 00:00:00 +0000 UTC",
        _BUSY,
    ),
    Case(
        _ALERTS["CrossRiskFailingClosed"],
        {
            _REFUSED: "0+1x200",
            'crossrisk_exchanges_total{outcome="failed"}': "0+20x200",
            'crossrisk_exchanges_total{outcome="completed"}': "0+60x200",
        },
        "leak_filter fails and thereby refuses 1.25% of the exchanges, since 1970-01-01 00:01:00 +0000 UTC",
        {'crossrisk_exchanges_total{outcome="completed"}': "0+80x200"},
        {"defense": "leak_filter"},
    ),
    Case(
        _ALERTS["CrossRiskUnchecked"],
        {'crossrisk_unchecked_total{defense="leak_filter",cause="timeout"}': "0+1x200"},
        "60 checks of leak_filter were let pass without a verdict in 15 minutes (timeout),"
        " since 1970-01-01 00:01:00 +0000 UTC",
        {'crossrisk_unchecked_total{defense="leak_filter",cause="timeout"}': "7x200"},
        {"defense": "leak_filter", "cause": "timeout"},
    ),
    Case(
        _ALERTS["CrossRiskEncoderDegraded"],
        {'crossrisk_encoder_info{device="cpu",fallback="true"}': "1x200"},
        "The encoder runs on cpu where a GPU was expected, since 1970-01-01 00:00:00 +0000 UTC",
        {
            'crossrisk_encoder_info{device="cpu",fallback="true"}': "_x200",
            'crossrisk_encoder_info{device="cpu",fallback="false"}': "1x200",
        },
        {"device": "cpu"},
    ),
    Case(
        _ALERTS["CrossRiskRolloutSplit"],
        {f'{_VERSIONS}"0"}}': "4x200", f'{_VERSIONS}"1"}}': "4x60 3x140"},
        "Workers of gateway:9464 follow rollout tables up to 1 versions apart,"
        " since 1970-01-01 00:16:00 +0000 UTC",
        {f'{_VERSIONS}"1"}}': "4x200"},
        {"instance": "gateway:9464"},
    ),
    Case(
        _ALERTS["CrossRiskLeaseExpired"],
        {
            'crossrisk_lease_expired_total{defense="leak_filter"}': "0x80 1x120",
            'crossrisk_canary_weight_ratio{defense="leak_filter"}': "0.05x80 0x120",
        },
        "The canary of leak_filter fell to weight 0.00: its lease ran out,"
        " since 1970-01-01 00:21:00 +0000 UTC",
        {'crossrisk_lease_expired_total{defense="leak_filter"}': "0x200"},
        {"defense": "leak_filter"},
    ),
)

CASES: tuple[Case, ...] = (*EFFECT_CASES, *MONITOR_CASES, *GATEWAY_CASES)
