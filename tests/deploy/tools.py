"""Programs of Debian that tests of the deployment run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

DEPLOY = Path(__file__).parent.parent.parent / "deploy"
PACKAGES = {"prometheus": "prometheus", "promtool": "prometheus", "amtool": "prometheus-alertmanager",
            "prometheus-alertmanager": "prometheus-alertmanager"}  # fmt: skip
PATIENCE = 300.0  # seconds; a second or two where the machine is idle


def needed(*tools: str) -> None:
    """Skip without the programs, and fail in CI, where they are installed."""
    for tool in tools:
        if shutil.which(tool) is None:
            reason = f"{tool} is not installed: apt-get install {PACKAGES[tool]}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)


def passes(*command: str, folder: Path = DEPLOY / "prometheus", text: str = "") -> str:
    """What a command prints; fails unless it succeeds."""
    needed(command[0])
    done = subprocess.run(
        command, cwd=folder, input=text, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
