"""One small encoder for all questions about a text: read once, asked by every head, defense and monitor."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Literal

from gateway.errors import ConfigError
from gateway.text.encoder_model import Judgement, Model, Window

if TYPE_CHECKING:
    from gateway.text.encoder_model import Floats

Choice = Literal["auto", "cpu", "cuda", "off"]
BATCH = {"cpu": 1, "cuda": 8192}
"""Tokens read at once, padding included; a window is always read whole. On a CPU each is read alone: together
they are no faster, the first would wait for the last, and eight bits are scaled by all that is read at once,
so that a score would depend on who else asks."""
PADDING = 1.25
"""Windows of one batch differ in length by this factor at most, so that little of the work is padding."""
REMEMBERED = 2048
"""Judgements kept for whoever asks next."""
_LONG = 4_000
"""Past so many characters a text is cut into tokens in a thread, so that nobody else waits."""


class _Work:
    """A text in work: its windows, those not yet read, and how many still want its judgement."""

    __slots__ = ("deadline", "done", "future", "text", "unread", "wanted", "windows")

    def __init__(self, text: str, windows: Sequence[Window], future: "asyncio.Future[Judgement]") -> None:
        self.text = text
        self.windows = windows
        self.unread = list(range(len(windows) - 1, -1, -1))
        self.done: dict[int, tuple[Floats, Floats]] = {}
        self.future = future
        self.deadline = 0.0
        self.wanted = 0

    def dead(self, now: float) -> bool:
        """Whether nobody waits for it any more."""
        return self.future.done() or not self.wanted or self.deadline < now


class _Batch:
    """Windows that are read together: of like length, and not too many tokens."""

    def __init__(self, limit: int) -> None:
        self.windows: list[tuple[_Work, int]] = []
        self._limit = limit
        self._longest = 0
        self._shortest = 0

    def take_from(self, work: _Work) -> None:
        """Take what fits of the windows of `work` that are not yet read."""
        while work.unread:
            size = len(work.windows[work.unread[-1]].ids)
            longest, shortest = max(self._longest, size), min(self._shortest or size, size)
            together = (len(self.windows) + 1) * longest <= self._limit and longest <= shortest * PADDING
            if self.windows and not together:
                return
            self._longest, self._shortest = longest, shortest
            self.windows.append((work, work.unread.pop()))

    @property
    def ids(self) -> list[Sequence[int]]:
        return [work.windows[index].ids for work, index in self.windows]


class Encoder:
    """Judges texts for everybody in this process: equal texts once, several at a time, on one thread.

    Nothing is delayed to fill a batch: one is begun as soon as the one before is done, so a text
    waits for the batch in work and for those that came before it. A long text lets others pass after
    each. What nobody waits for any more, or what is past its deadline, is dropped unread.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.windows_read = 0
        self.windows_dropped = 0
        self._executor = ThreadPoolExecutor(1, "encoder")
        self._queue: deque[_Work] = deque()
        self._in_work: dict[str, _Work] = {}
        self._known: OrderedDict[str, Judgement] = OrderedDict()
        self._working: asyncio.Task[None] | None = None

    async def judge(self, text: str, within: float | None = None) -> Judgement:
        """What the heads say of `text`; raises TimeoutError past `within` seconds, TextTooLongError."""
        if (known := self._recall(text)) is not None:
            return known
        deadline = float("inf") if within is None else monotonic() + within
        async with asyncio.timeout(within):
            work = self._in_work.get(text) or await self._begin(text)
            work.deadline = max(work.deadline, deadline)
            work.wanted += 1
            try:
                return await asyncio.shield(work.future)
            finally:
                work.wanted -= 1

    async def judge_pair(self, request: str, answer: str, within: float | None = None) -> dict[str, float]:
        """What the heads on pairs say of a request and its answer; see `judge`."""
        asked, said = await asyncio.gather(self.judge(request, within), self.judge(answer, within))
        return self.model.pair(asked, said)

    def judge_now(self, text: str) -> Judgement:
        """The same, for a process that has nothing else to do meanwhile."""
        known = self._recall(text)
        if known is None:
            windows = self.model.windows(text)
            read = [self.model.read([window.ids]) for window in windows]
            self.windows_read += len(windows)
            known = self._remember(text, windows, read)
        return known

    async def _begin(self, text: str) -> _Work:
        cut = self.model.windows
        windows = cut(text) if len(text) < _LONG else await asyncio.to_thread(cut, text)
        work = self._in_work.get(text)
        if work is None:
            work = _Work(text, windows, asyncio.get_running_loop().create_future())
            self._in_work[text] = work
            self._queue.append(work)
            # It starts at the next turn of the loop, when whoever began this waits for it.
            if self._working is None or self._working.done():
                self._working = asyncio.create_task(self._work())
        return work

    async def _work(self) -> None:
        """Read until nothing waits."""
        try:
            while batch := self._next_batch():
                await self._read(batch)
        except Exception as error:  # whatever it is, nobody may be left waiting
            self._queue.clear()
            for work in list(self._in_work.values()):
                self._fail(work, error)

    async def _read(self, batch: _Batch) -> None:
        loop = asyncio.get_running_loop()
        try:
            read = await loop.run_in_executor(self._executor, self.model.read, batch.ids)
        except Exception as error:
            for work, _ in batch.windows:
                self._fail(work, error)
            return
        self.windows_read += len(batch.windows)
        for row, (work, index) in enumerate(batch.windows):
            work.done[index] = (read[0][row : row + 1], read[1][row : row + 1])
            if len(work.done) == len(work.windows):
                self._finish(work)

    def _next_batch(self) -> _Batch | None:
        """Windows of the text that waits longest, and those of others that can be read with them."""
        batch, now = _Batch(BATCH[self.model.placement.device]), monotonic()
        passed: list[_Work] = []
        while self._queue:
            work = self._queue.popleft()
            if work.dead(now):
                self._drop(work)
                continue
            first = not batch.windows
            batch.take_from(work)
            if first and work.unread:
                self._queue.append(work)  # a long one; who comes after it is next
                break
            if work.unread:
                passed.append(work)
        self._queue.extendleft(reversed(passed))
        return batch if batch.windows else None

    def _drop(self, work: _Work) -> None:
        self.windows_dropped += len(work.unread)
        self._fail(work, TimeoutError("nobody waited for it"))

    def _finish(self, work: _Work) -> None:
        read = [work.done[index] for index in range(len(work.windows))]
        judged = self._remember(work.text, work.windows, read)
        self._in_work.pop(work.text, None)
        if not work.future.done():
            work.future.set_result(judged)

    def _fail(self, work: _Work, error: Exception) -> None:
        self._in_work.pop(work.text, None)
        if not work.future.done():
            work.future.set_exception(error)
            work.future.exception()  # nobody may wait for it any more

    def _recall(self, text: str) -> Judgement | None:
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
        return known

    def _remember(
        self, text: str, windows: Sequence[Window], read: "Sequence[tuple[Floats, Floats]]"
    ) -> Judgement:
        import numpy as np

        embeddings, logits = (np.concatenate(part) for part in zip(*read, strict=True))
        judged = self._known[text] = self.model.judgement(windows, embeddings, logits)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return judged


@dataclass(slots=True)
class _Process:
    """What this process chose, and its one encoder once somebody asked for it."""

    choice: Choice = "off"
    encoder: Encoder | None = None


_process = _Process()


def use(choice: Choice) -> None:
    """Choose where the encoder of this process is to run, before anything is built that asks for it."""
    if choice != _process.choice:
        _process.choice, _process.encoder = choice, None


def loaded() -> Encoder | None:
    """The encoder of this process, if somebody asked for it already."""
    return _process.encoder


def shared() -> Encoder | None:
    """The encoder of this process, loaded when first asked for; None where `use` never chose one.

    Raises ConfigError where it cannot be had.
    """
    if _process.encoder is None and _process.choice != "off":
        try:
            _process.encoder = Encoder(Model(_process.choice))
        except ConfigError as error:
            raise ConfigError(f"{error}; or set `encoder: off` to judge by patterns alone") from error
        _process.encoder.judge_now("")  # so that no client pays for the first run
    return _process.encoder
