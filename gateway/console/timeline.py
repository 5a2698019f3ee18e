"""Values over time, bounded: the last day in at most so many steps, finer while it is young."""

import math
import os
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

POINTS = 240
"""Steps that are kept."""
SPAN = 86_400.0
"""Seconds after which a step is forgotten."""
SERIES = 2_000
"""Series that are kept; what comes later is left out."""
WIDTH = 3
"""Values of one series at one time."""


@dataclass(frozen=True, slots=True)
class Point:
    """at: seconds; values that are not known are NaN."""

    at: float
    values: tuple[float, ...]


class _Saved(msgspec.Struct, array_like=True):
    step: float
    times: list[float]
    series: dict[str, bytes]


class Timeline:
    """Many series over one axis of time. Each value is three numbers (estimate, lower, upper).

    Once it is full every second step goes and the distance of steps doubles, so that 240 of them always
    cover what there is of the last day evenly; the newest one is always there.

    >>> timeline = Timeline()
    >>> for second in range(1000):
    ...     timeline.add(second, {"a/b": (second, 0, 2000)})
    >>> points = timeline.points("a/b")
    >>> len(points) <= POINTS, points[0].at, points[-1].values
    (True, 0.0, (999.0, 0.0, 2000.0))
    """

    def __init__(self) -> None:
        self._step = 0.0
        self._times: list[float] = []
        self._series: dict[str, array[float]] = {}

    @property
    def began(self) -> float | None:
        """The time of the oldest step."""
        return self._times[0] if self._times else None

    def add(self, at: float, values: Mapping[str, Sequence[float]]) -> None:
        """Note the values of all series at `at`; a series that is not among them has a gap."""
        if len(self._times) > 1 and at - self._times[-2] < self._step:
            self._drop(len(self._times) - 1)
        self._times.append(float(at))
        for key in values:
            if key not in self._series and len(self._series) < SERIES:
                self._series[key] = array("f", [math.nan] * WIDTH * (len(self._times) - 1))
        for key, series in self._series.items():
            series.extend(values.get(key, (math.nan,) * WIDTH))
        self._bound()

    def points(self, key: str, since: float = -math.inf) -> list[Point]:
        """One series from `since` on, the oldest first."""
        series = self._series.get(key)
        if series is None:
            return []
        return [
            Point(at, tuple(series[place * WIDTH : (place + 1) * WIDTH]))
            for place, at in enumerate(self._times)
            if at >= since
        ]

    def save(self, path: Path) -> None:
        """Replace the file at `path`, which only its owner may read."""
        saved = _Saved(self._step, self._times, {key: one.tobytes() for key, one in self._series.items()})
        aside = path.with_name(f"{path.name}.new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.msgpack.encode(saved))
        aside.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Timeline":
        """What was saved; an empty one where there is nothing, or nothing that can be read."""
        loaded = cls()
        try:
            saved = msgspec.msgpack.decode(path.read_bytes(), type=_Saved)
            series = {key: array("f", data) for key, data in saved.series.items()}
        except (OSError, ValueError, msgspec.MsgspecError):
            return loaded
        if all(len(one) == WIDTH * len(saved.times) for one in series.values()):
            loaded._step, loaded._times, loaded._series = saved.step, saved.times, series
        return loaded

    def _bound(self) -> None:
        while self._times[-1] - self._times[0] > SPAN:
            self._drop(0)
            self._forget()
        if len(self._times) > POINTS:
            self._step = max(2 * self._step, 2 * (self._times[-1] - self._times[0]) / len(self._times))
            for place in range(len(self._times) - 2, 0, -2):
                self._drop(place)

    def _drop(self, place: int) -> None:
        del self._times[place]
        for series in self._series.values():
            del series[place * WIDTH : (place + 1) * WIDTH]

    def _forget(self) -> None:
        """Make room of series that have gone, as of a defense that was taken out."""
        gone = [key for key, series in self._series.items() if all(map(math.isnan, series))]
        for key in gone:
            del self._series[key]
