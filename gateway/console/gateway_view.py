"""The gateway as a console shows it: arms and shares, health, recent blocked exchanges, drift."""

import math
from collections.abc import Sequence

from gateway.console.board import Board, Change, Detector
from gateway.console.chart import bar, statistic_over_time
from gateway.console.markup import Markup, Part, join, tag
from gateway.console.tables import breaking, table_of
from gateway.console.timeline import Point, Timeline
from gateway.console.words import MODES, clock, duration, moment, number, share
from gateway.v1.control_pb2 import BlockedExchange, BlockedSpan, DefenseStatus
from gateway.wire import RISK_FROM_PROTO, SIDE_FROM_PROTO

NEAREST = 6
"""Detectors that are drawn, the nearest to an alarm first."""
SHOWN = 20
"""Blocked exchanges and alarms that are listed."""
_PLACES = {"input": "prompt", "output": "answer"}


def arms(board: Board) -> Markup:
    """When each defense is on, and for whom."""
    if board.gateway is None:
        return tag("p", "The gateway did not answer.", class_="empty")
    rows = [
        (
            one.defense,
            RISK_FROM_PROTO.get(one.risk, ""),
            _mode(one),
            tag("span", bar(one.share), f" {share(one.share)}", class_="whole"),
            share(one.holdback) if one.holdback else "none",
            _lease(one),
            str(one.epoch),
        )
        for one in board.gateway.defenses
    ]
    head = ("defense", "risk", "mode", "on for", "holdback", "lease", "epoch")
    return table_of(head, rows, f"Rollout table, version {board.gateway.rollout_version}")


def health(board: Board) -> Markup:
    """Whether what is shown can be believed: tap, monitors, gateway."""
    told, gateway = board.monitors, board.gateway
    facts: list[tuple[str, str, bool]] = []
    if gateway is not None:
        facts += _tap(board)
    facts.append(_monitors(board))
    if told.matrix is not None:
        fold = told.matrix.last_fold
        facts += [
            ("last fold", f"{duration(board.at - fold)} ago" if fold else "none since they began", False),
            ("folded", f"{told.matrix.folded:,} in {duration(told.matrix.seconds)}", False),
        ]
    if gateway is not None:
        facts += [
            ("exchanges now", str(gateway.active), False),
            (
                "gateway",
                f"{gateway.version}{_up(board)}{board.process}",
                False,
            ),
            ("rollout table", f"version {gateway.rollout_version}", False),
        ]
    return tag("dl", [_fact(*fact) for fact in facts], class_="facts")


def blocked(board: Board, since: float = -math.inf) -> Markup:
    """The last blocked exchanges; what they said is not known here."""
    if board.gateway is None:
        return tag("p", "The gateway did not answer.", class_="empty")
    exchanges = [one for one in reversed(board.gateway.blocked) if one.at.seconds >= since][:SHOWN]
    if not exchanges:
        return tag("p", "No exchange was blocked that this process remembers.", class_="empty")
    rows = [row for exchange in exchanges for row in _blocked(exchange)]
    head = ("exchange", "ended", "defense", "label", "found in", "characters")
    return table_of(head, rows, "Exchanges that were blocked, the newest first")


def drift(board: Board, timeline: Timeline, since: float = -math.inf) -> Markup:
    """What has changed, and how near every detector is to say so."""
    matrix = board.monitors.matrix
    if matrix is None:
        return tag("p", "Nothing is known of changes yet.", class_="empty")
    changes = [one for one in reversed(matrix.changes) if one.at >= since][:SHOWN]
    alarms: Part = (
        tag("ol", [_change(one) for one in changes], class_="alarms")
        if changes
        else tag("p", "No alarm.", class_="empty")
    )
    nearest = sorted(matrix.detectors, key=lambda one: (-one.share, one.key))
    if not nearest:
        note = "No detector has learned what to expect yet."
        return join([alarms, tag("p", note, class_="faint")])
    rest = nearest[NEAREST:]
    more = f"{len(rest)} further detectors, none above {share(rest[0].share)} of its way." if rest else None
    rows = [_detector(one, timeline.points(_series(one), since)) for one in nearest[:NEAREST]]
    head = ("detector", "over time", "way to an alarm", "statistic")
    table = table_of(head, rows, "Detectors of a change, the nearest to an alarm first")
    return join([alarms, table, tag("p", more, class_="faint") if more else None])


