"""The matrix for people: a page of Markdown and a picture."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from gateway.types import Risk
from monitors.crossrisk.cells import Cell, Price
from monitors.crossrisk.task import Task

_RISKS: tuple[Risk, ...] = ("safety", "fairness", "privacy", "utility")
_MARKS: Mapping[str, str] = {"worse": "▲", "better": "▼", "none": ""}
_CELL, _ROW, _NAME = 118, 34, 190


@dataclass(frozen=True, slots=True)
class Matrix:
    """All that a report is made of; `risks` has the risk of each defense, `watched` that of live measures."""

    tasks: Sequence[Task]
    watched: Mapping[str, Risk]
    risks: Mapping[str, Risk]
    cells: Sequence[Cell]
    prices: Sequence[Price]

    @property
    def systems(self) -> list[str]:
        """The rows, in the order they ran."""
        return [price.system for price in self.prices if any(price.system == c.system for c in self.cells)]

    def cell(self, system: str, measure: str) -> Cell | None:
        """One cell; None where nothing could be compared."""
        return next((one for one in self.cells if (one.system, one.measure) == (system, measure)), None)


def markdown(matrix: Matrix, settings: str) -> str:
    """The page; `settings` is a sentence on how it was made."""
    names = [task.name for task in matrix.tasks]
    lines = [
        settings,
        "",
        "A cell is defended minus undefended in points of a hundred, with its 95 % interval: above zero is "
        "worse. "
        "▲ worse and ▼ better are sure after Holm's correction over the table and at least two points; "
        "**bold** is the defense's own risk.",
        "",
        *_table(matrix, names),
        "",
        *_measures(matrix),
        "",
        *_own_risk(matrix),
    ]
    if matrix.watched:
        lines += ["", "The live monitors on the same answers:", "", *_table(matrix, list(matrix.watched))]
    return "\n".join(lines) + "\n"


def _table(matrix: Matrix, measures: Sequence[str]) -> Iterable[str]:
    yield "| system | " + " | ".join(f"`{name}`" for name in measures) + " | calls | blocked |"
    yield "|---|" + "---|" * (len(measures) + 2)
    own = {measure: _risk(matrix, measure) for measure in measures}
    for system in matrix.systems:
        shown = [_shown(matrix, system, measure, own[measure]) for measure in measures]
        price = next(one for one in matrix.prices if one.system == system)
        yield f"| `{system}` | " + " | ".join(shown) + f" | {price.calls:.1f} | {price.blocked:.0%} |"


def _shown(matrix: Matrix, system: str, measure: str, risk: Risk | None) -> str:
    cell = matrix.cell(system, measure)
    if cell is None:
        return ""
    text = f"{100 * cell.difference:+.0f} [{100 * cell.lower:+.0f}, {100 * cell.upper:+.0f}]"
    text += f" {_MARKS[cell.verdict]}" if _MARKS[cell.verdict] else ""
    return f"**{text}**" if matrix.risks.get(system) == risk else text


def _risk(matrix: Matrix, measure: str) -> Risk | None:
    for task in matrix.tasks:
        if task.name == measure:
            return task.risk
    return matrix.watched.get(measure)


def _measures(matrix: Matrix) -> Iterable[str]:
    yield "| measure | risk | | what is bad | undefended | items |"
    yield "|---|---|---|---|---|---|"
    for task in matrix.tasks:
        some = next((cell for cell in matrix.cells if cell.measure == task.name), None)
        if some is not None:
            kind = "direct" if task.direct else "indirect"
            bad = f"{100 * some.undefended:.0f} %"
            yield f"| `{task.name}` | {task.risk} | {kind} | {task.about} | {bad} | {some.items} |"


def _own_risk(matrix: Matrix) -> Iterable[str]:
    """Which defenses do what they are for, and what they do besides."""
    kinds = {task.name: task.risk for task in matrix.tasks}
    yield "| system | risk | better there | worse there | worse elsewhere | better elsewhere |"
    yield "|---|---|---|---|---|---|"
    for system in matrix.systems:
        risk = matrix.risks.get(system)
        mine = [cell for cell in matrix.cells if cell.system == system and cell.measure in kinds]
        columns = [
            ", ".join(
                cell.measure
                for cell in mine
                if (kinds[cell.measure] == risk) is own and cell.verdict == verdict
            )
            for own, verdict in ((True, "better"), (True, "worse"), (False, "worse"), (False, "better"))
        ]
        yield f"| `{system}` | {risk or ''} | {columns[0] or 'not shown'} | {' | '.join(columns[1:])} |"


def picture(matrix: Matrix) -> str:
    """The matrix as SVG: red is worse, blue is better, pale where it is not sure."""
    names, systems = [task.name for task in matrix.tasks], matrix.systems
    width, height = _NAME + _CELL * len(names) + 10, 70 + _ROW * len(systems)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for column, task in enumerate(matrix.tasks):
        x = _NAME + _CELL * column + _CELL / 2
        parts.append(_text(x, 22, task.risk, "#666"))
        parts.append(_text(x, 40, task.name, "#000"))
    for row, system in enumerate(systems):
        y = 54 + _ROW * row
        parts.append(_text(_NAME - 8, y + 21, system, "#000", "end"))
        for column, name in enumerate(names):
            if (cell := matrix.cell(system, name)) is not None:
                parts += _square(
                    cell, _NAME + _CELL * column, y, matrix.risks.get(system) == _risk(matrix, name)
                )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _square(cell: Cell, x: int, y: int, own: bool) -> Iterable[str]:
    strength = min(abs(cell.difference) / 0.4, 1.0)
    if cell.verdict == "none":
        strength *= 0.25
    red, blue = (214, 69, 65), (52, 112, 196)
    target = red if cell.difference > 0 else blue
    fill = "#" + "".join(f"{round(255 + (one - 255) * strength):02x}" for one in target)
    edge = ' stroke="#222" stroke-width="2"' if own else ' stroke="#ddd"'
    yield f'<rect x="{x + 1}" y="{y + 1}" width="{_CELL - 4}" height="{_ROW - 4}" fill="{fill}"{edge}/>'
    ends = f"{100 * cell.difference:+.0f} [{100 * cell.lower:+.0f}, {100 * cell.upper:+.0f}]"
    yield _text(x + _CELL / 2 - 1, y + 21, ends, "white" if strength > 0.6 else "#111")


def _text(x: float, y: float, text: str, fill: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.0f}" y="{y}" fill="{fill}" text-anchor="{anchor}">{escape(text)}</text>'
