"""The gateway's Prometheus metrics; labels are checked, so that no text can become one."""

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.chain import Layer
from gateway.switchboard import Switchboard
from gateway.text.encoder import Encoder
from gateway.types import Finding

SECONDS = (0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
CHARACTERS = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384)
OUTCOMES = ("completed", "blocked", "failed", "cancelled", "rejected")
REPLAY_OUTCOMES = ("done", "refused", "cancelled", "failed")
OTHER = "other"


def product_version() -> str:
    """The installed version of this product."""
    try:
        return version("crossrisk-gateway")
    except PackageNotFoundError:
        return "unknown"


class GatewayMetrics:
    """Everything the gateway counts, on a registry of its own.

    Children of labelled metrics are made once: looking one up costs three times an increment.
    """

    def __init__(self, layers: Iterable[Layer], registry: CollectorRegistry | None = None) -> None:
        self.registry = registry = registry or CollectorRegistry()
        exchanges = Counter(
            "crossrisk_exchanges", "Exchanges by how they ended", ["outcome", "door"], registry=registry
        )
        self._exchanges = {
            (outcome, door): exchanges.labels(outcome, door)
            for outcome in OUTCOMES
            for door in ("grpc", "http")
        }
        self.active = Gauge("crossrisk_exchanges_active", "Exchanges being served", registry=registry)
        self.first_token = Histogram(
            "crossrisk_first_token_seconds",
            "From the request to the first delta that left, by whose share it is",
            ["share"],
            buckets=SECONDS,
            registry=registry,
        )
        self.first_token_total = self.first_token.labels("total")
        self.first_token_gateway = self.first_token.labels("gateway")
        self._defenses(list(layers), registry)
        self._release(registry)
        self.units = Counter(
            "crossrisk_units", "Exchanges by the source their unit came from", ["source"], registry=registry
        )
        self.tap_offered = Counter("crossrisk_tap_offered", "Records offered to the tap", registry=registry)
        self.tap_dropped = Counter(
            "crossrisk_tap_dropped", "Records the tap could not take", ["reason"], registry=registry
        )
        for reason in ("full", "disconnected", "unrecordable"):
            self.tap_dropped.labels(reason)
        replays = Counter(
            "crossrisk_replays", "Replays by what became of them", ["outcome"], registry=registry
        )
        self.replays = {outcome: replays.labels(outcome) for outcome in REPLAY_OUTCOMES}
        self.replay_tokens = Counter(
            "crossrisk_replay_tokens", "Completion tokens that the model made for replays", registry=registry
        )
        self.tap_depth = Gauge(
            "crossrisk_tap_depth", "Places of the tap that are reserved or filled", registry=registry
        )
        self.upstream_ready = Gauge(
            "crossrisk_upstream_ready", "Whether the upstream answers", ["model"], registry=registry
        )
        build = Gauge("crossrisk_build_info", "Version of the gateway", ["version"], registry=registry)
        build.labels(product_version()).set(1)

    def watch_encoder(self, encoder: Encoder) -> None:
        """Tell where the encoder runs and what it read."""
        placement = encoder.model.placement
        info = Gauge(
            "crossrisk_encoder_info",
            "Where the encoder runs; fallback is true where a GPU was expected",
            ["device", "fallback"],
            registry=self.registry,
        )
        info.labels(placement.device, str(bool(placement.fallback)).lower()).set(1)
        self.registry.register(_Windows(encoder))

    def watch_switchboard(self, switchboard: Switchboard) -> None:
        """Tell which version of the rollout table is in force, and what it says."""
        self.registry.register(_Rollouts(switchboard))

    def _defenses(self, layers: list[Layer], registry: CollectorRegistry) -> None:
        seconds = Histogram(
            "crossrisk_defense_seconds",
            "Time spent in one defense per exchange, the model's time excluded",
            ["defense", "phase"],
            buckets=SECONDS,
            registry=registry,
        )
        held = Histogram(
            "crossrisk_held_characters",
            "Most characters at the end of an answer that one defense still needed, per exchange",
            ["defense"],
            buckets=CHARACTERS,
            registry=registry,
        )
        unchecked = Counter(
            "crossrisk_unchecked",
            "Checks that failed or timed out and were let pass by policy",
            ["defense", "cause"],
            registry=registry,
        )
        self.epsilon = Counter(
            "crossrisk_epsilon_spent",
            "Epsilon of differential privacy that one defense spent, over all units",
            ["defense"],
            registry=registry,
        )
        refused = Counter(
            "crossrisk_failed_closed", "Exchanges refused because a defense failed", ["defense"],
            registry=registry,
        )  # fmt: skip
        self._findings = Counter(
            "crossrisk_findings", "Verdicts of defenses", ["defense", "label", "action"], registry=registry
        )
        names = [layer.name for layer in layers]
        self.input_seconds = {name: seconds.labels(name, "input") for name in names}
        self.output_seconds = {name: seconds.labels(name, "output") for name in names}
        self.held = {name: held.labels(name) for name in names}
        causes = ("error", "timeout")
        self.unchecked = {(name, cause): unchecked.labels(name, cause) for name in names for cause in causes}
        self._refused = {name: refused.labels(name) for name in (*names, OTHER)}
        self._labels = {layer.name: layer.defense.labels | {"unchecked"} for layer in layers}

    def _release(self, registry: CollectorRegistry) -> None:
        self.held_exchange = Histogram(
            "crossrisk_stream_held_characters",
            "Most characters of an answer held back at once, per exchange",
            buckets=CHARACTERS,
            registry=registry,
        )
        self.release_lag = Histogram(
            "crossrisk_release_lag_seconds",
            "Longest time a character of an answer waited for its release, per exchange",
            buckets=SECONDS,
            registry=registry,
        )
        self.delivered_before_block = Histogram(
            "crossrisk_delivered_before_block_characters",
            "Characters of a blocked answer that had left before the span it was blocked for",
            buckets=CHARACTERS,
            registry=registry,
        )

    def count_exchange(self, outcome: str, door: str) -> None:
        """One exchange ended."""
        self._exchanges[outcome, door].inc()

    def count_refusal(self, defense: str) -> None:
        """One exchange was refused because `defense` failed."""
        self._refused.get(defense, self._refused[OTHER]).inc()

    def count_finding(self, finding: Finding) -> None:
        """One verdict; what this gateway does not know by name counts as `other`."""
        self._findings.labels(*self.named(finding), finding.action).inc()

    def named(self, finding: Finding) -> tuple[str, str]:
        """Its defense and label where this gateway knows them, else `other`: they may be anybody's text."""
        labels = self._labels.get(finding.defense)
        if labels is None:
            return OTHER, OTHER
        return finding.defense, finding.label if finding.label in labels else OTHER


