"""Answers many requests at once: a thread that decodes all of them token by token."""

import os
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from gateway.whitebox.adapters import Choice
from gateway.whitebox.batch import Batch
from gateway.whitebox.sampling import Sampler
from gateway.whitebox.steering import Rule


@dataclass(slots=True)
class Companion:
    """Another reading of the same answer: after another prompt, with another adapter."""

    prompt: Sequence[int]
    adapter: str | None
    rule: Rule


@dataclass(slots=True, eq=False)
class Job:
    """One answer in the making. `take` is called with each token, and with None at the end.

    It runs on the thread of the engine and must not wait. `cancelled` ends the answer at the next token.
    """

    prompt: Sequence[int]
    adapter: str | None
    sampler: Sampler
    most: int
    take: Callable[[int | None, str], None]
    companion: Companion | None = None
    cancelled: bool = False
    answer: list[int] = field(default_factory=list)
    rows: int = 0


class Engine:
    """Decodes up to `slots` rows at a time; further jobs wait for a place."""

    def __init__(self, model: Any, choice: Choice, ends: frozenset[int], slots: int) -> None:
        self._batch = Batch(model, choice)
        self._ends = ends
        self._slots = slots
        self._waiting: deque[Job] = deque()
        self._active: list[Job] = []
        self._logits: list[Tensor] = []
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="decoding", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Have `job` answered."""
        with self._changed:
            self._waiting.append(job)
            self._changed.notify()

    def cancel(self, job: Job) -> None:
        """Nobody waits for the answer any more."""
        job.cancelled = True
        with self._changed:
            self._changed.notify()

    def close(self) -> None:
        """Stop decoding; what is not answered yet never will be."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._active or self._closed):
                    self._changed.wait()
                if self._closed:
                    return
                fresh = self._admitted()
            try:
                for job in fresh:
                    self._begin(job)
                if self._active:
                    self._advance()
            except Exception:  # nobody would be answered any more; whoever supervises starts us again
                traceback.print_exc()
                os._exit(1)

    def _admitted(self) -> list[Job]:
        """Those who wait and for whom there is room now."""
        fresh, rows = [], len(self._batch)
        while self._waiting:
            job = self._waiting[0]
            needed = 1 + (job.companion is not None)
            if rows and rows + needed > self._slots:
                break
            self._waiting.popleft()
            if not job.cancelled:
                fresh.append(job)
                rows += needed
        return fresh

    def _begin(self, job: Job) -> None:
        try:
            self._logits.append(self._batch.add(job.prompt, job.adapter))
            job.rows = 1
            if job.companion is not None:
                self._logits.append(self._batch.add(job.companion.prompt, job.companion.adapter))
                job.rows = 2
        except Exception as error:  # a prompt that the model cannot read is that prompt's fault alone
            job.take(None, f"error: {type(error).__name__}")
            del self._logits[len(self._logits) - job.rows :]
            self._batch.keep(range(len(self._batch) - job.rows))
            return
        self._active.append(job)

    def _advance(self) -> None:
        """One token for everybody."""
        tokens: list[int] = []
        kept_rows: list[int] = []
        kept_jobs: list[Job] = []
        row = 0
        for job in self._active:
            rows = job.rows
            token = self._next_of(job, row)
            if token is not None:
                steers = job.companion is not None and job.companion.rule.steers(len(job.answer))
                job.rows = 2 if steers else 1
                kept_rows += range(row, row + job.rows)
                tokens += [token] * job.rows
                kept_jobs.append(job)
            row += rows
        if len(kept_rows) < row:
            self._batch.keep(kept_rows)
        self._active = kept_jobs
        self._logits = list(self._batch.step(tokens)) if tokens else []

    def _next_of(self, job: Job, row: int) -> int | None:
        """The same, where a fault in one job is that job's alone."""
        try:
            return self._next(job, row)
        except Exception as error:
            job.take(None, f"error: {type(error).__name__}")
            return None

    def _next(self, job: Job, row: int) -> int | None:
        """The next token of a job, handed on; None when its answer is complete."""
        if job.cancelled:
            job.take(None, "cancelled")
            return None
        logits = self._logits[row]
        if job.companion is not None and job.rows == 2:
            # On the model's own scale, so that a penalty for repetition means the same.
            steered = job.companion.rule.combine(logits, self._logits[row + 1])
            logits = steered + logits.logsumexp(-1)
        token = job.sampler.draw(logits, [*job.prompt, *job.answer])
        if token in self._ends:
            job.take(None, "stop")
            return None
        job.answer.append(token)
        job.take(token, "")
        if len(job.answer) >= job.most:
            job.take(None, "length")
            return None
        return token
