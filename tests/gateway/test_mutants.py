"""The rules of release, each broken on purpose: a test must notice, or the rule is not tested."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = ("gateway", "defenses", "tests", "pyproject.toml")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A line of `gateway/<file>` written wrongly, and the tests that have to fail."""

    file: str
    right: str
    wrong: str
    tests: str = "tests/gateway/test_stream.py tests/gateway/test_fusion.py"


MUTANTS = {
    "looks at every delta": Mutant(
        "window.py",
        "return self._new * PATIENCE >= len(self.text)",
        "return True",
        "tests/gateway/test_fusion.py -k linear",
    ),
    "cuts through a match": Mutant("window.py", "if sighting.since < moved < sighting.end:", "if False:"),
    "forgets the context": Mutant("window.py", "max(cut - self.lookbehind, 0)", "cut"),
    "releases the beginning of what it blocks": Mutant(
        "window.py", "            cut = block.start\n", "            cut = block.end - 1\n"
    ),
    "tells what came after the block": Mutant("window.py", "if sighting.start < block.end]", "]"),
    "takes the first action of a region": Mutant(
        "window.py", "(STRENGTH[sighting.action], length) > (STRENGTH[self.action], self.length)", "False"
    ),
    "cuts where a sentence does not end": Mutant(
        "lane.py", "[position, *(align(text, start, position) for align in aligning)]", "[position]"
    ),
    "holds back what the last member needs": Mutant(
        "lane.py", "            most = max(most, needed)\n", "            most = needed\n"
    ),
    "holds back one character less at a glance": Mutant(
        "text/rules.py",
        "return most if most <= LOOSE else None",
        "return max(most - 1, 0) if most <= LOOSE else None",
    ),
    "takes a match at the very end for nothing": Mutant(
        "text/rules.py",
        "if not self.screen.clean(text, start):",
        "if not final and not self.screen.clean(text, start):",
    ),
    "takes a match for a prefix": Mutant(
        "text/rules.py",
        "if not self.screen.clean(text, start):",
        "if False:",
    ),
    "holds back one character less": Mutant(
        "text/automata.py",
        "return len(text) - encoded.place(found.start())",
        "return max(len(text) - encoded.place(found.start()) - 1, 0)",
        "tests/gateway/test_rules.py",
    ),
    "looks too short a way back": Mutant(
        "text/rules.py",
        "text[-self.max_length - 1 :]",
        "text[-self.max_length // 2 :]",
        "tests/gateway/test_rules.py",
    ),
    "closes repeats one too early": Mutant(
        "text/prefix.py",
        "max(high, 1) - 1",
        "max(high, 2) - 2",
        "tests/gateway/test_rules.py",
    ),
    "leaves out the prefixes of what comes first": Mutant(
        "text/prefix.py",
        'form = f"{_prefix(node)}|{_write(node)}(?:{form})"',
        'form = f"{_write(node)}(?:{form})"',
        "tests/gateway/test_rules.py",
    ),
    "sees a block of a long text only": Mutant(
        "text/rule.py", "limit + self.reach + 1", "limit", "tests/gateway/test_rules.py"
    ),
    "forgets the word that a number needs": Mutant(
        "text/rules.py", "return max(start - NEAR - 1, 0)", "return start", "tests/gateway/test_rules.py"
    ),
    "looks for the word in what is new only": Mutant(
        "text/rules.py",
        "text[max(start - self.lookbehind, 0) :]",
        "text[start:]",
        "tests/gateway/test_rules.py",
    ),
    "waits no longer than is cheap": Mutant(
        "text/rules.py", "most if most <= LOOSE else self._needed(tail)", "0", "tests/gateway/test_rules.py"
    ),
    "forgets what only began": Mutant(
        "text/rules.py",
        "most = len(tail) - encoded.place(self._openings.search(encoded.data).start())",
        "most = 0",
        "tests/gateway/test_rules.py",
    ),
    "flags what was written, not what came": Mutant(
        "lane.py",
        "self._flag(self._flagging, release.source, final",
        "self._flag(self._flagging, release.text, final",
    ),
    "does not flush at the end": Mutant(
        "lanes.py",
        'self._out(await self._lane.push("", final=True), self._kind)',
        'self._out(await self._lane.push(""), self._kind)',
    ),
    "goes on after a block": Mutant(
        "fusion.py", "                    if lanes.blocked:\n                        return\n", ""
    ),
    "sends before the verdict beside": Mutant(
        "fusion.py",
        "return _Started(judged, None if judged.blocked else await starting)",
        "return _Started(Judged(exchange), await starting)",
    ),
    "leaves the model running beside": Mutant("fusion.py", "            starting.cancel()\n", ""),
    "ends a name too early": Mutant(
        "lanes.py", "        if not part.arguments:\n            return _NOTHING\n", ""
    ),
    "cuts through an escape": Mutant(
        "text/views.py",
        "if atom.start < position < atom.end:",
        "if False:",
        "tests/gateway/text/test_views.py",
    ),
    "lets an escape begin after its release": Mutant(
        "text/views.py",
        "unsettled = max(unsettled, len(text) - min(joints, default=len(text)))",
        "pass",
        "tests/gateway/text/test_views.py",
    ),
    "forgets what an escape may complete": Mutant(
        "text/views.py",
        "for end in (len(text), *joints)",
        "for end in (len(text),)",
        "tests/gateway/text/test_views.py",
    ),
    "takes the escape that is not complete for what it says": Mutant(
        "member.py",
        "for end in (len(view.text), *map(view.before, reading.joints)):",
        "for end in (len(view.text),):",
        "tests/gateway/text/test_views.py",
    ),
    "lets a run begin in its middle": Mutant(
        "text/encoded.py",
        "        if start == 0 and begun:\n",
        "        if False:\n",
        "tests/gateway/text/test_views.py",
    ),
    "lets an encoded run go while it is text": Mutant(
        "text/encoded.py",
        "return _from_base64(run, False).alive or _from_hex(run, False).alive",
        "return False",
        "tests/gateway/text/test_views.py",
    ),
    "holds back nothing where an escape may begin": Mutant(
        "member.py",
        "            for joint in reading.joints:\n",
        "            for joint in ():\n",
        "tests/gateway/text/test_views.py",
    ),
    "parts an escape of JSON": Mutant(
        "redaction.py", """elif not inside or mark[0][0] == "\\\\":""", "elif not inside:"
    ),
    "parts a number of JSON": Mutant(
        "redaction.py", "if begin < cut < end or cut == end == len(text):", "if False:"
    ),
    "counts the model's time as its own": Mutant(
        "engine.py",
        "max(self.first_token - self.model_wait(), 0.0)",
        "self.first_token",
        "tests/gateway/test_fusion.py -k charged",
    ),
    "draws all defenses alike": Mutant(
        "arm.py", 'f"{salt}:{epoch}:".encode()', 'f"{epoch}:".encode()', "tests/gateway/test_arm.py"
    ),
    "takes away what a route promised": Mutant(
        "arm.py",
        "if name not in rollout.killed and rollout.takes_away(name) and name not in may_be_off:",
        "if False:",
        "tests/gateway/test_arm.py",
    ),
    "takes a change for any version": Mutant(
        "rollout.py", "if change.expected != rollout.version:", "if False:", "tests/gateway/test_rollout.py"
    ),
    "draws users anew who notice": Mutant(
        "rollout.py", "and present.drawn and not redraw:", "and False:", "tests/gateway/test_rollout.py"
    ),
    "forgets the grace": Mutant(
        "rollout.py",
        "now > row.lease.until + grace",
        "now > row.lease.until",
        "tests/gateway/test_rollout.py",
    ),
    "lets a canary live that nobody watches": Mutant(
        "switchboard.py",
        "after = expired(before, self._clock(), self.grace)",
        "after = before",
        "tests/gateway/test_switchboard.py",
    ),
    "saves over the old table": Mutant(
        "rollout_file.py",
        'temporary = self.path.with_suffix(".new")',
        "temporary = self.path",
        "tests/gateway/test_switchboard.py -k crash",
    ),
    "counts a replay as traffic": Mutant(
        "engine.py", "return self.exchange.replay is None", "return True", "tests/gateway/test_replays.py"
    ),
    "tells a model what a defense keeps from it": Mutant(
        "replays.py", 'shields and generation != "never"', "False", "tests/gateway/test_replays.py"
    ),
    "lets replays run beside clients": Mutant(
        "replays.py",
        "self._running and active >= self._budget.busy",
        "False",
        "tests/gateway/test_replays.py",
    ),
    "lets unchecked text pass": Mutant(
        "member.py",
        'if policy == "block":',
        "if False:",
        "tests/gateway/test_stream.py tests/gateway/test_fusion.py",
    ),
}


@pytest.fixture(scope="session")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mutants")
    for name in CODE:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / name)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_rule_is_noticed(name: str, copy: Path) -> None:
    mutant = MUTANTS[name]
    file = copy / "gateway" / mutant.file
    right = file.read_text()
    assert right.count(mutant.right) == 1, f"{mutant.file} no longer says this once"
    file.write_text(right.replace(mutant.right, mutant.wrong))
    try:
        run = run_tests(copy, mutant.tests)
    finally:
        file.write_text(right)
    assert run.returncode == 1, f"nobody noticed: {run.stdout[-2000:]}"


def run_tests(folder: Path, tests: str) -> "subprocess.CompletedProcess[str]":
    environment = {key: value for key, value in os.environ.items() if key != "CI"}
    environment["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-x",
        "-q",
        "-p",
        "no:cacheprovider",
        "--hypothesis-seed=1",
        "--hypothesis-seed=1",
        "--timeout=15",
        *tests.split(),
    ]
    return subprocess.run(
        command,
        cwd=folder,
        env={**environment, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=110,
    )