class _Rollouts(Collector):
    """The table in force, read when it is asked for; a row that says nothing has no series."""

    def __init__(self, switchboard: Switchboard) -> None:
        self._switchboard = switchboard

    def collect(self) -> Iterable[Metric]:
        rollout, now = self._switchboard.rollout, self._switchboard.now()
        version = GaugeMetricFamily("crossrisk_rollout_version", "Version of the rollout table in force")
        version.add_metric([], rollout.version)
        shares = _by_defense("crossrisk_canary_weight_ratio", "Share of units that a canary is on for")
        holdbacks = _by_defense("crossrisk_holdback_ratio", "Share of units without an enforced defense")
        killed = _by_defense("crossrisk_killed", "1 for a defense that the kill switch took out")
        leases = _by_defense("crossrisk_lease_seconds", "Seconds until the lease of a canary runs out")
        ended = CounterMetricFamily(
            "crossrisk_lease_expired", "Canaries that fell to weight 0 with their lease", labels=["defense"]
        )
        for name, row in rollout.rows.items():
            if row.mode == "canary":
                shares.add_metric([name], rollout.share(name))
            if row.mode == "enforce":
                holdbacks.add_metric([name], row.holdback)
            if row.lease is not None:
                leases.add_metric([name], row.lease.until - now)
            killed.add_metric([name], name in rollout.killed)
            ended.add_metric([name], self._switchboard.expired.get(name, 0))
        yield from (version, shares, holdbacks, killed, leases, ended)


def _by_defense(name: str, text: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, labels=["defense"])


class _Windows(Collector):
    """Counts of the encoder, read when they are asked for."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "crossrisk_encoder_windows", "Windows of texts by what became of them", labels=["outcome"]
        )
        family.add_metric(["read"], self._encoder.windows_read)
        family.add_metric(["dropped"], self._encoder.windows_dropped)
        yield family
