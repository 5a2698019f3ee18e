"""The one way through the gateway: `serve(exchange) -> deltas`, whatever the front door."""

import logging
import math
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

from gateway.arm import Arm
from gateway.blocked import Blocked, BlockedSpan
from gateway.chain import Layer, chain, recorded
from gateway.checking import Checked, check
from gateway.detector import Detector
from gateway.errors import DefenseError, InvalidRequestError, OverloadedError, UnknownModelError
from gateway.metrics import GatewayMetrics
from gateway.recall import generated, recalled
from gateway.record import Evidence, Outcome, build_record
from gateway.resources import Resource
from gateway.stratum import stratum
from gateway.switchboard import Switchboard
from gateway.tap import Tap
from gateway.trail import Call
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
    Usage,
)
from gateway.unit import Headers, Unit, Units
from gateway.v1.record_pb2 import Record

log = logging.getLogger(__name__)
MAX_CHAINS = 256
"""Chains kept: with `n` defenses that are each on for some there are up to 2**n on each route."""
CHARACTERS_OF_A_TOKEN = 4
"""Where a model does not tell what it made, a guess for English."""
REPLAYED = "replay"
"""Source of the unit of a replay: it has that of the exchange that it replays."""


@dataclass(frozen=True, slots=True)
class Route:
    """An upstream and the names clients may ask it for; without names it takes any.

    may_be_off: the defenses that its users may be without, see `gateway.rollout.takes_away`.
    """

    models: tuple[str, ...]
    upstream: ConnectedUpstream
    may_be_off: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Replayed:
    """The record of a replay, and what it cost: calls answered anew, tokens made for them.

    Tokens are those that the model told, or a guess from the letters where that is more.
    """

    record: Record
    generated: int
    tokens: int


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
        switchboard: Switchboard | None = None,
    ) -> None:
        self.layers = tuple(layers)
        self.routes = tuple(routes)
        self.metrics = metrics
        self.tap = tap
        self.active = 0
        self.blocked = Blocked()
        self.header_names = units.header_names
        self._units = units
        self._max_exchanges = max_exchanges
        self.on_enter: Callable[[int], object] | None = None
        self._chains: OrderedDict[tuple[int, frozenset[str]], Upstream] = OrderedDict()
        # Without one given every defense stays as it is configured.
        self.switchboard = switchboard or Switchboard(layers, [route.may_be_off for route in routes])

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

    def serve(self, exchange: Exchange, headers: Headers, door: str) -> Deltas:
        """The answer to `exchange`, ending with one Finish; raises GatewayError.

        `headers` (lower-case names) may name the unit; `door` is `grpc` or `http`.
        """
        return self._run(partial(self._begin, exchange, headers, door))

    async def replay(self, exchange: Exchange, on: frozenset[str]) -> Replayed:
        """What becomes of an exchange with `replay` with just the defenses `on`; raises GatewayError.

        Nobody is shown the answer, the tap does not carry it, and it counts for no metric of traffic. Where a
        defense fails, the record says so.
        """
        visit = self._begin_replay(exchange, on)
        assert exchange.replay is not None
        told = 0
        # A defense that fails refuses the exchange, which is an outcome like any other.
        with suppress(DefenseError):
            async with aclosing(self._run(lambda: visit)) as deltas:
                async for delta in deltas:
                    told += delta.completion_tokens if isinstance(delta, Usage) else 0
        new = generated(exchange.replay, exchange.trail.calls)
        record = build_record(visit.evidence(self.layers))
        return Replayed(record, len(new), max(told, sum(map(_tokens, new))))

    async def check(self, messages: Sequence[Message], answer: str | None) -> Checked:
        """What every detector finds in a prompt, an answer or both; no model is called.

        Those that the configuration has in shadow are left out: whoever asks acts on what is found.
        """
        layers = [layer for layer in self.layers if layer.mode != "shadow"]
        return await check(layers, messages, answer)

    async def _run(self, begin: "Callable[[], _Visit]") -> Deltas:
        visit = begin()
        self._enter(visit.live)
        if visit.live and self.on_enter is not None:
            self.on_enter(self.active)
        try:
            async with aclosing(self._chain(visit.route, visit.arm.on)(visit.exchange)) as deltas:
                async for delta in deltas:
                    visit.note(delta)
                    yield delta
        except Exception as error:
            visit.outcome = "failed"
            if visit.live and isinstance(error, DefenseError):
                self.metrics.count_refusal(error.defense)
            raise
        finally:
            self._enter(-visit.live)
            if visit.live:
                self._account(visit)
            if visit.place:
                self._publish(visit)

    def _begin(self, exchange: Exchange, headers: Headers, door: str) -> "_Visit":
        route, exchange = self._admit(exchange, door)
        unit = self._units.of(exchange, headers)
        arm = self.switchboard.arm(unit.hash, route.may_be_off)
        visit = _Visit(replace(exchange, unit=unit.hash.hex()), door, arm, unit, route)
        visit.place = self.tap is not None and self.tap.reserve()
        return visit

    def _begin_replay(self, exchange: Exchange, on: frozenset[str]) -> "_Visit":
        unknown = sorted(on - {layer.name for layer in self.layers if layer.mode != "off"})
        if unknown:
            raise InvalidRequestError(f"there is no defense {unknown[0]!r} that could be on", "on")
        route, unit = self._route(exchange.model), Unit(REPLAYED, bytes.fromhex(exchange.unit))
        return _Visit(exchange, REPLAYED, self.switchboard.given(on), unit, route)

    def _publish(self, visit: "_Visit") -> None:
        """Fill the place that was reserved; whatever is wrong with the record, the client has its answer."""
        assert self.tap is not None
        try:
            record = build_record(visit.evidence(self.layers))
        except Exception as error:
            # The message may quote the text that no record can hold.
            log.error("an exchange left no record: %s", type(error).__name__)
            self.tap.forfeit()
        else:
            self.tap.publish(record)

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
        if key in self._chains:
            self._chains.move_to_end(key)
        else:
            if len(self._chains) >= MAX_CHAINS:
                self._chains.popitem(last=False)
            leaf = partial(recorded, upstream=partial(self._asked, route))
            self._chains[key] = chain([layer for layer in self.layers if layer.name in on], leaf)
        return self._chains[key]

    def _asked(self, route: Route, exchange: Exchange) -> Deltas:
        """The answer of whoever serves the model that is asked in the end; a defense may have chosen it."""
        chosen = next((other for other in self.routes if exchange.model in other.models), route)
        if exchange.replay is not None:
            return recalled(exchange, chosen.upstream)
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
            self.blocked.note(visit.exchange.id, map(self._span, visit.blocking))

    def _span(self, finding: Finding) -> BlockedSpan:
        return BlockedSpan(*self.metrics.named(finding), finding.side, finding.end - finding.start)


