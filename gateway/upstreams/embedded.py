"""Upstream that brings its own model: llama.cpp in a supervised child process."""

import importlib.util
import os
import secrets
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigError
from gateway.model_files import SMOLLM2, fetched
from gateway.upstreams.child import Child, ChildModel, Program, running, supervised
from gateway.upstreams.llama_server import Settings
from gateway.upstreams.loan import BorrowedModel, borrowed
from gateway.upstreams.openai import OpenAI

NAME = "the embedded model"
STARTUP_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """A small language model on this machine's CPU; needs the extra `embedded`.

    `models` are the names it answers to. `model_file` is a GGUF file; empty means the one that
    `crossrisk fetch` got. `slots` exchanges are answered at a time, each with up to `context`
    tokens of prompt and answer; more wait. `threads` is per process. `timeout` is the longest
    silence between two bytes, in seconds, and includes the wait for a slot.

    Raises `ConfigError` when the extra or the file is missing.
    """

    models: tuple[str, ...] = ("smollm2-135m-instruct",)
    model_file: str = ""
    slots: int = 4
    threads: int = 1
    context: int = 2048
    timeout: float = 120.0

    def __post_init__(self) -> None:
        if importlib.util.find_spec("xllamacpp") is None:
            raise ConfigError(
                "the embedded model needs the extra [embedded]: pip install 'crossrisk-gateway[embedded]'"
            )
        if not self.models:
            raise ConfigError("the embedded model needs at least one name in models")
        if min(self.slots, self.threads, self.context, self.timeout) <= 0:
            raise ConfigError("the embedded model's slots, threads, context and timeout must be above zero")
        self.path()

    def path(self) -> Path:
        """The model file; raises `ConfigError` when it is not there."""
        if not self.model_file:
            return fetched(SMOLLM2)
        path = Path(self.model_file).expanduser()
        if not path.is_file():
            raise ConfigError(f"model_file {path} is missing; leave it out and run: crossrisk fetch")
        return path

    def connect(self) -> AbstractAsyncContextManager[ChildModel]:
        """Keep the child process running for as long as the context lasts.

        Raises `UpstreamError` when it cannot be started at all.
        """
        return supervised(NAME, self._run)

    def lend(self, file: Path) -> AbstractAsyncContextManager[ChildModel]:
        """Like `connect`, for other processes, which `borrow` by the same file."""
        return supervised(NAME, self._run, file)

    def borrow(self, file: Path) -> AbstractAsyncContextManager[BorrowedModel]:
        """The model that another process lends."""
        return borrowed(NAME, file, self._server)

    def _run(self) -> AbstractAsyncContextManager[Child]:
        settings = _settings(self, self._connections)
        program = Program(
            name=NAME,
            module="gateway.upstreams.llama_server",
            settings=settings,
            api_key=settings.api_key,
            threads=self.threads,
            verbose=settings.verbose,
            patience=STARTUP_SECONDS,
        )
        return running(program, self._server)

    @property
    def _connections(self) -> int:
        # every connection holds a thread in the child, so just enough to keep the slots busy
        return 2 * self.slots

    def _server(self, url: str) -> OpenAI:
        return OpenAI(
            base_url=f"{url}/v1", models=self.models, timeout=self.timeout, connections=self._connections
        )


def _settings(entry: Embedded, connections: int) -> Settings:
    return Settings(
        model_file=str(entry.path()),
        name=entry.models[0],
        # other users of this machine reach the port too
        api_key=secrets.token_urlsafe(32),
        slots=entry.slots,
        threads=entry.threads,
        context=entry.context,
        connections=connections,
        verbose=bool(os.environ.get("CROSSRISK_DEBUG")),
        parent=os.getpid(),
    )
