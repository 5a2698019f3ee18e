"""Alert: a condition and what is said when it holds, in words of which each alerting system makes its own."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Style = Literal["number", "count", "percent", "time"]
Severity = Literal["critical", "warning", "info"]
"""Somebody is woken; somebody looks today; a note beside the board."""
About = Literal["effect", "drift", "monitors", "gateway"]

_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure that a message quotes: the largest value of `series` among those with the alert's labels `by`.

    where: further labels that the series must have.
    """

    series: str
    style: Style
    by: Sequence[str]
    where: Mapping[str, str] = field(default_factory=dict)

    def expression(self, labels: Mapping[str, str] | None = None) -> str:
        """PromQL for one alert with `labels`, or without them for all at once."""
        matchers = ",".join(f'{name}="{value}"' for name, value in {**self.where, **(labels or {})}.items())
        series = f"{self.series}{{{matchers}}}" if matchers else self.series
        return f"max by ({', '.join(self.by)}) ({series})" if self.by else f"max({series})"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert.

    expression: PromQL whose every result is an alert and has a value above 0; it decides nothing that the
    monitors have decided. lasts: how long it must hold. keeps: how long it stays when that has ceased.
    summary, description: with `{label}`, `{fact}` and `{value}`. value: how the expression's value is
    written. facts: by name. since: when it began, where a series tells it; else when the alert began to hold.
    """

    name: str
    expression: str
    lasts: str
    severity: Severity
    about: About
    summary: str
    description: str
    keeps: str = ""
    value: Style = "number"
    facts: Mapping[str, Fact] = field(default_factory=dict)
    since: Fact | None = None

    @property
    def labels(self) -> dict[str, str]:
        """Labels that every alert of this kind has."""
        return {"severity": self.severity, "about": self.about}

    @property
    def runbook(self) -> str:
        """The page that tells what to do, from the root of the project."""
        return f"docs/runbooks/{self.name}.md"

    @property
    def quoted(self) -> dict[str, Fact]:
        """Every fact by the name it is quoted by."""
        return {**self.facts, **({"since": self.since} if self.since else {})}


def written(text: str, place: Callable[[str], str]) -> str:
    """`text` with each `{name}` replaced by `place(name)`.

    >>> written("{defense} is on", str.upper)
    'DEFENSE is on'
    """
    return _PLACE.sub(lambda found: place(found[1]), text)


def styled(style: Style, value: str) -> str:
    """The Go template that writes `value`, itself an expression of a Go template, in a style."""
    formats: Mapping[Style, str] = {
        "number": f'{value} | printf "%.2f"',
        "count": f'{value} | printf "%.0f"',
        "percent": f"{value} | humanizePercentage",
        "time": f"{value} | humanizeTimestamp",
    }
    return f"{{{{ {formats[style]} }}}}"
