"""The command `crossrisk`."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from gateway.commands import (
    calibrate,
    canary,
    check,
    defenses,
    demo,
    effects,
    fetch,
    gateway,
    label,
    matrix,
    monitors,
    report,
    rollout,
    send,
    serve,
    train,
    validate,
)
from gateway.errors import GatewayError
from gateway.metrics import product_version

COMMANDS = (
    serve,
    gateway,
    monitors,
    validate,
    rollout,
    effects,
    report,
    canary,
    defenses,
    check,
    fetch,
    send,
    demo,
    matrix,
    label,
    calibrate,
    train,
)


def parser() -> argparse.ArgumentParser:
    """The parser with every command."""
    root = argparse.ArgumentParser(
        prog="crossrisk",
        description="Guardrail gateway for language models, watched by shadow monitors.",
    )
    root.add_argument("--version", action="version", version=product_version())
    subparsers = root.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.add_parser(subparsers)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command: exit code 0 for success, 2 for a mistake of the caller, 130 for Ctrl-C."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    parsed = parser().parse_args(arguments)
    try:
        return int(parsed.run(parsed))
    except GatewayError as error:
        sys.stderr.write(f"crossrisk: error: {error}\n")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # whoever read our output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
