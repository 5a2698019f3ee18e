"""Pictures as SVG: an interval on a log scale, a ratio over time, a detector on its way to an alarm.

Nothing here has a style of its own: shapes carry classes, `console.css` has colours for light and dark.
"""

import math
from collections.abc import Iterator, Sequence

from gateway.console.board import Span
from gateway.console.markup import Markup, tag
from gateway.console.timeline import Point
from gateway.console.words import clock, moment, number

AXIS = 3.0
"""Half the width of an interval's picture, in doublings: an eighth to eight."""
STEPS = (1.1, 1.5, 2.5)
"""How far from 1 the nearer end must be for each deeper colour; nearer than the first is the faintest."""
_TICKS = tuple(2.0**power for power in range(-10, 11))
_LEAST = 2.0**-10


def depth(span: Span) -> int:
    """Colour of an effect on a diverging scale: above 0 worse, below 0 better, 0 where 1 is possible.

    It goes by the end of the interval that is nearer to 1, so a colour is never a guess.

    >>> [depth(Span(4.0, lower, upper)) for lower, upper in ((2, 9), (0.9, 9), (0.1, 0.3), (1.05, 2))]
    [3, 0, -4, 1]
    """
    if span.estimate is None or span.lower <= 1 <= span.upper:
        return 0
    nearer = span.lower if span.lower > 1 else 1 / max(span.upper, _LEAST)
    steps = 1 + sum(nearer >= step for step in STEPS)
    return steps if span.lower > 1 else -steps


def whisker(span: Span, tolerance: float) -> Markup:
    """The interval against 1 (solid) and the tolerance (dotted), from an eighth to eight."""
    low, high = _place(span.lower), _place(span.upper)
    shapes = [
        _line("axis", 60, 1, 60, 13),
        _line("tolerance", _place(tolerance), 1, _place(tolerance), 13),
        _line("range", low, 7, high, 7),
        *(_arrow(low, -1) if span.lower < 2**-AXIS else ()),
        *(_arrow(high, 1) if span.upper > 2**AXIS else ()),
    ]
    if span.estimate is not None:
        shapes.append(tag("circle", class_="dot", cx=_place(span.estimate), cy=7, r=3.2))
    return tag("svg", shapes, class_="whisker", viewBox="0 0 120 14", aria_hidden="true")


def ratio_over_time(points: Sequence[Point], tolerance: float, marks: Sequence[float]) -> Markup:
    """A ratio with its interval over time, on a log scale; `marks` are times of alarms."""
    known = [point for point in points if math.isfinite(point.values[0])]
    if len(known) < 2:
        return tag("p", "The timeline begins with the second look.", class_="faint")
    first, last = points[0].at, points[-1].at
    scale = _Scale(first, last, *_reach(known))
    inner = [
        *(tag("line", class_=_tick_class(one), **scale.across(one)) for one in scale.ticks()),
        *_within(scale, "tolerance", tolerance),
        *(tag("polygon", class_="band", points=scale.band(run)) for run in _runs(points)),
        *(tag("polyline", class_="line", points=scale.path(run)) for run in _runs(points)),
        *(tag("line", class_="mark", **scale.down(at)) for at in marks if first <= at <= last),
    ]
    plot = tag("svg", inner, viewBox="0 0 100 100", preserveAspectRatio="none", width="100%", height="160")
    labels = [
        tag("text", f"{number(one)}×", class_="tick", x=4, y=scale.y(one) * 1.6 - 3) for one in scale.ticks()
    ]
    times = [
        tag("text", f"{clock(at)} UTC", class_="tick", x=x, y=176, text_anchor=anchor)
        for at, x, anchor in (
            (first, "0", "start"),
            ((first + last) / 2, "50%", "middle"),
            (last, "100%", "end"),
        )
    ]
    return tag(
        "svg", plot, labels, times, class_="chart", height="182", role="img",
        aria_label=_ratio_words(known[0], known[-1]),
    )  # fmt: skip


