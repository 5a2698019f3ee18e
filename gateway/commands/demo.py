"""`crossrisk demo`: a mixed sample of prompts through a running gateway, and a table of what happened."""

import argparse
import asyncio
import time
from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from gateway.commands.send import Result, add_gateway_arguments, read_prompts, send_all
from gateway.errors import UpstreamError

Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
"""Values of series by name and labels."""

_LAG = 15.0


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    parser = subparsers.add_parser(
        "demo",
        help="send sample prompts and show what the defenses and monitors did",
        description="Send the prompts that ship with this product through a running gateway; then show, per "
        "defense and per measure, what its metrics say of them.",
        epilog="example: crossrisk serve in one terminal, then crossrisk demo in another",
    )
    add_gateway_arguments(parser)
    parser.add_argument("--metrics", default="http://127.0.0.1:9464/metrics", help="default: %(default)s")
    parser.add_argument(
        "--monitor-metrics", default="http://127.0.0.1:9465/metrics", help="default: %(default)s"
    )
    parser.set_defaults(run=run, max_tokens=48)


def run(arguments: argparse.Namespace) -> int:
    """Send, wait for the monitors, print the tables."""
    with as_file(files("gateway.commands") / "demo_prompts.jsonl") as path:
        prompts = read_prompts(path)
    results, gateway, monitors = asyncio.run(_play(prompts, arguments))
    console = Console()
    console.print(groups_table(results))
    console.print(defenses_table(results, gateway))
    console.print(measures_table(monitors))
    failures = sorted({result.error for result in results if result.outcome == "failed"})
    for failure in failures:
        console.print(f"failed: {failure}", markup=False)
    return 1 if failures else 0


async def _play(
    prompts: Sequence[object], arguments: argparse.Namespace
) -> tuple[list[Result], Samples, Samples]:
    urls = arguments.metrics, arguments.monitor_metrics
    before = [await scrape(url) for url in urls]
    results = await send_all(prompts, arguments)  # type: ignore[arg-type]
    expected = total(before[1], "crossrisk_records_total") + len(results)
    deadline = time.monotonic() + _LAG
    while total(await scrape(urls[1]), "crossrisk_records_total") < expected and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    after = [await scrape(url) for url in urls]
    gateway, monitors = (difference(new, old) for new, old in zip(after, before, strict=True))
    return results, gateway, monitors


async def scrape(url: str) -> Samples:
    """The series at `url` now; raises UpstreamError when nobody serves them."""
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            text = await response.text()
    except (aiohttp.ClientError, OSError) as error:
        raise UpstreamError(f"no metrics at {url}; start the gateway with: crossrisk serve") from error
    families = text_string_to_metric_families(text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def difference(after: Samples, before: Samples) -> Samples:
    """What was added between two scrapes of counters and histograms."""
    return {key: value - before.get(key, 0.0) for key, value in after.items()}


def total(samples: Samples, name: str, **labels: str) -> float:
    """The sum of series `name` over all labels but those given."""
    wanted = set(labels.items())
    return sum(value for (series, given), value in samples.items() if series == name and wanted <= given)


def quantile(samples: Samples, name: str, share: float, **labels: str) -> float:
    """The upper bound of the bucket of histogram `name` that holds the quantile `share`, in seconds.

    >>> nine, ten = frozenset({("le", "1.0")}), frozenset({("le", "2.0")})
    >>> quantile({("t_bucket", nine): 9, ("t_bucket", ten): 10}, "t", 0.5)
    1.0
    """
    bounds: dict[float, float] = {}
    for (series, given), value in samples.items():
        if series == f"{name}_bucket" and set(labels.items()) <= given:
            bound = float(dict(given)["le"])
            bounds[bound] = bounds.get(bound, 0.0) + value
    count = max(bounds.values(), default=0.0)
    return min((bound for bound, value in bounds.items() if count and value >= share * count), default=0.0)


def groups_table(results: Sequence[Result]) -> Table:
    """What became of the prompts, by group."""
    table = Table("prompts", "sent", "blocked", "redacted", "failed", title="By kind of prompt")
    for group in sorted({result.group for result in results}):
        own = [result for result in results if result.group == group]
        counts = [sum(result.outcome == outcome for result in own) for outcome in ("blocked", "failed")]
        table.add_row(group, str(len(own)), str(counts[0]), str(_acted(own, "redact")), str(counts[1]))
    return table


def defenses_table(results: Sequence[Result], gateway: Samples) -> Table:
    """What each defense did and cost."""
    table = Table(
        "defense", "exchanges", "blocked", "redacted", "added p50 ≤", "added p99 ≤", title="By defense"
    )
    name = "crossrisk_defense_seconds"
    defenses = sorted({dict(labels)["defense"] for series, labels in gateway if series == f"{name}_count"})
    for defense in defenses:
        exchanges = total(gateway, f"{name}_count", defense=defense, phase="input")
        acted = [str(_acted(results, action, defense)) for action in ("block", "redact")]
        phases = [
            sum(quantile(gateway, name, share, defense=defense, phase=phase) for phase in ("input", "output"))
            for share in (0.5, 0.99)
        ]
        table.add_row(
            defense, f"{exchanges:.0f}", *acted, *(f"{1000 * seconds:.2f} ms" for seconds in phases)
        )
    return table


def measures_table(monitors: Samples) -> Table:
    """The mean score of each measure, 0 none and 1 worst."""
    table = Table("risk", "measure", "exchanges", "mean score", title="By risk, as the monitors saw it")
    name = "crossrisk_risk_score"
    cells = sorted(
        (dict(labels)["risk"], dict(labels)["measure"])
        for series, labels in monitors
        if series == f"{name}_count"
    )
    for risk, measure in cells:
        count = total(monitors, f"{name}_count", risk=risk, measure=measure)
        mean = total(monitors, f"{name}_sum", risk=risk, measure=measure) / count if count else None
        table.add_row(risk, measure, f"{count:.0f}", "–" if mean is None else f"{mean:.3f}")
    return table


def _acted(results: Sequence[Result], action: str, defense: str | None = None) -> int:
    return sum(
        any(
            finding["action"] == action and defense in (None, finding["defense"])
            for finding in result.findings
        )
        for result in results
    )
