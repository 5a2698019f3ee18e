"""Reads the one configuration file; every error names the file, the line, the entry and the remedy."""

import dataclasses
import difflib
import pkgutil
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard, TypeVar, cast, get_args, get_type_hints

import msgspec
import yaml

from gateway.chain import Layer
from gateway.effects_settings import EffectsSettings
from gateway.errors import ConfigError
from gateway.prompt import DecodingDefense
from gateway.replay_settings import ReplaySettings
from gateway.settings import Settings
from gateway.types import Defense, Mode, UpstreamEntry

SECTIONS = ("gateway", "upstreams", "defenses", "monitors", "replay", "effects")
EXTRAS = {
    "xllamacpp": "embedded",
    "torch": "whitebox",
    "transformers": "whitebox",
    "onnxruntime": "onnx",
    "tokenizers": "onnx",
    "spacy": "ner",
}
MAY_BE_OFF = "may_be_off"
_Settings = TypeVar("_Settings")
ROLLOUT = "rollout"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One mapping of the file: where it stands and what it says."""

    place: str
    options: dict[str, Any]
    lines: Mapping[str, int] = field(default_factory=dict)
    line: int = 0

    def without(self, *keys: str) -> "Entry":
        """The entry without some of its keys."""
        options = {key: value for key, value in self.options.items() if key not in keys}
        return dataclasses.replace(self, options=options)

    def error(self, problem: str, key: str | None = None) -> ConfigError:
        """The error that points at `key` of this entry, or at the entry."""
        line = self.lines.get(key, self.line) if key else self.line
        return ConfigError(f"{self.place}, line {line}: {f'{key}: ' if key else ''}{problem}")


@dataclass(frozen=True, slots=True)
class Config:
    """The file, read but not yet built: each part is built by the process that needs it."""

    settings: Settings
    upstream_entries: tuple[Entry, ...]
    defense_entries: tuple[Entry, ...]
    monitor_entries: tuple[Entry, ...]
    replay: ReplaySettings = field(default_factory=ReplaySettings)
    effects: EffectsSettings = field(default_factory=EffectsSettings)

    def upstreams(self) -> tuple[UpstreamEntry, ...]:
        """The configured upstreams; there is at least one."""
        return tuple(
            cast("UpstreamEntry", build(entry.without(MAY_BE_OFF), "connect"))
            for entry in self.upstream_entries
        )

    def may_be_off(self) -> tuple[frozenset[str], ...]:
        """For each upstream the defenses that its users may be without by holdback or by the table."""
        return tuple(_names(entry, MAY_BE_OFF) for entry in self.upstream_entries)

    def layers(self) -> tuple[Layer, ...]:
        """The configured defenses in their order."""
        layers: dict[str, Layer] = {}
        for entry in self.defense_entries:
            layer = _layer(entry)
            if layer.name in layers:
                raise entry.error(f"a second defense is called {layer.name!r}; give one of them a `name:`")
            if isinstance(layer.defense, DecodingDefense):
                self._check_steering(entry, layer.defense)
            if getattr(layer.defense, "scoring", False):
                self._check_scoring(entry)
            if layer.holdback and not any(layer.name in names for names in self.may_be_off()):
                raise entry.error(
                    f"leaves users without {layer.name}, which no upstream allows; say "
                    f"`may_be_off: [{layer.name}]` in the entry of each upstream that does",
                    "holdback",
                )
            layers[layer.name] = layer
        for upstream, names in zip(self.upstream_entries, self.may_be_off(), strict=True):
            for name in sorted(names - layers.keys()):
                raise upstream.error(
                    f"no defense is called {name!r}{_suggestion(name, [*layers])}", MAY_BE_OFF
                )
        return tuple(layers.values())

    def _check_scoring(self, entry: Entry) -> None:
        uses = [str(upstream.options.get("use")) for upstream in self.upstream_entries]
        targets = zip(self.upstream_entries, uses, strict=True)
        if not any(getattr(_resolve(upstream, use), "steerable", False) for upstream, use in targets):
            raise entry.error(
                f"{entry.options['use']} asks a model how likely a text is, which no upstream here tells; "
                "gateway.upstreams.transformers:Transformers does",
                "use",
            )

    def _check_steering(self, entry: Entry, defense: DecodingDefense) -> None:
        for upstream in self.upstream_entries:
            use = str(upstream.options.get("use"))
            if not getattr(_resolve(upstream, use), "steerable", False):
                raise entry.error(
                    f"{entry.options['use']} changes how the model chooses its tokens, and {use} does not "
                    "let it; gateway.upstreams.transformers:Transformers does",
                    "use",
                )
            known = upstream.options.get("adapters") or {}
            for name in defense.adapters:
                if name not in known:
                    raise entry.error(f"{upstream.place} has no adapter {name!r} under `adapters`", "adapter")

    def monitors(self) -> tuple[Any, ...]:
        """The configured monitors (objects with `measure` and `score`)."""
        return tuple(build(entry.without("rate"), "score") for entry in self.monitor_entries)

    def rates(self) -> tuple[float | None, ...]:
        """For each of them the share of exchanges that it scores, where `rate` says so."""
        return tuple(map(_rate, self.monitor_entries))


def read_config(path: Path) -> Config:
    """Read `path`. Raises ConfigError for whatever is wrong with it."""
    root = _compose(path)
    sections = _mapping(root, str(path), "the file")
    for key in sections.options:
        if key not in SECTIONS:
            raise sections.error(f"unknown section{_suggestion(key, SECTIONS)}", key)
    by_name = {key.value: node for key, node in root.value}
    settings = _settings(by_name.get("gateway"), path)
    upstreams = _entries(by_name.get("upstreams"), path, "upstreams")
    if not upstreams:
        raise sections.error("there is no upstream; list at least one under `upstreams:`")
    defenses, monitors = (_entries(by_name.get(name), path, name) for name in ("defenses", "monitors"))
    return Config(
        settings,
        upstreams,
        defenses,
        monitors,
        _section(by_name.get("replay"), path, "replay", ReplaySettings),
        _section(by_name.get("effects"), path, "effects", EffectsSettings),
    )


def build(entry: Entry, method: str) -> object:
    """The object that `use: module:Class` names, made from the entry's remaining keys."""
    options = dict(entry.options)
    use = options.pop("use", None)
    if not isinstance(use, str) or use.count(":") != 1:
        raise entry.error("needs `use: module:Class`", "use" if use is not None else None)
    target = _resolve(entry, use)
    if not (isinstance(target, type) and dataclasses.is_dataclass(target) and hasattr(target, method)):
        raise entry.error(f"{use} is not a dataclass with `{method}`", "use")
    return convert(entry, options, target)


