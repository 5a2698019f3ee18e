"""`crossrisk rollout`: what an operator types, and what it answers."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.__main__ import main
from tests.gateways import gateway, grpc_upstream

DEFENSES: list[dict[str, Any]] = [
    {"use": "defenses.prompt_filter:PromptFilter"},
    {"use": "defenses.leak_filter:LeakFilter", "mode": "shadow"},
]


class Shell:
    """Types `crossrisk rollout` for one run folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    async def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, output and errors."""
        action, *rest = arguments
        try:
            code = await asyncio.to_thread(main, ["rollout", action, "--run", str(self.folder), *rest])
        except SystemExit as ended:
            code = int(str(ended.code))
        return code, *self._capsys.readouterr()

    async def row(self, defense: str) -> dict[str, Any]:
        code, out, _ = await self("status", "--json")
        assert code == 0
        return next(one for one in json.loads(out)["defenses"] if one["defense"] == defense)


WHY = ("--reason", "a test", "--actor", "ana")


async def test_a_canary_from_shadow_to_enforced_and_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = {**grpc_upstream("127.0.0.1:1"), "may_be_off": ["leak_filter"]}
    async with gateway(entry, folder=tmp_path, defenses=DEFENSES, gateway={"tap": False}):
        shell = Shell(tmp_path, capsys)
        code, out, _ = await shell("status")
        assert (code, "rollout version 1" in out, "shadow" in out) == (0, True, True)
        steps = [
            (("--mode", "canary", "--weight", "0.05"), ("MODE_CANARY", 0.05, 0.0)),
            (("--weight", "0.25"), ("MODE_CANARY", 0.25, 0.0)),
            (("--mode", "enforce"), ("MODE_ENFORCE", 0.0, 0.0)),
            (("--holdback", "0.02"), ("MODE_ENFORCE", 0.0, 0.02)),
            (("--configured",), ("MODE_SHADOW", 0.0, 0.0)),
        ]
        for version, (arguments, expected) in enumerate(steps, start=2):
            assert await shell("set", "leak_filter", *arguments, *WHY) == (
                0, f"leak_filter: done, rollout version {version}\n", "",
            )  # fmt: skip
            row = await shell.row("leak_filter")
            assert (row["mode"], row["weight"], row["holdback"]) == expected
        code, out, _ = await shell(
            "set", "leak_filter", "--mode", "canary", "--weight", "1", "--for", "60", *WHY, "--json"
        )
        assert (code, json.loads(out)) == (0, {"rollout_version": "7"})
        assert (await shell.row("leak_filter"))["lease"]["holder"] == "ana"
        code, _, errors = await shell("set", "leak_filter", "--weight", "0.5", "--expect", "3", *WHY)
        assert (code, "the version in force 7" in errors) == (1, True)
        code, _, errors = await shell("set", "prompt_filter", "--mode", "shadow", *WHY)
        assert (code, "may_be_off: [prompt_filter]" in errors) == (1, True)
        code, _, errors = await shell("set", "leak_filter", "--weight", "7", *WHY)
        assert (code, "rows[0].weight" in errors) == (2, True)
        code, _, errors = await shell("set", "nobody", "--weight", "0.1", *WHY)
        assert (code, "configured: prompt_filter, leak_filter" in errors) == (2, True)
        assert (await shell("kill", "prompt_filter", *WHY))[0] == 0
        assert (await shell.row("prompt_filter"))["killed"] is True
        assert "killed" in (await shell("status"))[1]
        assert (await shell("restore", "prompt_filter", *WHY))[0] == 0
        assert (await shell.row("prompt_filter"))["share"] == 1.0
        code, _, errors = await shell("kill", "prompt_filter")
        assert (code, "--reason" in errors) == (2, True)
    audit = [json.loads(line) for line in (tmp_path / "rollout.audit.jsonl").read_text().splitlines()]
    assert [line["event"] for line in audit] == ["start", *["apply"] * 6, "kill", "restore"]
    assert {line["actor"] for line in audit[1:]} == {"ana"}


async def test_without_a_gateway_it_says_where_it_looked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, errors = await Shell(tmp_path, capsys)("status")
    assert (code, f"no gateway listens in {tmp_path}" in errors) == (2, True)
    code, _, errors = await Shell(tmp_path / "absent", capsys)("status")
    assert (code, "there is no folder" in errors) == (2, True)
