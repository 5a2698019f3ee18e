"""Alerts on what defenses do to risks, and on what has changed.

The monitors decide; here it is only read. Nothing works out significance again: whoever looks at a test over
and over until it is significant has tested nothing.
"""

from deploy.generate.alert import Alert, Fact

EFFECT = ("defense", "risk", "measure")
_BY = "max by (defense, risk, measure)"
_RATIO = {
    "ratio": Fact("crossrisk_effect_ratio", "number", EFFECT),
    "lower": Fact("crossrisk_effect_ratio_bound", "number", EFFECT, {"bound": "lower"}),
    "upper": Fact("crossrisk_effect_ratio_bound", "number", EFFECT, {"bound": "upper"}),
    "confidence": Fact("crossrisk_effect_confidence_ratio", "percent", ()),
}
_EVENTS = 20
"""Fewest violations (and replays that differ) that an alert is raised on."""


def _drifted(kind: str, *labels: str) -> str:
    grouped = ", ".join((*labels, "direction"))
    return f'sum by ({grouped}) (increase(crossrisk_drift_alarms_total{{kind="{kind}"}}[1h])) > 0'


def _began(kind: str, *labels: str) -> Fact:
    return Fact("crossrisk_drift_since_timestamp_seconds", "time", (*labels, "direction"), {"kind": kind})


def _change(kind: str, *labels: str) -> Fact:
    return Fact("crossrisk_drift_change_ratio", "number", (*labels, "direction"), {"kind": kind})


EFFECT_ALERTS = (
    Alert(
        name="CrossRiskHarm",
        expression=f"""\
{_BY} (crossrisk_effect_ratio_bound{{bound="lower"}})
  > on (risk, measure) group_left () max by (risk, measure) (crossrisk_risk_tolerance_ratio)
and on (defense, risk, measure)
  {_BY} (crossrisk_effect_flagged{{procedure="eholm"}}) == 1
and on (defense, risk, measure)
  {_BY} (crossrisk_effect_valid) == 1
and on (defense, risk, measure)
  sum by (defense, risk, measure) (crossrisk_effect_events)
    + {_BY} (crossrisk_effect_discordant_pairs) >= {_EVENTS}""",
        lasts="2m",
        keeps="15m",
        severity="critical",
        about="effect",
        summary="{defense} multiplies violations of {measure} ({risk}) by {ratio}"
        " ({confidence} interval {lower} to {upper})",
        description="With {defense} on, {measure} is violated {ratio} times as often as without it. The"
        " monitors hold this for proven over all effects together, the whole interval lies above what is"
        " tolerated, and there are enough violations to look at.",
        facts=_RATIO,
    ),
    Alert(
        name="CrossRiskEffectDrift",
        expression=f"""\
{_drifted("effect", "defense", "risk", "measure")}
unless on (defense, risk, measure)
  {_BY} (crossrisk_effect_valid) == 0""",
        lasts="1m",
        severity="warning",
        about="drift",
        summary="The effect of {defense} on {measure} ({risk}) went {direction}: {change} times the"
        " violations that were to come with it; over all time its ratio is {ratio} ({confidence} interval"
        " {lower} to {upper})",
        description="Users with {defense} have another share of the violations of {measure} than what was"
        " learned. Those without it answer for the hour, the mix and the model, so it is the defense that"
        " works differently.",
        facts={"change": _change("effect", *EFFECT), **_RATIO},
        since=_began("effect", *EFFECT),
    ),
    Alert(
        name="CrossRiskMeasureDrift",
        expression=_drifted("measure", "risk", "measure"),
        lasts="1m",
        severity="warning",
        about="drift",
        summary="{measure} ({risk}) went {direction}: {change} times the violations that were to come",
        description="Violations of {measure} come at another rate than their stratum and hour had. What"
        " caused it is not known from this alone: the model, a rollout, or those who ask.",
        facts={"change": _change("measure", "risk", "measure")},
        since=_began("measure", "risk", "measure"),
    ),
    Alert(
        name="CrossRiskMixDrift",
        expression=_drifted("mix"),
        lasts="1m",
        severity="info",
        about="drift",
        summary="The mix of traffic has changed",
        description="The strata of the exchanges come in other shares than before. That is nobody's fault and"
        " moves no effect; rates of single risks may move with it.",
        since=_began("mix"),
    ),
    Alert(
        name="CrossRiskInvalidExperiment",
        expression=f"{_BY} (crossrisk_effect_valid == bool 0) > 0",
        lasts="5m",
        keeps="15m",
        severity="warning",
        about="monitors",
        summary="The comparison of {defense} on {measure} ({risk}) is invalid: {treated} units with it and"
        " {untreated} without are not the shares that were sent",
        description="Units went missing from one arm, so whatever differs between the arms may come from"
        " that. No effect of {defense} on {measure} is to be believed until it is mended.",
        facts={
            "treated": Fact("crossrisk_effect_units", "count", EFFECT, {"arm": "treatment"}),
            "untreated": Fact("crossrisk_effect_units", "count", EFFECT, {"arm": "control"}),
        },
    ),
)
