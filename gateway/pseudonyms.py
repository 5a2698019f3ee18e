"""Codes that stand for parts of a prompt while the model works, and come back as those parts."""

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import ClassVar, Literal

from gateway.detector import PatternDetector
from gateway.lanes import AnswerLanes
from gateway.panel import Panel
from gateway.text.rules import Rule, RuleSet
from gateway.types import Deltas, Detection, Exchange, Finding, Risk, Upstream

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of codes: Crockford's base 32, in which nothing looks like something else, in either case."""
SIZE = 8
"""Characters of a code: 40 bits, so that no prompt guesses one."""
GARBLED = "garbled_placeholder"
_RESTORED = "placeholder"


class Vault:
    """The values of one exchange by the codes that stand for them; gone with the exchange.

    Codes are random. With a `key` they depend on it and on the order of the values alone, so that prompts
    which differ in what is hidden, and in nothing else, are the same prompt to the model.
    """

    def __init__(self, key: bytes = b"") -> None:
        self._key = key
        self._codes: dict[str, str] = {}
        self._values: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self._values)

    def hide(self, label: str, value: str) -> str:
        """The placeholder for `value`; the same value has the same one."""
        code = self._codes.get(value)
        if code is None:
            number = len(self._codes)
            code = self._codes[value] = _derived_code(self._key, number) if self._key else _new_code()
            self._values[code] = value
        return f"[{label.upper()}_{code}]"

    def show(self, label: str, placeholder: str) -> str:
        """The value that `placeholder` stands for, which has to be known."""
        return self._values[_code(placeholder)]

    def knows(self, placeholder: str) -> bool:
        """Whether it stands for a value, whatever the model made of its case and brackets."""
        return _code(placeholder) in self._values


def _new_code() -> str:
    """Unguessable, and with a digit, so that it is no word."""
    while (code := "".join(secrets.choice(ALPHABET) for _ in range(SIZE))).isalpha():
        pass
    return code


def _derived_code(key: bytes, number: int) -> str:
    """As unguessable as the key, and with a digit."""
    draw = hashlib.blake2b(number.to_bytes(8), key=key, digest_size=SIZE).digest()
    letters = "".join(ALPHABET[byte % len(ALPHABET)] for byte in draw)
    return f"{letters[:-1]}{draw[-1] % 10}"


def _code(placeholder: str) -> str:
    return placeholder.strip("[]")[-SIZE:].upper()


def placeholders(labels: Iterable[str]) -> RuleSet:
    """The rule for placeholders with these labels, as a model may have written them."""
    names = "|".join(label.replace("_", r"\\?[ _-]") for label in sorted(labels))
    core = rf"\b(?:{names})\\?[ _-]{{1,2}}[0-9A-Z]{{{SIZE}}}\b"
    return RuleSet([Rule(_RESTORED, rf"(?:\[{core}\]|{core})", _coded, ignore_case=True)])


def _coded(text: str) -> int:
    """Accepts what cannot be two words of a sentence: a code has a digit in it."""
    return len(text) if any(character.isdigit() for character in text.strip("[]")[-SIZE:]) else 0


def reader(rules: RuleSet) -> type["Reader"]:
    """The class of detectors that read what `rules` find in answers."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Own(Reader):
        pass

    Own.rules = rules
    return Own


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader(PatternDetector):
    """Finds placeholders in an answer: those of the vault, or those that only look like it."""

    risk: ClassVar[Risk] = "privacy"
    rules: ClassVar[RuleSet] = placeholders(["code"])
    labels: ClassVar[frozenset[str]] = frozenset({_RESTORED, GARBLED})

    side: Literal["output"] = "output"
    normalise: bool = False
    vault: Vault
    known: bool

    async def detect(self, text: str, exchange: Exchange, start: int = 0) -> Sequence[Detection]:
        label = _RESTORED if self.known else GARBLED
        return [
            Detection(one.start, one.end, label)
            for one in await PatternDetector.detect(self, text, exchange, start)
            if self.vault.knows(text[one.start : one.end]) == self.known
        ]


async def restored(
    exchange: Exchange, asked: Exchange, upstream: Upstream, vault: Vault, own: type[Reader]
) -> Deltas:
    """The answer to `asked` with the values back in place of their codes, in all of its channels.

    A code that the vault does not know stays as it is and is flagged as `garbled_placeholder`.
    """
    async with aclosing(upstream(asked)) as deltas:
        if not vault:  # nothing was hidden, so there is nothing to put back
            async for delta in deltas:
                yield delta
            return
        panel = Panel(
            [
                (exchange.layer, own(vault=vault, known=True, action="redact")),
                (exchange.layer, own(vault=vault, known=False, action="flag")),
            ],
            "output",
        )
        lanes = AnswerLanes(panel, exchange, not exchange.streamed, vault.show)
        try:
            async for delta in deltas:
                for out in await lanes.take(delta):
                    if not (isinstance(out, Finding) and out.label == _RESTORED):
                        yield out
        finally:
            await lanes.close()
