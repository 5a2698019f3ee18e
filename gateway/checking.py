"""Judges texts without a model: every span and score of every detector, so that one sees why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gateway.chain import Layer
from gateway.detector import Detector
from gateway.member import Member
from gateway.text import views
from gateway.text.encoder import loaded
from gateway.types import STRENGTH, Action, Exchange, Finding, Message, Role, Side


@dataclass(frozen=True, slots=True)
class Score:
    """What a detector, or a head of the encoder, says of a span; it acts from `threshold` on.

    defense: the detector's name, empty for a head of the encoder. location, start, end: as in a
    `Finding`. score, threshold: in [0, 1], 1 worst.
    """

    defense: str
    label: str
    location: str
    start: int
    end: int
    score: float
    threshold: float


@dataclass(frozen=True, slots=True)
class Checked:
    """The strongest action that would be taken, what it would be taken for, and every score."""

    action: Action | None
    findings: tuple[Finding, ...]
    scores: tuple[Score, ...]


async def check(layers: Sequence[Layer], messages: Sequence[Message], answer: str | None) -> Checked:
    """Judge a prompt, an answer or both with every detector whose mode is not `off`."""
    exchange = Exchange(model="", messages=tuple(messages))
    detectors = {
        layer.name: layer.defense
        for layer in layers
        if layer.mode != "off" and isinstance(layer.defense, Detector)
    }
    findings: list[Finding] = []
    scores: list[Score] = []
    for text in _texts(messages, answer):
        for name, detector in detectors.items():
            if detector.side in (text.side, "both") and text.role in (None, *detector.roles):
                looking = detector.within(exchange)
                findings += await _seen(Member(name, looking, exchange, text.side, least=0.0), text)
        scores += await _heads(text)
    scores += await _pair_heads(messages, answer)
    thresholds = {name: detector.threshold for name, detector in detectors.items()}
    scores[:0] = [_score(finding, thresholds) for finding in findings]
    acting = [one for one in findings if one.score >= thresholds[one.defense]]
    action = max((finding.action for finding in acting), key=STRENGTH.__getitem__, default=None)
    return Checked(action, tuple(acting), tuple(scores))


class _Text(NamedTuple):
    """One text to judge; `role` is whose turn it stands in, None for an answer."""

    side: Side
    role: Role | None
    location: str
    text: str


def _texts(messages: Sequence[Message], answer: str | None) -> Iterator[_Text]:
    """All that has text."""
    for number, message in enumerate(messages):
        texts = {"content": message.content, "name": message.name}
        for index, call in enumerate(message.tool_calls):
            texts[f"tool_calls[{index}].name"] = call.name
            texts[f"tool_calls[{index}].arguments"] = call.arguments
        for part, text in texts.items():
            if text:
                yield _Text("input", message.role, f"messages[{number}].{part}", text)
    if answer:
        yield _Text("output", None, "content", answer)


async def _seen(member: Member, judged: _Text) -> list[Finding]:
    detector, location, text = member.detector, judged.location, judged.text
    reading = await views.read_aside(text) if detector.normalise else views.AS_IT_IS
    try:
        found = await member.detect(text, reading, 0, len(text))
    except Exception as error:
        flagged = member.fail(error)
        return [member.finding("unchecked", "flag", location, 0, 0, 1.0)] if flagged else []
    return [
        member.finding(seen.label, detector.action, location, seen.start, seen.end, seen.score)
        for seen in found
    ]


def _score(finding: Finding, thresholds: Mapping[str, float]) -> Score:
    return Score(
        finding.defense,
        finding.label,
        finding.location,
        finding.start,
        finding.end,
        finding.score,
        thresholds[finding.defense],
    )


async def _pair_heads(messages: Sequence[Message], answer: str | None) -> list[Score]:
    """What the heads on pairs say of the last turn of the user and the answer."""
    encoder, asked = loaded(), [turn.content for turn in messages if turn.role == "user"]
    if encoder is None or not asked or not answer:
        return []
    judged = await encoder.judge_pair(asked[-1], answer)
    return [Score("", head, "content", 0, len(answer), score, 0.5) for head, score in judged.items()]


async def _heads(text: _Text) -> list[Score]:
    encoder = loaded()
    if encoder is None:
        return []
    judged = await encoder.judge(text.text)
    return [
        Score("", head, text.location, *judged.spans[head], score, 0.5)
        for head, score in judged.scores.items()
    ]