def statistic_over_time(points: Sequence[Point]) -> Markup:
    """A detector's statistic over its threshold, which is the top."""
    shares = [
        (point.at, min(point.values[0] / point.values[1], 1.0))
        for point in points
        if math.isfinite(point.values[0]) and point.values[1] > 0
    ]
    if len(shares) < 2:
        return Markup("")
    first, span = shares[0][0], max(shares[-1][0] - shares[0][0], 1e-9)
    path = " ".join(f"{(at - first) / span * 100:.1f},{22 - 20 * max(one, 0):.1f}" for at, one in shares)
    shapes = [_line("limit", 0, 2, 100, 2), tag("polyline", class_="line", points=path)]
    return tag(
        "svg", shapes, class_="spark", viewBox="0 0 100 24", preserveAspectRatio="none", aria_hidden="true"
    )


def bar(value: float) -> Markup:
    """A share in [0, 1]; the number stands beside it in text."""
    whole = tag("rect", class_="rest", width=100, height=8, rx=1)
    part = tag("rect", class_="part", width=float(min(max(value, 0.0), 1.0) * 100), height=8, rx=1)
    return tag(
        "svg", whole, part, class_="bar", viewBox="0 0 100 8", preserveAspectRatio="none", aria_hidden="true"
    )


class _Scale:
    """Time from left to right, doublings from bottom to top, both in [0, 100]."""

    def __init__(self, first: float, last: float, low: float, high: float) -> None:
        self._first, self._seconds = first, max(last - first, 1e-9)
        self._low, self._height = math.log2(low), math.log2(high) - math.log2(low)

    def x(self, at: float) -> float:
        return (at - self._first) / self._seconds * 100

    def y(self, ratio: float) -> float:
        place = (math.log2(max(ratio, _LEAST)) - self._low) / self._height
        return 100 - 100 * min(max(place, 0.0), 1.0)

    def ticks(self) -> list[float]:
        """Powers of two; every second one where there are many."""
        seen = [one for one in _TICKS if self._low < math.log2(one) < self._low + self._height]
        return seen if len(seen) <= 6 else [one for one in seen if math.log2(one) % 2 == 0]

    def across(self, ratio: float) -> dict[str, float]:
        y = self.y(ratio)
        return {"x1": 0.0, "y1": y, "x2": 100.0, "y2": y}

    def down(self, at: float) -> dict[str, float]:
        x = self.x(at)
        return {"x1": x, "y1": 0.0, "x2": x, "y2": 100.0}

    def path(self, run: Sequence[Point]) -> str:
        return " ".join(self._at(point.at, point.values[0]) for point in run)

    def band(self, run: Sequence[Point]) -> str:
        lower = [self._at(point.at, point.values[1]) for point in run]
        upper = [self._at(point.at, point.values[2]) for point in reversed(run)]
        return " ".join(lower + upper)

    def _at(self, at: float, ratio: float) -> str:
        return f"{self.x(at):.2f},{self.y(ratio):.2f}"


def _runs(points: Sequence[Point]) -> Iterator[list[Point]]:
    """Stretches without a gap."""
    run: list[Point] = []
    for point in points:
        if math.isfinite(point.values[0]):
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _reach(known: Sequence[Point]) -> tuple[float, float]:
    """What the picture spans: the estimates, 1, and as much of the last interval as is reasonable."""
    ends = [value for value in known[-1].values[1:] if math.isfinite(value) and value > 0]
    estimates = [max(point.values[0], _LEAST) for point in known]
    low, high = min([1.0, *estimates, *ends]), max([1.0, *estimates, *ends])
    low, high = max(low, min(estimates) / 8, _LEAST), min(high, max(1.0, *estimates) * 8)
    return low / 1.5, high * 1.5


def _within(scale: _Scale, name: str, ratio: float) -> list[Markup]:
    return [tag("line", class_=name, **scale.across(ratio))] if 0 < scale.y(ratio) < 100 else []


def _tick_class(ratio: float) -> str:
    return "one" if ratio == 1 else "grid"


def _ratio_words(first: Point, last: Point) -> str:
    told = [f"{number(one.values[0])} at {moment(one.at)}" for one in (first, last)]
    low, high = last.values[1:]
    return f"Ratio over time: {' and '.join(told)}, now from {number(low)} to {number(high)}."


def _place(ratio: float) -> float:
    doublings = math.log2(min(max(ratio, _LEAST), 1 / _LEAST))
    return 60 + 54 * min(max(doublings / AXIS, -1.0), 1.0)


def _line(name: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return tag("line", class_=name, x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2))


def _arrow(x: float, way: int) -> list[Markup]:
    return [tag("path", class_="arrow", d=f"M{x:.1f} 3.5l{way * 5} 3.5l{way * -5} 3.5z")]
