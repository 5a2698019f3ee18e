"""The child process of the embedded upstream: llama.cpp behind its own OpenAI-compatible HTTP.

Run as `python -m gateway.upstreams.llama_server`. Reads one line of `Settings` on stdin, writes one
line with its `Address` on stdout once it answers, and ends when stdin does.
"""

import os
import sys
from typing import Any

import msgspec

from gateway.upstreams.parent import Address, die_with

REPEAT_PENALTY = 1.1
"""For clients that set none: without it a model this small repeats itself without end."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the child must know; `context` is in tokens per slot, `parent` the process to die with."""

    model_file: str
    name: str
    api_key: str
    slots: int
    threads: int
    context: int
    connections: int
    verbose: bool
    parent: int


def main() -> None:
    """Serve until the parent is gone."""
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=Settings)
    die_with(settings.parent)
    # whatever llama.cpp prints must not end up where the parent expects the address
    answer = os.dup(1)
    os.dup2(2, 1)
    server = _serve(settings)
    os.write(answer, msgspec.json.encode(Address(server.listening_address)) + b"\n")
    sys.stdin.buffer.read()
    os._exit(0)  # a generation may still run, for nobody


def _serve(settings: Settings) -> Any:
    import xllamacpp  # the parent reads Settings without having the extra

    parameters = xllamacpp.CommonParams()
    parameters.model.path = settings.model_file
    parameters.model_alias = {settings.name}
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.api_keys = [settings.api_key]
    parameters.n_parallel = settings.slots
    parameters.n_ctx = settings.slots * settings.context
    parameters.cont_batching = True
    parameters.cpuparams.n_threads = settings.threads
    parameters.cpuparams_batch.n_threads = settings.threads
    # an open connection keeps a thread even while idle; two more for readiness and refusals
    parameters.n_threads_http = settings.connections + 2
    parameters.n_gpu_layers = 0
    parameters.fit_params = False  # the sizes above are meant as they stand
    parameters.sampling.penalty_repeat = REPEAT_PENALTY
    parameters.cache_ram_mib = 0  # else up to 8 GiB of earlier prompts stay in memory
    parameters.endpoint_slots = False
    parameters.ui = False
    parameters.offline = True
    parameters.verbosity = 3 if settings.verbose else 1
    try:
        return xllamacpp.Server(parameters)
    except RuntimeError:
        sys.exit(f"llama.cpp cannot serve {settings.model_file}")


if __name__ == "__main__":
    main()
