"""The one way through the gateway: `serve(exchange) -> deltas`, whatever the front door."""

import json
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import perf_counter

from gateway.chain import Layer, chain, recorded
from gateway.checking import Checked, check
from gateway.detector import Detector
from gateway.errors import ConfigError, InvalidRequestError, OverloadedError, UnknownModelError
from gateway.metrics import GatewayMetrics
from gateway.record import Evidence, Outcome, build_record
from gateway.resources import Resource
from gateway.tap import Tap
from gateway.transcript import Transcript
from gateway.types import (
    ConnectedUpstream,
    Delta,
    Deltas,
    Exchange,
    Finding,
    Finish,
    Message,
    Text,
    ToolCallPart,
    Upstream,
)
from gateway.unit import Headers, Unit, Units

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rollout:
    """Which defenses are switched off by hand; every change is a new epoch."""

    epoch: int = 1
    killed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Route:
    """An upstream and the names clients may ask it for; without names it takes any."""

    models: tuple[str, ...]
    upstream: ConnectedUpstream


class Engine:
    """Serves exchanges through the chain and tells metrics and tap about each."""

    def __init__(
        self,
        layers: Sequence[Layer],
        routes: Sequence[Route],
        units: Units,
        metrics: GatewayMetrics,
        tap: Tap | None,
        max_exchanges: int,
        rollout_file: Path | None = None,
    ) -> None:
        self.layers = tuple(layers)
        self.routes = tuple(routes)
        self.metrics = metrics
        self.tap = tap
        self.active = 0
        self.header_names = units.header_names
        self._units = units
        self._max_exchanges = max_exchanges
        self._rollout_file = rollout_file
        self.rollout = _load_rollout(rollout_file)
        self._chains: dict[tuple[int, frozenset[str]], Upstream] = {}

    @property
    def models(self) -> tuple[str, ...]:
        """Every name a client may ask for."""
        return tuple(name for route in self.routes for name in route.models)

    @property
    def default_model(self) -> str:
        """What a request without a model asks for."""
        return self.models[0] if self.models else ""

    async def warm(self) -> None:
        """Let every detector build what it builds on first use, so that no client pays for it."""
        for layer in self.layers:
            if isinstance(layer.defense, Detector) and not isinstance(layer.defense, Resource):
                # What fails here fails again, and closed, when it counts.
                with suppress(Exception):
                    await layer.defense.warm()

    async def ready(self) -> bool:
        """Whether every upstream answers."""
        states = [await route.upstream.ready() for route in self.routes]
        for route, state in zip(self.routes, states, strict=True):
            self.metrics.upstream_ready.labels(route.models[0] if route.models else "any").set(state)
        return all(states)

    async def serve(self, exchange: Exchange, headers: Headers, door: str) -> Deltas:
        """The answer to `exchange`, ending with one Finish; raises GatewayError.

        `headers` (lower-case names) may name the unit; `door` is `grpc` or `http`.
        """
        route, exchange = self._admit(exchange, door)
        rollout = self.rollout
        on = self._on(rollout)
        unit = self._units.of(exchange, headers)
        exchange = replace(exchange, unit=unit.hash.hex())
        visit = _Visit(exchange, door, on, rollout.epoch, unit)
        place = self.tap is not None and self.tap.reserve()
        self._enter(1)
        try:
            async with aclosing(self._chain(route, on)(exchange)) as deltas:
                async for delta in deltas:
                    visit.note(delta)
                    yield delta
        except Exception:
            visit.outcome = "failed"
            raise
        finally:
            self._enter(-1)
            self._account(visit)
            if place and self.tap is not None:
                self.tap.publish(build_record(visit.evidence(self.layers)))

    async def check(self, messages: Sequence[Message], answer: str | None) -> Checked:
        """What every detector finds in a prompt, an answer or both; no model is called."""
        return await check(self.layers, messages, answer)

    def set_kill_switch(self, defense: str, killed: bool, reason: str) -> int:
        """Take `defense` out of every exchange from now on, or put it back; the epoch of the change."""
        if defense not in {layer.name for layer in self.layers}:
            known = ", ".join(layer.name for layer in self.layers) or "none"
            raise InvalidRequestError(f"there is no defense {defense!r}; configured: {known}", "defense")
        if not reason.strip():
            raise InvalidRequestError("a reason is required: say who and why", "reason")
        names = self.rollout.killed | {defense} if killed else self.rollout.killed - {defense}
        rollout = Rollout(self.rollout.epoch + 1, names)
        _save_rollout(self._rollout_file, rollout)
        self.rollout = rollout
        log.warning(
            "kill switch of %s %s in epoch %d: %s", defense, "on" if killed else "off", rollout.epoch, reason
        )
        return rollout.epoch

    def _on(self, rollout: Rollout) -> frozenset[str]:
        """The defenses that are on for an exchange that starts now."""
        return frozenset(
            layer.name
            for layer in self.layers
            if layer.mode == "enforce" and layer.name not in rollout.killed
        )

    def _admit(self, exchange: Exchange, door: str) -> tuple[Route, Exchange]:
        try:
            if self.active >= self._max_exchanges:
                raise OverloadedError(
                    f"the gateway serves {self._max_exchanges} exchanges already; try again"
                )
            route = self._route(exchange.model)
        except (OverloadedError, UnknownModelError):
            self.metrics.count_exchange("rejected", door)
            raise
        if not exchange.model and route.models:
            exchange = replace(exchange, model=route.models[0])
        return route, exchange

    def _route(self, model: str) -> Route:
        if not model:
            return self.routes[0]
        for route in self.routes:
            if model in route.models:
                return route
        for route in self.routes:
            if not route.models:
                return route
        known = ", ".join(self.models)
        raise UnknownModelError(f"the model {model[:100]!r} does not exist; known: {known}", "model")

    def _chain(self, route: Route, on: frozenset[str]) -> Upstream:
        key = (id(route), on)
        if key not in self._chains:
            leaf = partial(recorded, upstream=partial(self._asked, route))
            self._chains[key] = chain([layer for layer in self.layers if layer.name in on], leaf)
        return self._chains[key]

    def _asked(self, route: Route, exchange: Exchange) -> Deltas:
        """The answer of whoever serves the model that is asked in the end; a defense may have chosen it."""
        chosen = next((other for other in self.routes if exchange.model in other.models), route)
        return chosen.upstream(exchange)

    def _enter(self, step: int) -> None:
        self.active += step
        self.metrics.active.set(self.active)

    def _account(self, visit: "_Visit") -> None:
        metrics, trail = self.metrics, visit.exchange.trail
        metrics.count_exchange(visit.outcome, visit.door)
        metrics.units.labels(visit.unit.source).inc()
        for finding in trail.findings:
            metrics.count_finding(finding)
        for name, footprint in trail.footprints.items():
            if footprint.input_seconds:
                metrics.input_seconds[name].observe(footprint.input_seconds)
            if footprint.output_seconds:
                metrics.output_seconds[name].observe(footprint.output_seconds)
                metrics.held[name].observe(footprint.held_max)
            if footprint.epsilon:
                metrics.epsilon.labels(name).inc(footprint.epsilon)
            if footprint.allowed_on_error:
                metrics.unchecked[name, "error"].inc(footprint.allowed_on_error)
            if footprint.allowed_on_timeout:
                metrics.unchecked[name, "timeout"].inc(footprint.allowed_on_timeout)
        if visit.first_token is not None:
            metrics.first_token_total.observe(visit.first_token)
            metrics.first_token_gateway.observe(trail.accounting.first_delta_added or 0.0)
            metrics.held_exchange.observe(trail.accounting.held_max)
            metrics.release_lag.observe(trail.accounting.release_lag)
        if visit.outcome == "blocked":
            metrics.delivered_before_block.observe(trail.accounting.delivered)