def convert(entry: Entry, options: Mapping[str, Any], target: type) -> Any:
    """`options` as an instance of the dataclass `target`; unknown keys and wrong types are errors."""
    known = [field.name for field in dataclasses.fields(target) if field.init]
    for key in options:
        if key not in known:
            raise entry.error(f"unknown key{_suggestion(key, known)}", key)
    try:
        return msgspec.convert(dict(options), target)
    except msgspec.ValidationError as error:
        # msgspec wraps what a class's own checks raise; the path it appends names the key.
        problem, _, location = str(error).partition(" - at `$.")
        name: str | None = re.split(r"[.\[`]", location)[0] or None
        choices = get_args(get_type_hints(target).get(name or "")) if "enum" in problem else ()
        if choices:
            problem = f"{problem}; choose one of {', '.join(map(str, choices))}"
        raise entry.error(problem, name) from error
    except ConfigError as error:
        raise entry.error(str(error)) from error
    except OSError as error:
        raise entry.error(f"cannot read {error.filename}: {error.strerror}") from error


def _layer(entry: Entry) -> Layer:
    name, mode = entry.options.get("name"), _mode(entry)
    fuse = entry.options.get("fuse", True)
    if not isinstance(fuse, bool):
        raise entry.error(f"must be true or false, not {fuse!r}", "fuse")
    own = entry.without("name", "mode", "weight", "holdback", "fuse", ROLLOUT)
    defense = cast("Defense", build(own, "__call__"))
    for attribute in ("risk", "labels"):
        if not hasattr(defense, attribute):
            raise entry.error(f"{entry.options['use']} does not declare its `{attribute}`", "use")
    if name is None:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(defense).__name__).lower()
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise entry.error("must be lower-case letters, digits and underscores", "name")
    weight, holdback = _shares(entry, mode)
    return Layer(name, defense, cast("Mode", mode), weight, holdback, fuse)


