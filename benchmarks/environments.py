"""Environments of their own for what is measured beside the gateway, made when they are first needed."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

ROOT = Path(__file__).parents[1]
PEERS = {
    "detect_secrets": ("detect-secrets==1.5.0",),
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
    "metatron": ("metatronnanoguard==0.1.0", "torch==2.13.0"),
    "nemo": ("nemoguardrails==0.24.1",),
    "presidio": ("presidio-analyzer==2.2.366",),
    "profanity-check": ("alt-profanity-check==1.9.1",),
    "prompt-guardrail": ("prompt-guardrail==1.0.1", "scikit-learn==1.7.2"),
    "securevector": ("securevector-guardian-model==1.4.0",),
    "tox-block": ("h5py==3.16.0", "numpy==2.4.6", "torch==2.13.0"),
    "vader": ("vaderSentiment==3.3.2",),
}
ALONE = {"tox-block": ("tox-block==0.1.2",)}
"""Packages installed without what they ask for: of this one only the weights are used, not its TensorFlow."""


def environment(peer: str, console: Console) -> Path:
    """The folder of the peer's environment."""
    folder = ROOT / ".tools" / "peers" / peer
    if not (folder / "installed").exists():
        with console.status(f"installing {' '.join(PEERS[peer])} (once)"):
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            pip = [str(folder / "bin" / "pip"), "install", "-q"]
            subprocess.run([*pip, *PEERS[peer]], check=True, capture_output=True)
            if peer in ALONE:
                subprocess.run([*pip, "--no-deps", *ALONE[peer]], check=True, capture_output=True)
        (folder / "installed").touch()
    return folder


def versions(peers: Iterable[str]) -> list[str]:
    """The requirement of each peer itself, not those of what it runs on."""
    return [(ALONE.get(peer) or PEERS[peer])[0] for peer in peers]
