"""Collects the deltas of one answer back into the answer."""

from gateway.trail import Answer
from gateway.types import Delta, Finish, Text, ToolCall, ToolCallPart


class Transcript:
    """What was seen of an answer so far; joining is left to the end, since streams are long."""

    __slots__ = ("_calls", "_texts", "finish_reason")

    def __init__(self) -> None:
        self.finish_reason = ""
        self._texts: dict[str, list[str]] = {"content": [], "reasoning": [], "refusal": []}
        self._calls: dict[int, list[ToolCallPart]] = {}

    def add(self, delta: Delta) -> None:
        """Take note of `delta`; usage and findings are not part of an answer."""
        if isinstance(delta, Text):
            self._texts[delta.channel].append(delta.text)
        elif isinstance(delta, ToolCallPart):
            self._calls.setdefault(delta.index, []).append(delta)
        elif isinstance(delta, Finish):
            self.finish_reason = delta.reason

    def answer(self) -> Answer:
        """The answer as far as it got."""
        texts = {channel: "".join(pieces) for channel, pieces in self._texts.items()}
        calls = [_joined(parts) for _, parts in sorted(self._calls.items())]
        return Answer(**texts, tool_calls=calls, finish_reason=self.finish_reason)


def _joined(parts: list[ToolCallPart]) -> ToolCall:
    return ToolCall(
        id="".join(part.id for part in parts),
        name="".join(part.name for part in parts),
        arguments="".join(part.arguments for part in parts),
    )
