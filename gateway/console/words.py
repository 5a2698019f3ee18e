"""Numbers, durations and times as the console and the report write them."""

import math
import time

from gateway.console.board import Effect, Span
from gateway.record import MODE_TO_PROTO
from gateway.v1.control_pb2 import DefenseStatus

MODES = {number: mode for mode, number in MODE_TO_PROTO.items()}
SOON = 90.0
"""Seconds that are told in seconds."""


def number(value: float, digits: int = 2) -> str:
    """Three significant places at most, without an exponent.

    >>> [number(one) for one in (0.123, -4.0, 12.34, 1234.5, math.inf)]
    ['0.12', '−4', '12.3', '1,234', '∞']
    """
    if not math.isfinite(value):
        return "∞" if value > 0 else "−∞" if value < 0 else "?"
    size, sign = abs(value), "−" if value < 0 else ""
    if size >= 100:
        return f"{sign}{size:,.0f}"
    written = f"{size:.{1 if size >= 10 else digits}f}"
    return sign + (written.rstrip("0").rstrip(".") if "." in written else written)


def ratio(value: float | None) -> str:
    """A ratio.

    >>> ratio(4.123), ratio(None)
    ('4.1×', '?')
    """
    if value is None:
        return "?"
    return f"{number(value, 2 if value < 1 else 1)}×"


def between(span: Span) -> str:
    """The ends of a ratio's interval.

    >>> between(Span(2.0, 0.5, math.inf))
    '0.5 – ∞'
    """
    return f"{number(span.lower)} – {number(span.upper)}"


def points(value: float) -> str:
    """A difference of rates in percentage points, with its sign.

    >>> points(0.034), points(-0.5)
    ('+3.4', '−50')
    """
    if not math.isfinite(value):
        return number(value)
    sign = "+" if value > 0 else "−" if value < 0 else ""
    return f"{sign}{number(abs(value) * 100, 1)}"


def points_between(span: Span) -> str:
    """An interval of differences, in percentage points."""
    told = points(span.estimate) if span.estimate is not None else "?"
    return f"{told} points [{points(span.lower)}, {points(span.upper)}]"


def share(value: float) -> str:
    """A share in [0, 1].

    >>> share(0.05), share(0.001), share(1)
    ('5 %', '0.1 %', '100 %')
    """
    return f"{number(value * 100, 1)} %"


def duration(seconds: float) -> str:
    """How long.

    >>> duration(4.2), duration(600), duration(7200), duration(200_000)
    ('4 s', '10 min', '2 h', '2.3 d')
    """
    for size, name, digits in ((86_400, "d", 1), (3_600, "h", 1), (60, "min", 0)):
        if seconds >= size and seconds >= SOON:
            return f"{number(round(seconds / size, digits), digits)} {name}"
    return f"{max(seconds, 0):.0f} s"


def clock(at: float) -> str:
    """The time of day, UTC.

    >>> clock(1_800_000_000)
    '08:00:00'
    """
    return time.strftime("%H:%M:%S", time.gmtime(at))


def moment(at: float) -> str:
    """Day and time, UTC.

    >>> moment(1_800_000_000)
    '2027-01-15 08:00:00 UTC'
    """
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(at))


def spoken(effect: Effect) -> str:
    """A cell in one sentence, for who hears it."""
    of = f"{effect.measure.replace('_', ' ')} under {effect.defense.replace('_', ' ')}"
    if not effect.known:
        return f"{of}: no violation seen yet"
    flag = {"": "open", "INVALID": "invalid, the arms are not as they were drawn"}.get(
        effect.flag, effect.flag.lower()
    )
    return f"{of}: {flag}, ratio {number(effect.ratio.estimate or 0.0)}, from {between(effect.ratio)}"


def mode_of(status: DefenseStatus) -> str:
    """A defense's mode and share in a few words."""
    mode = MODES.get(status.mode, "?")
    if status.killed:
        return "killed"
    if mode == "canary":
        return f"canary {share(status.share)}"
    return f"{mode}, {share(status.holdback)} held back" if status.holdback else mode
