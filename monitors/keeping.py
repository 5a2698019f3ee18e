"""Keeps some exchanges on disk for people to label, where the operator asked for it: off by default."""

import json
import logging
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.errors import ConfigError
from gateway.settings import Keep
from gateway.v1 import record_pb2
from monitors.exporter import OUTCOMES, arm_of
from monitors.measure import Answer, Prompt
from monitors.sampling import place

logger = logging.getLogger(__name__)


class Keeper:
    """Appends a share of the exchanges to a file that only its owner may read, until it is full.

    A line is a JSON object: `id`, `messages`, `answer`, `blocked`, `finish_reason`, `refusal`, `outcome`,
    `arms` by defense, and `scores` by measure, of those monitors that do not wait for a model. Raises
    ConfigError for a file that cannot be written to, or that others may read.
    """

    def __init__(self, keep: Keep) -> None:
        self._rate = keep.rate
        path = Path(keep.file)
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise ConfigError(f"keep: cannot write to {path}: {error.strerror}") from error
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) & 0o077:
            os.close(self._descriptor)
            raise ConfigError(f"keep: {path} is no file, or others may read it; set its mode to 0600")
        self._left = keep.megabytes * 1_000_000 - status.st_size
        logger.warning(
            "prompts and answers of %g of the exchanges are kept in %s, up to %d MB, for `crossrisk label`",
            keep.rate, path, keep.megabytes,
        )  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def keep(
        self, record: record_pb2.Record, prompt: Prompt, answer: Answer, scores: Mapping[str, float]
    ) -> None:
        """Write the exchange down if it is of the share and there is room; a failure ends the keeping."""
        if self._left <= 0 or place(record, b"keep") >= self._rate:
            return
        line = (json.dumps(_line(record, prompt, answer, scores)) + "\n").encode()
        if len(line) > self._left:
            self._left = 0
            logger.warning("the file for `crossrisk label` is full; nothing more is kept")
            return
        try:
            os.write(self._descriptor, line)
        except OSError as error:
            self._left = 0
            logger.warning("nothing more is kept for `crossrisk label`: %s", error.strerror)
            return
        self._left -= len(line)


def _line(
    record: record_pb2.Record, prompt: Prompt, answer: Answer, scores: Mapping[str, float]
) -> dict[str, object]:
    return {
        "id": record.exchange_id,
        "messages": [{"role": turn.role, "content": turn.content} for turn in prompt.messages],
        "answer": answer.content,
        "blocked": answer.blocked,
        "finish_reason": answer.finish_reason,
        "refusal": answer.refusal,
        "outcome": OUTCOMES.get(record.outcome, "unspecified"),
        "arms": {
            one.defense: arm_of(record, one) for one in record.defenses if one.mode != record_pb2.MODE_OFF
        },
        "scores": dict(scores),
    }