def _series(one: Detector) -> str:
    return f"drift:{one.key}"


def series_of(detectors: Sequence[Detector]) -> dict[str, tuple[float, float, float]]:
    """What a timeline keeps of detectors."""
    return {_series(one): (one.value, one.threshold, 0.0) for one in detectors}


def _mode(one: DefenseStatus) -> Part:
    if one.killed:
        return tag("span", "✕ killed", class_="flag invalid")
    mode, configured = MODES.get(one.mode, "?"), MODES.get(one.configured_mode, "?")
    return mode if mode == configured else f"{mode} (configured: {configured})"


def _lease(one: DefenseStatus) -> str:
    if not one.HasField("lease"):
        return "none"
    left = one.lease.seconds_left
    ends = f"{duration(left)} left" if left > 0 else f"ran out {duration(-left)} ago"
    return f"{one.lease.holder}, {ends}"


def _tap(board: Board) -> list[tuple[str, str, bool]]:
    assert board.gateway is not None
    if not board.gateway.HasField("tap"):
        return [("tap", "off", True)]
    tap = board.gateway.tap
    lost = tap.dropped / tap.offered if tap.offered else 0.0
    return [
        ("tap", "connected" if tap.connected else "not connected", not tap.connected),
        ("records offered", f"{tap.offered:,}", False),
        ("records dropped", f"{tap.dropped:,} ({share(lost)})", lost > 0.01),
    ]


def _up(board: Board) -> str:
    return f", up for {duration(board.at - board.began)}" if board.at > board.began else ""


def _monitors(board: Board) -> tuple[str, str, bool]:
    told = board.monitors
    if told.lost is not None:
        heard = f"; what is shown is of {moment(told.heard)}" if told.heard else ""
        return "monitors", f"no answer since {moment(told.lost)}{heard}", True
    return "monitors", "answering" if told.heard else "not asked yet", False


def _fact(name: str, value: str, wrong: bool) -> Markup:
    sign = tag("span", "! ", class_="sign", aria_label="Look at this: ") if wrong else None
    return tag("div", tag("dt", name), tag("dd", sign, value), class_="wrong" if wrong else None)


def _blocked(exchange: BlockedExchange) -> list[tuple[Part | int, ...]]:
    ended = clock(exchange.at.seconds)
    spans = exchange.spans or [BlockedSpan()]
    return [
        (
            tag("code", exchange.exchange_id),
            ended,
            breaking(span.defense),
            span.label,
            _PLACES.get(SIDE_FROM_PROTO.get(span.side, ""), ""),
            span.length,
        )
        for span in spans
    ]


def _change(one: Change) -> Markup:
    where = f", most in {one.moved[0]}" if one.moved else ""
    since = tag("time", moment(one.since), datetime=moment(one.since).replace(" UTC", "Z").replace(" ", "T"))
    reached = f" (statistic {number(one.statistic)} of {number(one.threshold)})"
    return tag("li", tag("strong", one.words), " since ", since, where, reached)


def _detector(one: Detector, points: Sequence[Point]) -> tuple[Part, ...]:
    return (
        Markup(join([breaking(one.what), tag("small", f" {one.direction}, {one.method}")])),
        statistic_over_time(points),
        tag("span", bar(one.share), f" {share(one.share)}", class_="whole"),
        tag("span", f"{number(one.value)} of {number(one.threshold)}", class_="nowrap"),
    )
