"""Reads which defenses are to be tried by a controller: those whose entry says `rollout`."""

import hashlib
import json
from dataclasses import fields

import msgspec

from gateway.canary_settings import CanarySettings, Plan, Step
from gateway.config import ROLLOUT, Config, Entry, convert


def plans(config: Config) -> tuple[Plan, ...]:
    """One for each such defense, in the order of the file; raises ConfigError."""
    pairs = zip(config.defense_entries, config.layers(), strict=True)
    found = []
    for entry, layer in pairs:
        if ROLLOUT not in entry.options:
            continue
        settings = _settings(entry)
        if settings.holdback and not any(layer.name in names for names in config.may_be_off()):
            raise entry.error(
                f"holdback: leaves users without {layer.name}, which no upstream allows; say "
                f"`may_be_off: [{layer.name}]` in the entry of each upstream that does",
                ROLLOUT,
            )
        found.append(Plan(layer.name, layer.risk, digest(entry), settings))
    return tuple(found)


def digest(entry: Entry) -> str:
    """Of what the entry says of the defense itself, whatever its name and its rollout.

    What stands in files that it names is not looked at.
    """
    own = entry.without("name", ROLLOUT).options
    told = json.dumps(own, sort_keys=True, default=str).encode()
    return hashlib.blake2b(told, digest_size=8).hexdigest()


def _settings(entry: Entry) -> CanarySettings:
    value = entry.options[ROLLOUT]
    if value == "canary":
        return CanarySettings()
    if not isinstance(value, dict):
        known = ", ".join(field.name for field in fields(CanarySettings))
        raise entry.error(f"must be `canary`, or a mapping with some of {known}, not {value!r}", ROLLOUT)
    line = entry.lines.get(ROLLOUT, entry.line)
    inner = Entry(f"{entry.place}: {ROLLOUT}", value, dict.fromkeys(map(str, value), line), line)
    return _converted(inner)


def _converted(inner: Entry) -> CanarySettings:
    for number, step in enumerate(inner.options.get("steps") or ()):
        try:
            msgspec.convert(step, Step)
        except msgspec.ValidationError as error:
            raise inner.error(f"number {number + 1}: {error}", "steps") from error
    settings: CanarySettings = convert(inner, inner.options, CanarySettings)
    return settings
