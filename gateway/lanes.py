"""All texts of an exchange, each in a lane of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.lane import Lane
from gateway.panel import Judges, Panel
from gateway.redaction import JsonWriter, PlainWriter, Substitute, Writer, redacted
from gateway.types import Delta, Exchange, Finding, Finish, Message, Role, Text, ToolCall, ToolCallPart
from gateway.window import Release


class PromptLanes:
    """Judges the turns of a prompt: what each says, and the calls it makes."""

    def __init__(self, panel: Panel, exchange: Exchange, substitute: Substitute = redacted) -> None:
        self._panel = panel
        self._substitute = substitute
        self._exchange = exchange
        self._judges: dict[Role, Judges] = {}
        self.findings: list[Finding] = []
        self.blocked = False
        self.rewritten = False

    async def judge(self, number: int, message: Message) -> Message:
        """Turn `number` as it may go on."""
        if message.role not in self._judges:
            self._judges[message.role] = Judges(self._panel.of_role(message.role), self._exchange)
        judges = self._judges[message.role]
        place = f"messages[{number}]"
        content = await self._judge(judges, f"{place}.content", message.content)
        name = await self._judge(judges, f"{place}.name", message.name)
        calls = [
            await self._judge_call(judges, f"{place}.tool_calls[{index}]", call)
            for index, call in enumerate(message.tool_calls)
        ]
        if not self.rewritten:
            return message
        return replace(message, content=content, name=name, tool_calls=tuple(calls))

    async def _judge_call(self, judges: Judges, place: str, call: ToolCall) -> ToolCall:
        name = await self._judge(judges, f"{place}.name", call.name)
        arguments = await self._judge(
            judges, f"{place}.arguments", call.arguments, JsonWriter(self._substitute)
        )
        return ToolCall(call.id, name, arguments)

    async def _judge(self, judges: Judges, location: str, text: str, writer: Writer | None = None) -> str:
        if not text:
            return text
        lane = Lane(judges, location, writer or PlainWriter(self._substitute))
        release = await lane.push(text, final=True)
        self.findings += lane.take_findings()
        self.blocked |= lane.blocked
        if release.text == release.source:
            return text
        self.rewritten = True
        return release.text


class AnswerLanes:
    """Takes the deltas of an answer, gives those that may leave; `whole`: the client waits for all.

    Each channel, each tool call's name and each tool call's arguments is a text of its own. A tool
    call's id and name leave together, once its name is complete.
    """

    def __init__(
        self, panel: Panel, exchange: Exchange, whole: bool, substitute: Substitute = redacted
    ) -> None:
        self._judges = Judges(panel, exchange)
        self._substitute = substitute
        self._idle = not panel
        self._json = _asks_for_json(exchange)
        self._whole = whole
        self._texts: dict[str, _TextLane] = {}
        self._calls: dict[int, _ToolCallLanes] = {}
        self._open_call: _ToolCallLanes | None = None
        self.blocked = False

    def glance(self, delta: Delta) -> Sequence[Delta] | None:
        """What `take` gives, where that takes no time; else None, and `take` has to be asked."""
        if self._idle:
            return (delta,)
        return self._text(delta).glance(delta) if isinstance(delta, Text) else None

    def _text(self, delta: Text) -> "_TextLane":
        text = self._texts.get(delta.channel)
        if text is None:
            as_json = self._json and delta.channel == "content"
            writer = (JsonWriter if as_json else PlainWriter)(self._substitute)
            text = self._texts[delta.channel] = _TextLane(self._judges, delta, self._whole, writer)
        return text

    async def take(self, delta: Delta | None) -> Sequence[Delta]:
        """What may leave after `delta` came in; when `blocked`, a finish is the last of it."""
        if delta is None:
            return ()
        if self._idle:
            return (delta,)
        if isinstance(delta, Text):
            return self._checked(await self._text(delta).take(delta))
        if isinstance(delta, ToolCallPart):
            return await self._take_part(delta)
        if isinstance(delta, Finish):
            return await self._end(delta)
        return (delta,)

    async def close(self) -> None:
        """Stop whoever still looks."""
        lanes: list[_TextLane | _ToolCallLanes] = [*self._texts.values(), *self._calls.values()]
        for lane in lanes:
            await lane.close()

    async def _take_part(self, part: ToolCallPart) -> Sequence[Delta]:
        call = self._calls.get(part.index)
        if call is None:
            call = self._calls[part.index] = _ToolCallLanes(self._judges, part.index, self._substitute)
        out: list[Delta] = []
        if self._open_call is not None and self._open_call is not call:  # so its name is complete
            out += self._checked(await self._open_call.end_name())
        self._open_call = call
        if not self.blocked:
            out += self._checked(await call.take(part))
        return out

    async def _end(self, finish: Finish) -> Sequence[Delta]:
        out: list[Delta] = []
        lanes: list[_TextLane | _ToolCallLanes] = [*self._texts.values(), *self._calls.values()]
        for lane in lanes:
            out += self._checked(await lane.end())
            if self.blocked:
                return out
        return [*out, finish]

    def _checked(self, out: "_Out") -> Sequence[Delta]:
        if not out.blocked:
            return out.deltas
        self.blocked = True
        return [*out.deltas, Finish("content_filter")]


def _asks_for_json(exchange: Exchange) -> bool:
    """Whether the answer is to be JSON, which a substitute must leave valid."""
    wanted = exchange.parameters.get("response_format")
    return isinstance(wanted, Mapping) and str(wanted.get("type", "")).startswith("json")


class _Out:
    """Deltas that may leave, and whether they are the last."""

    __slots__ = ("blocked", "deltas")

    def __init__(self, blocked: bool, deltas: Sequence[Delta]) -> None:
        self.blocked = blocked
        self.deltas = deltas


_NOTHING = _Out(False, ())


class _TextLane:
    __slots__ = ("_glanced", "_kind", "_lane", "_whole")

    def __init__(self, judges: Judges, kind: Text, whole: bool, writer: Writer) -> None:
        self._kind = kind
        self._whole = whole
        self._lane = Lane(judges, kind.channel, writer)
        self._glanced: Text | None = None

    def glance(self, delta: Text) -> Sequence[Delta] | None:
        if self._whole:
            return None
        release = self._lane.glance(delta.text)
        if release is None:
            self._glanced = delta
            return None
        text = release.text
        if not text:
            return ()
        return (delta if text == delta.text else Text(text, delta.channel),)

    async def take(self, delta: Text) -> _Out:
        if self._glanced is delta:
            self._glanced = None
            return self._out(await self._lane.look(), delta)
        if self._whole and self._lane.keep(delta.text):
            return _NOTHING
        return self._out(await self._lane.push(delta.text), delta)

    async def end(self) -> _Out:
        return self._out(await self._lane.push("", final=True), self._kind)

    async def close(self) -> None:
        await self._lane.close()

    def _out(self, release: Release, delta: Text) -> _Out:
        lane = self._lane
        if not release.text and not lane.findings:
            return _NOTHING
        out: list[Delta] = []
        if release.text:
            same = release.text == delta.text
            out.append(delta if same else Text(release.text, self._kind.channel))
        if lane.findings:
            out += lane.take_findings()
        return _Out(lane.blocked, out)


class _ToolCallLanes:
    __slots__ = ("_arguments", "_head", "_index", "_name")

    def __init__(self, judges: Judges, index: int, substitute: Substitute) -> None:
        self._index = index
        self._head: ToolCallPart | None = None
        self._name = Lane(judges, f"tool_calls[{index}].name", PlainWriter(substitute))
        self._arguments = Lane(judges, f"tool_calls[{index}].arguments", JsonWriter(substitute))

    async def take(self, part: ToolCallPart) -> _Out:
        if part.id or part.name:
            head = self._head or ToolCallPart(self._index)
            release = await self._name.push(part.name)
            self._head = replace(head, id=head.id + part.id, name=head.name + release.text)
        if not part.arguments:
            return _NOTHING
        named = await self.end_name()
        if named.blocked:
            return named
        return self._out(named.deltas, await self._arguments.push(part.arguments))

    async def end_name(self) -> _Out:
        """The name is complete: id and name leave."""
        if self._head is None:
            return _NOTHING
        release = await self._name.push("", final=True)
        head, self._head = self._head, None
        out: list[Delta] = []
        if not self._name.blocked:
            out.append(replace(head, name=head.name + release.text))
        return _Out(self._name.blocked, [*out, *self._name.take_findings()])

    async def end(self) -> _Out:
        named = await self.end_name()
        if named.blocked:
            return named
        return self._out(named.deltas, await self._arguments.push("", final=True))

    async def close(self) -> None:
        await self._name.close()
        await self._arguments.close()

    def _out(self, before: Sequence[Delta], release: Release) -> _Out:
        out: list[Delta] = [*before]
        if release.text:
            out.append(ToolCallPart(self._index, arguments=release.text))
        return _Out(self._arguments.blocked, [*out, *self._arguments.take_findings()])
