"""The matrix of effects as a table, and one effect in full."""

from collections.abc import Iterable, Sequence

from gateway.console.board import Board, Effect, Explained, Flag, Matrix, Stratum
from gateway.console.chart import depth, ratio_over_time, whisker
from gateway.console.markup import Markup, Part, join, tag
from gateway.console.tables import breaking, table_of
from gateway.console.timeline import Point
from gateway.console.words import (
    between,
    mode_of,
    moment,
    number,
    points_between,
    ratio,
    share,
    spoken,
)
from gateway.types import Risk
from gateway.v1.control_pb2 import DefenseStatus

RISKS: tuple[Risk, ...] = ("safety", "fairness", "privacy", "utility")
SIGNS: dict[Flag, str] = {
    "HARM": "▲ HARM",
    "harm likely": "△ harm likely",
    "helps": "▼ helps",
    "INVALID": "✕ INVALID",
}
_VERDICTS: tuple[tuple[Flag, str], ...] = (
    ("HARM", "proven harm"),
    ("harm likely", "likely harm"),
    ("INVALID", "invalid"),
    ("helps", "of help"),
    ("", "open"),
)
PROVEN = 3.0
"""Logarithm of an e-value that proves one effect alone at 5 %."""
QUESTIONS = {"harm": "harm", "help": "help", "no worse": "no worse than the margin"}


def verdict(matrix: Matrix | None) -> str:
    """The whole matrix in a sentence; it changes only when there is news."""
    if matrix is None:
        return "Nothing is known of effects yet."
    flags = [effect.flag for effect in matrix.effects]
    told = [f"{flags.count(flag)} {word}" for flag, word in _VERDICTS if flag in flags]
    return f"{len(flags)} effects: {', '.join(told) or 'none yet'}."


def effects(board: Board, opens: bool = True) -> Markup:
    """The table; with `opens` each cell is a button."""
    matrix = board.monitors.matrix
    if matrix is None:
        return _nothing(board)
    if not matrix.effects:
        return tag("p", "No exchange has been scored with a defense yet.", class_="empty")
    defenses = sorted({effect.defense for effect in matrix.effects})
    cells = {(effect.measure, effect.defense): effect for effect in matrix.effects}
    rows = {risk: sorted({one.measure for one in matrix.effects if one.risk == risk}) for risk in RISKS}
    told = {one.defense: one for one in board.gateway.defenses} if board.gateway else {}
    head = tag(
        "thead",
        tag(
            "tr",
            tag("th", "measure", scope="col", role="columnheader", class_="corner"),
            [_column(name, told.get(name)) for name in defenses],
            role="row",
        ),
        role="rowgroup",
    )
    bodies = [
        tag(
            "tbody",
            _risk(risk, len(defenses)),
            [_row(measure, defenses, cells, matrix, opens) for measure in measures],
            role="rowgroup",
        )
        for risk, measures in rows.items()
        if measures
    ]
    caption = tag(
        "caption", "Ratio of violations with each defense over without it, by measure", class_="away"
    )
    return join([_legend(matrix), tag("table", caption, head, bodies, class_="matrix", role="table")])


def explained(told: Explained, matrix: Matrix, timeline: Sequence[Point]) -> Markup:
    """One effect in full: how large, how sure, from what, since when, and what would settle it."""
    effect = told.effect
    marks = [change.since for change in matrix.changes if change.key == effect.key]
    flag = _flag(effect.flag) or tag("span", "open", class_="flag")
    prospects = [_prospect(one.question, one.words, one.settled) for one in told.prospects]
    return join(
        [
            tag("p", flag, _sentence(effect), class_="lead"),
            *_titled("Over time", ratio_over_time(timeline, matrix.tolerance, marks)),
            *_titled("What would settle it", tag("ul", prospects, class_="plain")),
            *_titled("Exposure", _exposure(effect)),
            *_titled("Evidence", _evidence(effect)),
            *(_titled("Strata", _strata(told.strata)) if told.strata else ()),
        ]
    )


def _titled(title: str, markup: Markup) -> tuple[Markup, Markup]:
    return tag("h3", title), markup


def _nothing(board: Board) -> Markup:
    lost = board.monitors.lost
    words = f"The monitors have not answered since {moment(lost)}." if lost else "Waiting for the monitors."
    return tag("p", words, class_="empty")