def _shares(entry: Entry, mode: object) -> tuple[float, float]:
    """Weight and holdback of an entry with that mode."""
    if mode not in get_args(Mode):
        raise entry.error(f"must be enforce, canary, shadow or off, not {mode!r}", "mode")
    weight, holdback = entry.options.get("weight"), entry.options.get("holdback", 0.0)
    if mode == "canary" and weight is None:
        raise entry.error("a canary needs `weight:`, the share of units it is on for, from 0 to 1", "mode")
    if mode != "canary" and weight is not None:
        raise entry.error(
            "only a canary has one; say `mode: canary`, or for an enforced one `holdback`", "weight"
        )
    if weight is not None and not (_is_number(weight) and 0 <= weight <= 1):
        raise entry.error(f"must be a number from 0 to 1, not {weight!r}", "weight")
    if not (_is_number(holdback) and 0 <= holdback < 1):
        raise entry.error(f"must be a number from 0 to below 1, not {holdback!r}", "holdback")
    if holdback and mode != "enforce":
        raise entry.error(f"only an enforced defense has one, and the mode is {mode}", "holdback")
    return float(weight or 0.0), float(holdback)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _names(entry: Entry, key: str) -> frozenset[str]:
    names = entry.options.get(key, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise entry.error("must be a list of names of defenses", key)
    return frozenset(names)


def _rate(entry: Entry) -> float | None:
    rate = entry.options.get("rate")
    if rate is not None and (
        isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 < rate <= 1
    ):
        raise entry.error(f"must be above 0 and at most 1, not {rate!r}", "rate")
    return rate


def _mode(entry: Entry) -> object:
    """What `mode` says; a canary with a controller begins in shadow."""
    if ROLLOUT not in entry.options:
        return _off(entry.options.get("mode", "enforce"))
    for key in ("mode", "weight", "holdback"):
        if key in entry.options:
            raise entry.error(f"`{ROLLOUT}` decides it; leave it out, or leave out `{ROLLOUT}`", key)
    return "shadow"


def _off(value: object) -> object:
    """`value`, undoing what YAML 1.1 makes of a bare `off`."""
    return "off" if value is False else value


def _resolve(entry: Entry, use: str) -> object:
    try:
        return pkgutil.resolve_name(use)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(error.name or "")
        if extra:
            remedy = f"pip install 'crossrisk-gateway[{extra}]'"
            raise entry.error(f"{use} needs the extra [{extra}]: {remedy}", "use") from error
        raise entry.error(f"{use}: there is no module {error.name!r}", "use") from error
    except (ImportError, AttributeError, ValueError) as error:
        raise entry.error(f"cannot import {use}: {error}", "use") from error


def _settings(node: yaml.Node | None, path: Path) -> Settings:
    if node is None:
        return Settings()
    entry = _mapping(node, str(path), "gateway")
    options = {key: _off(value) if key == "encoder" else value for key, value in entry.options.items()}
    settings = cast("Settings", convert(entry, options, Settings))
    for key in ("tap_capacity", "max_exchanges", "max_request"):
        if getattr(settings, key) < 1:
            raise entry.error("must be at least 1", key)
    if not 0 <= settings.lease_grace < float("inf"):
        raise entry.error("must be 0 or more", "lease_grace")
    for key in ("grpc", "http", "metrics", "monitor_metrics"):
        _check_address(entry, key, getattr(settings, key))
    return settings


def _section(node: yaml.Node | None, path: Path, name: str, kind: type[_Settings]) -> _Settings:
    if node is None:
        return kind()
    entry = _mapping(node, str(path), name)
    return cast("_Settings", convert(entry, entry.options, kind))


def _check_address(entry: Entry, key: str, address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise entry.error(f"must be host:port, not {address!r}", key)


def _entries(node: yaml.Node | None, path: Path, section: str) -> tuple[Entry, ...]:
    if node is None or (isinstance(node, yaml.ScalarNode) and node.value in ("", "null", "~")):
        return ()
    if not isinstance(node, yaml.SequenceNode):
        raise ConfigError(f"{path}: {section}, line {_line(node)}: must be a list of `- use: module:Class`")
    return tuple(_mapping(item, str(path), f"{section}[{index}]") for index, item in enumerate(node.value))


def _compose(path: Path) -> yaml.MappingNode:
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read it: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 text: {error.reason}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ConfigError(f"{path}, line {line}: is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: is not YAML: {error}") from error
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}: must be a mapping with the sections {', '.join(SECTIONS)}")
    return root


def _mapping(node: yaml.Node, path: str, name: str) -> Entry:
    place = f"{path}: {name}"
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(f"{place}, line {_line(node)}: must be a mapping of keys to values")
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if key.value in lines:
            raise ConfigError(f"{place}, line {_line(key)}: {key.value}: given twice")
        lines[key.value] = _line(key)
    try:
        options = yaml.SafeLoader("").construct_document(node)
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{place}, line {_line(node)}: {error.problem}") from error
    return Entry(place, {str(key): value for key, value in options.items()}, lines, _line(node))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _suggestion(key: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; known: {', '.join(known) or 'none'}"