def _tokens(call: Call) -> int:
    return math.ceil(len(call.answer.content + call.answer.reasoning) / CHARACTERS_OF_A_TOKEN)


class _Visit:
    """One exchange on its way through the engine."""

    __slots__ = (
        "_transcript", "arm", "door", "exchange", "first_token", "outcome", "place", "route",
        "unit",
    )  # fmt: skip

    def __init__(self, exchange: Exchange, door: str, arm: Arm, unit: Unit, route: Route) -> None:
        self.exchange = exchange
        self.door = door
        self.arm = arm
        self.unit = unit
        self.route = route
        self.place = False
        # Stands until the answer ends or fails: whoever closes us before that has gone away.
        self.outcome: Outcome = "cancelled"
        self.first_token: float | None = None
        self._transcript = Transcript()

    @property
    def live(self) -> bool:
        """Whether this is traffic, and no replay of it."""
        return self.exchange.replay is None

    @property
    def blocking(self) -> Iterator[Finding]:
        """What it was blocked for."""
        return (finding for finding in self.exchange.trail.findings if finding.action == "block")

    def note(self, delta: Delta) -> None:
        if isinstance(delta, Finding):
            self.exchange.trail.findings.append(delta)
            return
        self._transcript.add(delta)
        trail = self.exchange.trail
        if isinstance(delta, Finish):
            self.outcome = "blocked" if any(self.blocking) else "completed"
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
            arm=self.arm,
            unit=self.unit,
            stratum=stratum(self.exchange.messages, self.exchange.model, self.route.models),
            delivered=self._transcript.answer(),
            outcome=self.outcome,
        )
