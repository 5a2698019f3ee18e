"""What the console shows as one file for a ticket: no script, nothing from elsewhere."""

from collections.abc import Mapping
from importlib.resources import files

from gateway.console import gateway_view, matrix_view
from gateway.console.board import Board, Explained, Matrix
from gateway.console.markup import Markup, Part, join, tag
from gateway.console.timeline import Timeline
from gateway.console.words import duration, moment


def report(board: Board, timeline: Timeline, explained: Mapping[str, Explained], since: float) -> str:
    """The whole document; `explained` is told in full, timelines, alarms and blocks begin with `since`."""
    matrix = board.monitors.matrix
    assert matrix is not None
    style = Markup(files("gateway.console").joinpath("console.css").read_text("utf-8"))
    head = [
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"CrossRisk report, {moment(board.at)}"),
        tag("style", style),
    ]
    header = tag(
        "header",
        tag("h1", "CrossRisk ", tag("span", "report")),
        tag("p", matrix_view.verdict(matrix), class_="verdict"),
        tag("p", moment(board.at), class_="link", data_state="waiting"),
    )
    sections = [
        _section("What this covers", _covers(board, matrix, timeline, since)),
        _section("Effects", matrix_view.effects(board, opens=False)),
        _section("Drift", gateway_view.drift(board, timeline, since)),
        _section("Arms and shares", gateway_view.arms(board)),
        _section("Tap and monitors", gateway_view.health(board)),
        _section("Blocked of late", gateway_view.blocked(board, since)),
        *(_effect(key, one, matrix, timeline, since) for key, one in explained.items()),
    ]
    body = tag("body", header, tag("main", sections))
    return f"<!doctype html>\n{tag('html', tag('head', head), body, lang='en')}\n"


def _section(title: str, *parts: Part) -> Markup:
    return tag("section", tag("h2", title), join(parts))


def _effect(key: str, told: Explained, matrix: Matrix, timeline: Timeline, since: float) -> Markup:
    inner = matrix_view.explained(told, matrix, timeline.points(key, since))
    title = f"{told.effect.measure} under {told.effect.defense}"
    return tag("section", tag("h2", title), inner, id=f"effect-{key}")


def _covers(board: Board, matrix: Matrix, timeline: Timeline, since: float) -> Markup:
    began = timeline.began
    if began is None:
        times = "There is no timeline: a gateway keeps one while its console is on (gateway: console: true)."
    else:
        times = f"Timelines go from {moment(max(began, since))}; the gateway keeps the last day, in steps."
    words = [
        f"Asked for: from {moment(since)} to {moment(board.at)}.",
        "Effects, evidence and strata have no beginning in that time: they are all evidence since the counts "
        f"began, as of now ({matrix.folded:,} records and replays since the monitors started, "
        f"{duration(matrix.seconds)} ago). Alarms are the last hundred at most, and only those in that time "
        "are listed.",
        times,
        "Blocked exchanges are the last fifty at most of the process that answered; none has its text.",
    ]
    return tag("ul", [tag("li", one) for one in words], class_="plain")
