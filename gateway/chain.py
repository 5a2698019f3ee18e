"""Folds defenses around an upstream; the result is again an upstream."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

from gateway.detector import Detector
from gateway.errors import DefenseError, GatewayError, UpstreamError
from gateway.fusion import Fusion
from gateway.prompt import PromptDefense, Rewriting
from gateway.trail import Call, Footprint
from gateway.transcript import Transcript
from gateway.types import Defense, Deltas, Exchange, Mode, Risk, Upstream


@dataclass(frozen=True, slots=True)
class Layer:
    """A defense with its place in one gateway: its unique name, and when it is on.

    mode, weight, holdback: as the configuration has them, see `gateway.rollout.Row`; what is in force
    stands in the rollout table.
    fuse: whether a detector may form a group with those next to it; any other defense stands alone.

    Around the defense it measures the time spent in it alone, as input phase until the upstream is
    first called and as output phase from then on, and turns whatever escapes it into a
    `DefenseError`, so that a broken defense refuses the exchange.
    """

    name: str
    defense: Defense
    mode: Mode = "enforce"
    weight: float = 0.0
    holdback: float = 0.0
    fuse: bool = True

    @property
    def risk(self) -> Risk:
        """The risk the defense is built for."""
        return self.defense.risk

    async def __call__(self, exchange: Exchange, upstream: Upstream) -> Deltas:
        watch = _Stopwatch(exchange.trail.footprint(self.name))
        below = partial(_metered, upstream, watch)
        try:
            async with aclosing(self.defense(replace(exchange, layer=self.name), below)) as deltas:
                async for delta in deltas:
                    watch.pause()
                    yield delta
                    watch.resume()
        except DefenseError as error:
            error.defense = error.defense or self.name
            raise
        except GatewayError:
            raise
        except Exception as error:
            raise DefenseError(f"defense {self.name} failed", self.name) from error
        finally:
            watch.pause()


def chain(layers: Sequence[Layer], upstream: Upstream) -> Upstream:
    """Fold `layers` around `upstream`: prompts pass them in order, answers in reverse order.

    Detectors that stand next to each other are one step of the fold, see `Fusion`.
    """
    for step in reversed(steps(layers)):
        upstream = partial(step, upstream=upstream)
    return upstream


def steps(layers: Sequence[Layer]) -> list[Layer | Rewriting | Fusion]:
    """`layers` with each run of detectors that may be fused as one group."""
    grouped: list[Layer | Rewriting | Fusion] = []
    together = False
    for layer in layers:
        if not isinstance(layer.defense, Detector):
            grouped.append(_alone(layer))
            together = False
            continue
        last = grouped[-1] if grouped else None
        if together and layer.fuse and isinstance(last, Fusion):
            grouped[-1] = Fusion((*last.detectors, (layer.name, layer.defense)))
        else:
            grouped.append(Fusion(((layer.name, layer.defense),)))
        together = layer.fuse
    return grouped


def _alone(layer: Layer) -> Layer | Rewriting:
    defense = layer.defense
    return Rewriting(layer.name, defense) if isinstance(defense, PromptDefense) else layer


async def recorded(exchange: Exchange, upstream: Upstream) -> Deltas:
    """The leaf of every chain: notes each call on the trail and holds the upstream to its contract.

    Raises UpstreamError when the stream ends without a finish, or goes on after it.
    """
    call = Call(exchange.messages, perf_counter(), exchange.model, exchange.steering is not None)
    exchange.trail.calls.append(call)
    transcript = Transcript()
    try:
        async with aclosing(upstream(exchange)) as deltas:
            async for delta in deltas:
                if transcript.finish_reason:
                    raise UpstreamError("the upstream went on after the end of its answer")
                if call.first_delta is None:
                    call.first_delta = perf_counter()
                transcript.add(delta)
                yield delta
        if not transcript.finish_reason:
            raise UpstreamError("the upstream broke off before its answer was complete")
    finally:
        call.finished = perf_counter()
        call.answer = transcript.answer()


async def _metered(upstream: Upstream, watch: "_Stopwatch", exchange: Exchange) -> Deltas:
    watch.enter_output()
    async with aclosing(upstream(exchange)) as deltas:
        watch.pause()
        async for delta in deltas:
            watch.resume()
            yield delta
            watch.pause()
        watch.resume()


class _Stopwatch:
    """Runs while its layer has the turn; concurrent calls below pause it once, not each."""

    __slots__ = ("_footprint", "_output", "_paused", "_since")

    def __init__(self, footprint: Footprint) -> None:
        self._footprint = footprint
        self._output = False
        self._paused = 0
        self._since = perf_counter()

    def pause(self) -> None:
        if self._paused == 0:
            self._book()
        self._paused += 1

    def resume(self) -> None:
        self._paused -= 1
        if self._paused == 0:
            self._since = perf_counter()

    def enter_output(self) -> None:
        if not self._output and self._paused == 0:
            self._book()
        self._output = True

    def _book(self) -> None:
        now = perf_counter()
        if self._output:
            self._footprint.output_seconds += now - self._since
        else:
            self._footprint.input_seconds += now - self._since
        self._since = now
