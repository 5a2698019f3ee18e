"""The words for effects and for changes, which terminal, console and report share."""

from monitors.v1 import effects_pb2 as pb

HELPS = 3.0
"""Logarithm of an e-value from which on an effect is said to help."""
_QUESTIONS = {"harm": "Is it harm?", "noninferior": "Is it no worse than the margin?"}


def flag_of(effect: pb.Effect) -> str:
    """INVALID, HARM, harm likely, helps, or nothing while it is open."""
    if not effect.valid:
        return "INVALID"
    if effect.decided:
        return "HARM"
    if effect.shown:
        return "harm likely"
    return "helps" if effect.log_help >= HELPS else ""


def is_known(effect: pb.Effect) -> bool:
    """Whether there was a violation at all."""
    if effect.treatment.violations or effect.control.violations:
        return True
    return effect.replayed_pairs > 0 and effect.replayed_ratio.HasField("estimate")


def is_live(effect: pb.Effect) -> bool:
    """Whether live traffic tells of it, because arms were drawn; else replays do."""
    return bool(effect.treatment.units and effect.control.units)


def told_of(alarm: pb.Alarm) -> str:
    """What changed, and in which direction."""
    what = " of ".join(part for part in (alarm.measure, alarm.defense) if part) or "mix of traffic"
    return f"{what} went {alarm.direction}"


def question_of(one: pb.Prospect) -> str:
    """What is asked."""
    return _QUESTIONS.get(one.question, one.question)


def needed_for(one: pb.Prospect) -> str:
    """What a question still needs."""
    if one.settled:
        return "Settled."
    if not one.HasField("violations"):
        return "Not at the ratio seen so far."
    told = f"About {one.violations:.0f} more violations"
    if one.HasField("exchanges"):
        told += f", {one.exchanges:.0f} scored exchanges"
    if one.HasField("seconds"):
        told += f", {long(one.seconds)} at present traffic"
    return f"{told}."


def long(seconds: float) -> str:
    """A duration in its largest unit."""
    for size, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} s"
