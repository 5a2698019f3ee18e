"""Anybody's sequence classifier, asked by defenses and monitors without stalling the event loop.

An ONNX model runs in a thread of this process. One that only transformers can run gets a process of
its own: torch holds Python's lock for long, and everybody would wait.
"""

import asyncio
import logging
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Mapping
from concurrent.futures import BrokenExecutor, Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import islice
from multiprocessing.connection import wait
from typing import Any, NamedTuple

from gateway.text.classifier_files import ClassifierChoice, ClassifierFiles, find
from gateway.text.classifier_model import Model, OnnxModel, TorchModel, Window
from gateway.text.onnx_session import Device
from gateway.text.remembered import Remembered

BATCH = {"cpu": 256, "cuda": 8192}
"""Tokens read at once, padding included, and at least one window; see `gateway.text.encoder`."""
PADDING = 1.25
"""Windows of one batch differ in length by this factor at most."""
_TURN = 8
"""Windows of one text that may wait at a time, so that others pass a long one."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Load:
    """Which model, and where."""

    files: ClassifierFiles
    device: Device


class _Waiting(NamedTuple):
    window: Window
    row: "asyncio.Future[list[float]]"


class SequenceClassifier:
    """Gives each text a probability for each label: the highest of its windows.

    Equal texts are judged once. Nothing is delayed to fill a batch: one is begun as soon as the one
    before is done. What nobody waits for any more is dropped unread.
    """

    def __init__(self, files: ClassifierFiles, device: Device, remembered: int) -> None:
        self.files = files
        self.windows_read = 0
        self._load = _Load(files, device)
        self._limit = BATCH["cpu"]
        self._pool: Executor | None = None
        self._queue: deque[_Waiting] = deque()
        self._working: asyncio.Task[None] | None = None
        self._known = Remembered[list[float]](remembered)

    async def warm(self) -> None:
        """Load the model and run it once; raises ConfigError where that cannot be."""
        placement = await self._call("warm", None)
        self._limit = BATCH[placement.device]
        if placement.fallback:
            log.warning("classifier %s runs on the CPU: %s", self.files.folder, placement.fallback)

    async def aclose(self) -> None:
        """End the thread or the process; whoever asks again starts another."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await asyncio.to_thread(pool.shutdown, cancel_futures=True)

    async def scores(self, text: str, labels: Mapping[str, str]) -> dict[str, float]:
        """The probability of each of our labels, to which `labels` maps the model's."""
        row = self._known.get(text)
        if row is None:
            row = await self._judged(text)
            self._known.keep(text, row)
        scores: dict[str, float] = {}
        for label, name in labels.items():
            score, other = row[self.files.labels.index(label)], scores.get(name, 0.0)
            # Labels that exclude each other add up, others may hold at once.
            scores[name] = max(score, other) if self.files.several else min(score + other, 1.0)
        return scores

    async def _judged(self, text: str) -> list[float]:
        windows = iter(await self._call("windows", text))
        rows: list[list[float]] = []
        while turn := list(islice(windows, _TURN)):
            rows += await asyncio.gather(*map(self._row, turn))
        return [max(column) for column in zip(*rows, strict=True)]

    async def _row(self, window: Window) -> list[float]:
        loop = asyncio.get_running_loop()
        waiting = _Waiting(window, loop.create_future())
        self._queue.append(waiting)
        if self._working is None or self._working.done() or self._working.get_loop() is not loop:
            self._working = asyncio.create_task(self._work())
        return await waiting.row

    async def _work(self) -> None:
        """Read until nothing waits."""
        while batch := self._next_batch():
            try:
                rows = await self._call("read", [waiting.window for waiting in batch])
            except Exception as error:
                for waiting in batch:
                    if not waiting.row.done():
                        waiting.row.set_exception(error)
                continue
            self.windows_read += len(batch)
            for waiting, row in zip(batch, rows, strict=True):
                if not waiting.row.done():
                    waiting.row.set_result(row)

    def _next_batch(self) -> list[_Waiting]:
        """The window that waits longest, and others of like length."""
        batch: list[_Waiting] = []
        passed: list[_Waiting] = []
        longest = shortest = 0
        while self._queue and (len(batch) + 1) * longest <= self._limit:
            waiting = self._queue.popleft()
            if waiting.row.done():
                continue
            size = len(waiting.window.ids)
            most, least = max(longest, size), min(shortest or size, size)
            if batch and (most > least * PADDING or (len(batch) + 1) * most > self._limit):
                passed.append(waiting)
                continue
            longest, shortest = most, least
            batch.append(waiting)
        self._queue.extendleft(reversed(passed))
        return batch

    async def _call(self, method: str, argument: object) -> Any:
        if self._pool is None:
            self._pool = self._new_pool()
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(
                pool, _answer, self._load, method, argument
            )
        except BrokenExecutor:  # the process died; the next call starts another
            if self._pool is pool:
                self._pool = None
            raise

    def _new_pool(self) -> Executor:
        if self.files.onnx is not None:
            return ThreadPoolExecutor(1, "classifier")
        # Not forked: a copy of a process with threads may wait for ever for a lock that nobody holds.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, mp_context=context, initializer=_end_with_parent)


def _answer(load: _Load, method: str, argument: object) -> Any:
    return getattr(_model(load), method)(argument)


@cache
def _model(load: _Load) -> Model:
    kind: type[OnnxModel | TorchModel] = OnnxModel if load.files.onnx is not None else TorchModel
    return kind(load.files, load.device)


def _end_with_parent() -> None:
    """End this process when its parent is gone, however it went."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch(sentinel: int) -> None:
        wait([sentinel])
        os._exit(1)

    threading.Thread(target=watch, args=(parent.sentinel,), daemon=True).start()


@cache
def _shared(files: ClassifierFiles, device: Device, remembered: int) -> SequenceClassifier:
    return SequenceClassifier(files, device, remembered)


def shared(choice: ClassifierChoice) -> SequenceClassifier:
    """The classifier that everybody in this process shares who makes this choice, not yet loaded.

    Raises ConfigError where it cannot be had or does not know the labels.
    """
    return _shared(find(choice), choice.device, choice.cache)
