"""Upstream whose model is open: scores, adapters and steered decoding, in a supervised child process."""

import importlib.util
import os
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from gateway.errors import ConfigError
from gateway.model_files import SMOLLM2, fetched
from gateway.prompt import instructed
from gateway.scoring import registered
from gateway.types import Deltas, Exchange, Steering
from gateway.upstreams.child import Child, ChildModel, Program, running, supervised
from gateway.upstreams.loan import BorrowedModel, borrowed
from gateway.upstreams.openai import OpenAI, message_fields
from gateway.whitebox.server import Settings

NAME = "the white-box model"
STARTUP_SECONDS = 180.0
_NEEDED = ("torch", "transformers", "gguf", "accelerate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transformers:
    """A causal language model in torch on this machine's CPU; needs the extra `whitebox`.

    `models` are the names it answers to. `model` is a folder of transformers or a GGUF file; empty means
    the file that `crossrisk fetch` got, converted once. `adapters` are folders of low-rank adapters in PEFT's
    format by name, or `package:folder` for one that comes with an installed package, such as
    `defenses.training:adapters/safe_expert`; each name is a model that may be asked for. `slots` rows are
    decoded together, each with up to `context` tokens of prompt and answer; more wait. An answer that is
    steered takes two rows.
    `threads` is per process. `timeout` is the longest silence between two bytes, in seconds.

    Raises `ConfigError` when the extra, the model or an adapter is missing.
    """

    steerable: ClassVar[bool] = True

    models: tuple[str, ...] = ("smollm2-135m-instruct",)
    model: str = ""
    adapters: Mapping[str, str] = field(default_factory=dict)
    slots: int = 8
    threads: int = 1
    context: int = 2048
    timeout: float = 120.0

    def __post_init__(self) -> None:
        if missing := [name for name in _NEEDED if importlib.util.find_spec(name) is None]:
            raise ConfigError(
                f"the white-box model needs the extra [whitebox] ({missing[0]} is missing): "
                "pip install 'crossrisk-gateway[whitebox]'"
            )
        if not self.models:
            raise ConfigError("the white-box model needs at least one name in models")
        if min(self.slots, self.threads, self.context, self.timeout) <= 0:
            raise ConfigError("the white-box model's slots, threads, context and timeout must be above zero")
        if self.slots < 2:
            raise ConfigError("slots: a steered answer takes two rows, so there must be two at least")
        self.path()
        for name, place in self.adapters.items():
            if not (adapter_folder(name, place) / "adapter_config.json").is_file():
                raise ConfigError(f"adapters: {name}: {place} holds no adapter_config.json")

    def path(self) -> Path:
        """The model; raises `ConfigError` when it is not there."""
        if not self.model:
            return fetched(SMOLLM2)
        path = Path(self.model).expanduser()
        if not (path.is_file() or (path / "config.json").is_file()):
            raise ConfigError(f"model: {path} is neither a GGUF file nor a folder with a config.json")
        return path

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["OpenModel"]:
        """Keep the child process running for as long as the context lasts.

        Raises `UpstreamError` when it cannot be started at all.
        """
        async with supervised(NAME, self._run) as child:
            model = OpenModel(child)
            with registered(self.models[0], model):
                yield model

    def lend(self, file: Path) -> AbstractAsyncContextManager[ChildModel]:
        """Keep the child running for other processes, which `borrow` by the same file."""
        return supervised(NAME, self._run, file)

    @asynccontextmanager
    async def borrow(self, file: Path) -> AsyncIterator["OpenModel"]:
        """The model that another process lends."""
        async with borrowed(NAME, file, self._server) as child:
            model = OpenModel(child)
            with registered(self.models[0], model):
                yield model

    def _run(self) -> AbstractAsyncContextManager[Child]:
        settings = Settings(
            model=str(self.path()),
            names=list(self.models),
            adapters={name: str(adapter_folder(name, place)) for name, place in self.adapters.items()},
            api_key=secrets.token_urlsafe(32),  # other users of this machine reach the port too
            slots=self.slots,
            threads=self.threads,
            context=self.context,
            parent=os.getpid(),
        )
        program = Program(
            name=NAME,
            module="gateway.whitebox.server",
            settings=settings,
            api_key=settings.api_key,
            threads=self.threads,
            verbose=bool(os.environ.get("CROSSRISK_DEBUG")),
            patience=STARTUP_SECONDS,
        )
        return running(program, self._server)

    def _server(self, url: str) -> OpenAI:
        return OpenAI(base_url=f"{url}/v1", models=(*self.models, *self.adapters), timeout=self.timeout)


def adapter_folder(name: str, place: str) -> Path:
    """Where the adapter `name` lies: `place` itself, or in a package where it reads `package:folder`.

    Raises `ConfigError` when there is no such package.

    >>> adapter_folder("expert", "/models/expert").as_posix()
    '/models/expert'
    >>> adapter_folder("dict", "json:adapters/dict").parts[-3:]
    ('json', 'adapters', 'dict')
    """
    package, colon, folder = place.partition(":")
    if not colon or not all(part.isidentifier() for part in package.split(".")):
        return Path(place).expanduser()
    try:
        found = importlib.util.find_spec(package)
    except ModuleNotFoundError:  # of a package in which it should be
        found = None
    if found is None or not found.submodule_search_locations:
        raise ConfigError(
            f"adapters: {name}: {place}: no package {package} is installed; name a folder, or one in a "
            "package as package:folder"
        )
    return Path(found.submodule_search_locations[0]) / folder


class OpenModel:
    """The connected model: answers, steered where a defense says so, and tells how likely a text is."""

    def __init__(self, child: ChildModel | BorrowedModel) -> None:
        self._child = child

    def __call__(self, exchange: Exchange) -> Deltas:
        # What a client calls steering is not for the child: only defenses steer.
        parameters = {name: value for name, value in exchange.parameters.items() if name != "steering"}
        if exchange.steering is not None:
            parameters["steering"] = _fields(exchange, exchange.steering)
        return self._child(replace(exchange, parameters=parameters))

    async def ready(self) -> bool:
        """Whether the child answers."""
        return await self._child.ready()

    async def surprise(self, text: str) -> list[float]:
        """Nats of each token of `text` after those before it; raises UpstreamError."""
        answer: dict[str, list[float]] = await self._child.connection.ask("score", {"text": text})
        return answer["surprise"]


def _fields(exchange: Exchange, steering: Steering) -> dict[str, Any]:
    # Of what the model reads in the end, so that what a redaction hid is hidden from the companion too.
    messages = instructed(exchange, steering.told).messages if steering.told else ()
    return {
        "rule": steering.rule,
        "numbers": dict(steering.numbers),
        "messages": [message_fields(message) for message in messages],
        "adapter": steering.adapter,
    }
