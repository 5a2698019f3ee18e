"""What is kept for people to label, and who may read it."""

import json
import logging
import stat
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from gateway.config import read_config
from gateway.errors import ConfigError
from gateway.settings import Keep
from gateway.v1 import record_pb2
from monitors.exporter import Exporter
from monitors.keeping import Keeper
from monitors.over_refusal import OverRefusal
from monitors.scorer import Scorer
from tests.monitors.exchanges import REFUSAL, defense, record

BREAD = "How do I bake bread?"


def played(keep: Keep, *records: record_pb2.Record) -> None:
    with Keeper(keep) as keeper:
        scorer = Scorer(
            [OverRefusal()], Exporter(CollectorRegistry(), [OverRefusal.measure], "0"), keeper=keeper
        )
        for made in records:
            scorer.score(made)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def numbered(number: int) -> record_pb2.Record:
    made = record(BREAD, REFUSAL)
    made.exchange_id = f"{number:032x}"
    return made


def test_an_exchange_is_kept_with_its_arms_and_scores_for_its_owner_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "kept.jsonl"
    made = record(BREAD, REFUSAL, defense("on"), defense("off", record_pb2.MODE_OFF, on=False))
    made.defenses.append(defense("held", on=False))
    with caplog.at_level(logging.DEBUG):
        played(Keep(file=str(path), rate=1.0), made)

    assert lines(path) == [
        {
            "id": "e",
            "messages": [{"role": "user", "content": BREAD}],
            "answer": REFUSAL,
            "blocked": False,
            "finish_reason": "stop",
            "refusal": "",
            "outcome": "completed",
            "arms": {"on": "treatment", "held": "control"},
            "scores": {"over_refusal": 1.0},
        }
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "are kept in" in caplog.text
    assert "bread" not in caplog.text


def test_only_the_share_is_kept_and_the_same_one_again(tmp_path: Path) -> None:
    some, same, all_of = (tmp_path / name for name in ("some", "same", "all"))
    for path, rate in ((some, 0.3), (same, 0.3), (all_of, 1.0)):
        played(Keep(file=str(path), rate=rate), *map(numbered, range(100)))

    assert 10 < len(lines(some)) < 60
    assert lines(some) == lines(same)
    assert len(lines(all_of)) == 100


def test_a_full_file_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kept.jsonl"
    path.touch(mode=0o600)
    with path.open("w") as file:
        file.write("x" * 999_000 + "\n")
    played(Keep(file=str(path), rate=1.0, megabytes=1), *map(numbered, range(20)))

    kept = path.read_text().splitlines()[1:]
    assert 0 < len(kept) < 20
    assert path.stat().st_size <= 1_000_000
    assert all(json.loads(line)["answer"] == REFUSAL for line in kept)


def test_what_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kept.jsonl"
    path.touch()
    for mode in (0o640, 0o604, 0o620):
        path.chmod(mode)
        with pytest.raises(ConfigError, match="0600"):
            Keeper(Keep(file=str(path)))
    path.chmod(0o600)
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(ConfigError, match="cannot write"):
        Keeper(Keep(file=str(tmp_path / "link")))
    with pytest.raises(ConfigError, match="cannot write"):
        Keeper(Keep(file=str(tmp_path / "no/such/folder")))


@pytest.mark.parametrize(
    ("keep", "told"),
    [
        ("{file: kept.jsonl, rate: 2}", "rate"),
        ("{file: kept.jsonl, megabytes: 0}", "megabytes"),
        ("{flie: kept.jsonl}", "flie"),
        ("{}", "file"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, keep: str, told: str) -> None:
    path = tmp_path / "crossrisk.yaml"
    path.write_text(f"gateway:\n  keep: {keep}\nupstreams:\n  - use: gateway.upstreams.grpc:Grpc\n")
    with pytest.raises(ConfigError, match=f"line 2: keep: .*{told}"):
        read_config(path)


def test_nothing_is_kept_unless_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "crossrisk.yaml"
    path.write_text("upstreams:\n  - use: gateway.upstreams.grpc:Grpc\n")
    assert read_config(path).settings.keep is None
