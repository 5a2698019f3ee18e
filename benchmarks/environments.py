"""Environments of their own for what is measured beside the gateway, made when they are first needed."""

import subprocess
import sys
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).parents[1]
PEERS = {
    "http": (
        "aiohttp==3.14.5",
        "granian[uvloop]==2.8.7",
        "httptools==0.9.0",
        "httpx==0.28.1",
        "httpx2==2.16.2",
        "hypercorn==0.18.0",
        "uvicorn==0.54.0",
        "uvloop==0.23.0",
    ),
    "litellm": ("litellm[proxy]==1.106.2",),
    "nemo": ("nemoguardrails==0.24.1",),
}


def environment(peer: str, console: Console) -> Path:
    """The folder of the peer's environment."""
    folder = ROOT / ".tools" / "peers" / peer
    if not (folder / "installed").exists():
        with console.status(f"installing {' '.join(PEERS[peer])} (once)"):
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            pip = [str(folder / "bin" / "pip"), "install", "-q", *PEERS[peer]]
            subprocess.run(pip, check=True, capture_output=True)
        (folder / "installed").touch()
    return folder
