"""The leaf of a replayed chain: answers from the record what the model was asked before."""

from collections.abc import Sequence

from gateway.trail import Call
from gateway.types import (
    Delta,
    Deltas,
    Exchange,
    Finish,
    FinishReason,
    Known,
    Message,
    Replay,
    Text,
    Upstream,
)
from gateway.wire import FINISH_REASONS


def recalled(exchange: Exchange, upstream: Upstream) -> Deltas:
    """The answer to an exchange that is a replay: none, the one that is known, or a new one.

    A replay with the same prompt then costs no generation, and differs from the exchange by the defenses
    alone. Known is no answer that was steered or that broke off.
    """
    replay = exchange.replay
    assert replay is not None
    if replay.generation == "never":
        return _told([Finish("stop")])
    known = find(replay, exchange.model, exchange.messages, exchange.steering is not None)
    return upstream(exchange) if known is None else _told(_deltas(known))


def find(replay: Replay, model: str, messages: tuple[Message, ...], steered: bool) -> Known | None:
    """The known answer to a call that a replay makes; None where the model has to be asked."""
    if steered or replay.generation != "needed":
        return None
    return next((one for one in replay.known if (one.model, one.messages) == (model, messages)), None)


def generated(replay: Replay, calls: Sequence[Call]) -> list[Call]:
    """The calls of a replay that the model answered anew."""
    if replay.generation == "never":
        return []
    return [call for call in calls if find(replay, call.model, call.prompt, call.steered) is None]


def _deltas(known: Known) -> list[Delta]:
    answer, reason = known.answer, _reason(known.answer.finish_reason)
    texts = (Text(answer.reasoning, "reasoning"), Text(answer.content), Text(answer.refusal, "refusal"))
    return [*(text for text in texts if text.text), Finish(reason)]


def _reason(name: str) -> FinishReason:
    return FINISH_REASONS.get(name, "stop")


async def _told(deltas: list[Delta]) -> Deltas:
    for delta in deltas:
        yield delta