def _legend(matrix: Matrix) -> Markup:
    steps = [tag("span", class_=f"swatch {colour(one)}") for one in (-4, -3, -2, -1, 0, 1, 2, 3, 4)]
    scale = tag(
        "div",
        tag("span", "fewer violations"),
        tag("span", steps, class_="scale", aria_hidden="true"),
        tag("span", "more violations"),
        class_="legend",
    )
    tolerance = f" Up to {number(matrix.tolerance)}× (dotted) is no harm." if matrix.tolerance != 1 else ""
    words = (
        "Each cell: violations with the defense over without it. Its colour goes by the end of the interval "
        "that is nearer to 1, so a cell without colour is open. Intervals hold at every look; at most "
        f"{share(matrix.alpha)} of them ever miss the truth.{tolerance}"
    )
    return join([scale, tag("p", words, class_="faint about")])


def colour(steps: int) -> str:
    """The class of a place on the diverging scale."""
    return f"worse{steps}" if steps > 0 else f"better{-steps}" if steps < 0 else "even"


def _column(name: str, status: DefenseStatus | None) -> Markup:
    words = tag("small", mode_of(status)) if status is not None else None
    return tag("th", tag("span", breaking(name)), words, scope="col", role="columnheader")


def _risk(risk: Risk, columns: int) -> Markup:
    heading = tag("th", risk, scope="rowgroup", colspan=columns + 1, role="rowheader")
    return tag("tr", heading, class_="risk", role="row")


def _row(
    measure: str,
    defenses: Iterable[str],
    cells: dict[tuple[str, str], Effect],
    matrix: Matrix,
    opens: bool,
) -> Markup:
    found = [cells.get((measure, defense)) for defense in defenses]
    return tag(
        "tr",
        tag("th", breaking(measure), scope="row", role="rowheader"),
        [tag("td", _cell(one, matrix, opens) if one else None, role="cell") for one in found],
        role="row",
    )


def _cell(effect: Effect, matrix: Matrix, opens: bool) -> Markup:
    who = tag("span", effect.defense, class_="who")
    if effect.known:
        inner: Part = [
            who,
            tag("span", ratio(effect.ratio.estimate), class_="ratio"),
            whisker(effect.ratio, matrix.tolerance),
            tag("span", between(effect.ratio), class_="ends"),
            _flag(effect.flag),
        ]
    else:
        inner = [who, tag("span", "none yet", class_="none")]
    steps = depth(effect.ratio) if effect.known and effect.flag != "INVALID" else 0
    classes = f"cell {colour(steps)}{' harmful' if effect.flag == 'HARM' else ''}"
    if not opens and not effect.known:
        return tag("span", inner, class_=classes)
    if not opens:
        return tag("a", inner, href=f"#effect-{effect.key}", class_=classes, aria_label=spoken(effect))
    return tag(
        "button", inner, id=f"cell-{effect.key}", class_=classes, type="button", data_key=effect.key,
        aria_label=spoken(effect), aria_haspopup="dialog",
    )  # fmt: skip


def _flag(flag: Flag) -> Markup | None:
    return tag("span", SIGNS[flag], class_=f"flag {flag.split()[0].lower()}") if flag else None


def _sentence(effect: Effect) -> str:
    if not effect.known:
        return " No violation was seen in either arm yet."
    whose = {"live": "live traffic", "replays": "replays", "nothing": "no arm yet"}[effect.told]
    told = f" {ratio(effect.ratio.estimate)} as many violations with it as without ({between(effect.ratio)})"
    return f"{told}; {points_between(effect.points)}. Told by {whose}."


def _prospect(question: str, words: str, settled: bool) -> Markup:
    return tag("li", tag("strong", f"{question} "), words, class_="settled" if settled else None)


def _exposure(effect: Effect) -> Markup:
    rows = [
        (name, arm.scored, arm.units, arm.violations)
        for name, arm in (("with the defense", effect.treatment), ("without it", effect.control))
    ]
    table = table_of(("arm", "scored", "units", "violations"), rows, "Exchanges of live traffic by arm")
    replayed = f"{effect.pairs:,} exchanges were run again with the other arm."
    return join([table, tag("p", replayed) if effect.pairs else None])


def _evidence(effect: Effect) -> Markup:
    rows = [
        (question, number(effect.evidence[key]), "proven" if effect.evidence[key] >= PROVEN else "open")
        for key, question in QUESTIONS.items()
    ]
    note = (
        f"Logarithms of e-values: {number(PROVEN)} proves one effect alone at 5 %. HARM takes more, "
        "proof over all effects together."
    )
    table = table_of(("question", "log e-value", "alone"), rows, "Evidence by question")
    return join([table, tag("p", note, class_="faint")])


def _strata(strata: Sequence[Stratum]) -> Markup:
    rows = [
        (
            one.name, share(one.weight), one.treatment.units, one.treatment.violations,
            one.control.units, one.control.violations,
        )
        for one in strata
    ]  # fmt: skip
    head = ("stratum", "weight", "units with", "violations with", "units without", "violations without")
    return table_of(head, rows, "Evidence by kind of exchange and weight")
