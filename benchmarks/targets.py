"""What can be measured: the gateway, a bare relay, nginx and no proxy, each in processes of its own."""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 60.0
DEFENSES = (
    "defenses.prompt_filter:PromptFilter",
    "defenses.fairness_reminder:FairnessReminder",
    "defenses.leak_filter:LeakFilter",
)
NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000; http2_max_concurrent_streams 1024;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  upstream scripted {{ server {upstream}; keepalive 64; keepalive_requests 100000000; }}
  server {{ {server} }}
}}
"""
NGINX_GRPC = "listen {address} http2; location / {{ grpc_pass grpc://scripted; }}"
NGINX_HTTP = (
    "listen {address}; location / {{ proxy_pass http://scripted; proxy_http_version 1.1; "
    'proxy_set_header Connection ""; proxy_buffering off; }}'
)


@dataclass(frozen=True, slots=True)
class Target:
    """Something to load: where it listens, and the process to be charged for it."""

    name: str
    address: str
    process: int | None = None
    recut: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where proxies find their upstream, a folder for their files, and their cores."""

    upstream: str
    folder: Path
    cores: frozenset[int]


@asynccontextmanager
async def process(*command: str, cores: frozenset[int]) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command on the cores given until the block ends; they are inherited from here."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        pipe = asyncio.subprocess.PIPE
        running = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
    finally:
        os.sched_setaffinity(0, own)
    try:
        yield running
    finally:
        if running.returncode is None:
            running.terminate()
        await running.communicate()


@asynccontextmanager
async def python(*arguments: str, cores: frozenset[int]) -> AsyncIterator[tuple[int, str]]:
    """Run `python -m ...`; yields its process and the gRPC address it prints when it is ready."""
    async with process(sys.executable, "-m", *arguments, cores=cores) as running:
        assert running.stdout is not None
        line = await asyncio.wait_for(running.stdout.readline(), START_SECONDS)
        if not line:
            raise SystemExit(f"{arguments[0]} ended before it was ready")
        yield running.pid, json.loads(line)["grpc"]


@asynccontextmanager
async def direct(place: Place) -> AsyncIterator[Target]:
    """No proxy."""
    yield Target("direct", place.upstream)


@asynccontextmanager
async def floor(place: Place) -> AsyncIterator[Target]:
    """The bare relay in Python."""
    async with python("benchmarks.floor", place.upstream, cores=place.cores) as (pid, address):
        yield Target("floor", address, pid)


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx."""

    address: str
    pid: int


@asynccontextmanager
async def nginx(place: Place) -> AsyncIterator[Target | None]:
    """The bare relay in C; None where nginx is not installed."""
    async with nginx_process(place.upstream, place.folder, place.cores) as running:
        yield Target("nginx", running.address, running.pid) if running else None


@asynccontextmanager
async def nginx_process(
    upstream: str, folder: Path, cores: frozenset[int], *, http: bool = False
) -> AsyncIterator[Nginx | None]:
    """nginx in front of `upstream` (host:port), for gRPC or for HTTP; None where it is not installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        print("nginx: not installed (Debian: nginx-light), row left out")
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    server = (NGINX_HTTP if http else NGINX_GRPC).format(address=address)
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, upstream=upstream, server=server))
    async with process(program, "-e", "stderr", "-c", str(path), cores=cores) as running:
        yield Nginx(address, running.pid)


@asynccontextmanager
async def gateway(place: Place) -> AsyncIterator[Target]:
    """The gateway with no defenses."""
    async with _gateway("gateway", place, ()) as target:
        yield target


@asynccontextmanager
async def defended(place: Place) -> AsyncIterator[Target]:
    """The gateway with its default chain of defenses."""
    async with _gateway("defended", place, DEFENSES) as target:
        yield target


@asynccontextmanager
async def _gateway(name: str, place: Place, defenses: Sequence[str]) -> AsyncIterator[Target]:
    folder = place.folder / name
    folder.mkdir()
    anywhere = "127.0.0.1:0"
    configuration = {
        "gateway": {
            "grpc": anywhere,
            "http": anywhere,
            "metrics": anywhere,
            "run": str(folder / "run"),
            "tap": False,
            "encoder": "off",  # its cost stands in docs/detectors.md; equal prompts would be read once
        },
        "upstreams": [
            {"use": "gateway.upstreams.grpc:Grpc", "target": place.upstream, "models": ["scripted"]}
        ],
        "defenses": [{"use": use} for use in defenses],
    }
    path = folder / "gateway.yaml"
    path.write_text(yaml.safe_dump(configuration))
    arguments = ("gateway", "gateway", "--config", str(path), "--ready-json")
    async with python(*arguments, cores=place.cores) as (pid, address):
        yield Target(name, address, pid, recut=True)


TARGETS = {"direct": direct, "floor": floor, "nginx": nginx, "gateway": gateway, "defended": defended}


def cpu_seconds(root: int | None) -> float:
    """User and system time of a process and all its descendants that still live."""
    tree = _tree(root)
    return sum(tree.values())


def memory_bytes(root: int | None) -> int:
    """Memory of a process and all its descendants, shared pages by their share (PSS)."""
    total = 0
    for pid in _tree(root):
        with contextlib.suppress(OSError):  # it ended meanwhile
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def _tree(root: int | None) -> dict[int, float]:
    """Seconds of CPU of a process and of each of its descendants."""
    if root is None:
        return {}
    children: dict[int, list[int]] = {}
    seconds: dict[int, float] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        pid = int(entry.parent.name)
        children.setdefault(int(fields[1]), []).append(pid)
        seconds[pid] = (int(fields[11]) + int(fields[12])) / TICKS
    tree = [root]
    for pid in tree:
        tree += children.get(pid, [])
    return {pid: seconds[pid] for pid in tree}