class _Visit:
    """One exchange on its way through the engine."""

    __slots__ = ("_transcript", "door", "epoch", "exchange", "first_token", "on", "outcome", "unit")

    def __init__(self, exchange: Exchange, door: str, on: frozenset[str], epoch: int, unit: Unit) -> None:
        self.exchange = exchange
        self.door = door
        self.on = on
        self.epoch = epoch
        self.unit = unit
        # Stands until the answer ends or fails: whoever closes us before that has gone away.
        self.outcome: Outcome = "cancelled"
        self.first_token: float | None = None
        self._transcript = Transcript()

    def note(self, delta: Delta) -> None:
        if isinstance(delta, Finding):
            self.exchange.trail.findings.append(delta)
            return
        self._transcript.add(delta)
        trail = self.exchange.trail
        if isinstance(delta, Finish):
            blocked = any(finding.action == "block" for finding in trail.findings)
            self.outcome = "blocked" if blocked else "completed"
            return
        if isinstance(delta, Text):
            trail.accounting.delivered += len(delta.text)
        elif isinstance(delta, ToolCallPart):
            trail.accounting.delivered += len(delta.name) + len(delta.arguments)
        if self.first_token is None:
            self.first_token = perf_counter() - trail.started
            trail.accounting.first_delta_added = max(self.first_token - self.model_wait(), 0.0)

    def model_wait(self) -> float:
        """Seconds the first call to the model took to its first delta."""
        for call in self.exchange.trail.calls:
            if call.first_delta is not None:
                return call.first_delta - call.started
        return 0.0

    def evidence(self, layers: tuple[Layer, ...]) -> Evidence:
        return Evidence(
            exchange=self.exchange,
            layers=layers,
            on=self.on,
            epoch=self.epoch,
            unit=self.unit,
            delivered=self._transcript.answer(),
            outcome=self.outcome,
        )


def _load_rollout(file: Path | None) -> Rollout:
    if file is None or not file.exists():
        return Rollout()
    try:
        saved = json.loads(file.read_text())
        return Rollout(int(saved["epoch"]), frozenset(map(str, saved["killed"])))
    except (OSError, ValueError, KeyError, TypeError) as error:
        # Guessing would put a defense back that somebody switched off for a reason.
        raise ConfigError(f"{file}: the saved rollout is unreadable; mend or remove it") from error


def _save_rollout(file: Path | None, rollout: Rollout) -> None:
    if file is None:
        return
    saved: Mapping[str, object] = {"epoch": rollout.epoch, "killed": sorted(rollout.killed)}
    temporary = file.with_suffix(".new")
    temporary.write_text(json.dumps(saved))
    os.replace(temporary, file)
