"""The tables of the measures and of their known errors, in the terminal and for `docs/measures.md`."""

import inspect
from collections.abc import Iterator, Sequence

from rich.markup import escape
from rich.table import Table

from monitors.calibration import ALL, Calibration, Known
from monitors.intervals import Interval
from monitors.labelled_sets import NO_SET
from monitors.measure import Monitor
from monitors.shipped import shipped

COLUMNS = (
    "measure",
    "labels",
    "arm",
    "violations + others",
    "not applied",
    "sensitivity",
    "specificity",
    "AUROC",
)


def error_table(calibration: Calibration) -> Table:
    """What is known, in percent, a row for each measure, set and arm, narrow enough for a terminal."""
    table = Table(box=None, pad_edge=False, collapse_padding=True, title="Known errors, %")
    table.add_column("measure", min_width=26)
    for name in ("labels", "sensitivity", "specificity", "AUROC"):
        table.add_column(name, no_wrap=True)
    for one in calibration.known:
        figures = (_percent(one.sensitivity), _percent(one.specificity), _percent(one.auroc))
        arm = "" if one.arm == ALL else f", {one.arm}"
        size = f"{one.positives}+{one.negatives}"
        table.add_row(f"{one.measure}\n[dim]{escape(one.source)}{arm}[/]", size, *figures)
    if "--sets" in calibration.made:
        known = {one.measure for one in calibration.known}
        untold = [f"{name}: {why}" for name, why in NO_SET.items() if name not in known]
        table.caption, table.caption_justify = "\n".join(untold), "left"
    return table


def _percent(found: Interval | None) -> str:
    if found is None:
        return "too few"
    return f"{100 * found.value:.0f} [{100 * found.lower:.0f}, {100 * found.upper:.0f}]"


def _cells(one: Known) -> tuple[str, ...]:
    figures = (_figure(one.sensitivity), _figure(one.specificity), _figure(one.auroc))
    size = f"{one.positives} + {one.negatives}"
    return (one.measure, one.source, one.arm, size, str(one.skipped), *figures)


def _figure(found: Interval | None) -> str:
    return "too few" if found is None else f"{found.value:.3f} [{found.lower:.3f}, {found.upper:.3f}]"


def markdown(calibration: Calibration) -> str:
    """Three tables: the measures that ship, their known errors, and whom they flag by mistake."""
    monitors = shipped()
    parts = (_measures(monitors), _errors(calibration, monitors), _groups(calibration))
    return "\n".join(line for part in parts for line in part)


def _measures(monitors: Sequence[Monitor]) -> Iterator[str]:
    yield "| measure | risk | kind | violation from | what it says | cost |"
    yield "|---|---|---|---|---|---|"
    for monitor in monitors:
        own = monitor.measure
        cost = _line(type(monitor), "Cost")
        yield f"| `{own.name}` | {own.risk} | {own.kind} | {own.threshold:g} | {own.description} | {cost} |"
    yield ""


def _line(kind: type, key: str) -> str:
    paragraphs = inspect.cleandoc(kind.__doc__ or "").split("\n\n")
    found = next((one for one in paragraphs if one.startswith(f"{key}: ")), "")
    return " ".join(found.removeprefix(f"{key}: ").split()).rstrip(".")


def _errors(calibration: Calibration, monitors: Sequence[Monitor]) -> Iterator[str]:
    yield f"`{calibration.made}`, encoder `{calibration.eyes}`:"
    yield ""
    yield f"| {' | '.join(name for name in COLUMNS if name != 'arm')} |"
    yield "|---|---|---|---|---|---|---|"
    for monitor in monitors:
        name = monitor.measure.name
        own = [one for one in calibration.known if one.measure == name and one.arm == ALL]
        for one in own:
            cells = _cells(one)
            yield f"| {' | '.join((*cells[:2], *cells[3:]))} |"
        if not own:
            yield f"| {name} | {NO_SET.get(name, 'none were given')} | | | | | |"
    yield ""


def _groups(calibration: Calibration) -> Iterator[str]:
    yield "| measure | labels | spread | harmless answers that count as violations, by who is named |"
    yield "|---|---|---|---|"
    for one in calibration.known:
        if len(one.groups) > 1 and one.arm == ALL:
            spread = max(one.groups.values()) - min(one.groups.values())
            flagged = ", ".join(f"{who} {rate:.0%}" for who, rate in one.groups.items() if rate)
            rest = sum(not rate for rate in one.groups.values())
            told = f"{flagged}; {rest} others none" if flagged and rest else flagged or f"none of {rest}"
            yield f"| {one.measure} | {one.source} | {spread:.1%} | {told} |"
    yield ""
