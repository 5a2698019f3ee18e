"""Sequence classifiers of anybody's making, run for real from files a few hundred bytes long."""

import asyncio
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigError, TextTooLongError
from gateway.text.classifier import SequenceClassifier, shared
from gateway.text.classifier_files import ClassifierChoice, find
from gateway.text.classifier_model import MOST_WINDOWS, OnnxModel
from tests.classifiers import INT32, WINDOW, write_classifier

WORDS = {"attack": [-8.0, 8.0], "kind": [1.0, 0.0]}
LABELS = ("SAFE", "INJECTION")
MAP = {"INJECTION": "injection"}


def guard(folder: Path, **options: Any) -> Path:
    """Two labels that exclude each other: `attack` makes a text an injection."""
    return write_classifier(folder, WORDS, LABELS, [2.0, -2.0], **options)


def detox(folder: Path, **options: Any) -> Path:
    """Three labels, each by itself."""
    words = {"idiot": [9.0, 0.0, 0.0], "damn": [0.0, 0.0, 9.0]}
    problem = {"problem_type": "multi_label_classification", **options}
    return write_classifier(folder, words, ("toxic", "insult", "obscene"), [-4.0] * 3, **problem)


def choice(folder: Path, labels: Mapping[str, str] = MAP, **options: Any) -> ClassifierChoice:
    return ClassifierChoice(path=str(folder), labels=dict(labels), **options)


async def scores(folder: Path, *texts: str, **options: Any) -> list[dict[str, float]]:
    chosen = choice(folder, **options)
    classifier = shared(chosen)
    await classifier.warm()
    try:
        return [await classifier.scores(text, chosen.labels) for text in texts]
    finally:
        await classifier.aclose()


async def test_labels_that_exclude_each_other_share_one(tmp_path: Path) -> None:
    both = {"SAFE": "fine", "INJECTION": "injection"}
    attack, plain = await scores(guard(tmp_path), "An ATTACK!", "A walk.", labels=both)
    assert attack["injection"] > 0.999
    assert plain["injection"] == pytest.approx(0.018, abs=0.001)  # softmax of 2 and -2
    assert attack["fine"] + attack["injection"] == pytest.approx(1)


async def test_labels_that_may_all_hold_are_judged_each_by_itself(tmp_path: Path) -> None:
    names = {"toxic": "abuse", "insult": "abuse", "obscene": "obscene"}
    both, one, none = await scores(detox(tmp_path), "damn idiot", "damn", "a walk", labels=names)
    high, low = 0.9933, 0.018  # sigmoid of 5 and -4
    for row, abuse, obscene in ((both, high, high), (one, low, high), (none, low, low)):
        assert row == pytest.approx({"abuse": abuse, "obscene": obscene}, abs=0.001)


async def test_two_labels_of_one_name_add_up_where_they_exclude_each_other(tmp_path: Path) -> None:
    [together] = await scores(guard(tmp_path), "hm", labels={"SAFE": "any", "INJECTION": "any"})
    assert together == {"any": pytest.approx(1)}


@pytest.mark.parametrize(("outputs", "expected"), [("softmax", 0.018), ("sigmoid", 0.119)])
async def test_the_configuration_may_say_what_the_numbers_are(
    tmp_path: Path, outputs: str, expected: float
) -> None:
    [plain] = await scores(guard(tmp_path), "a walk", outputs=outputs)
    assert plain["injection"] == pytest.approx(expected, abs=0.001)


async def test_one_output_is_a_probability(tmp_path: Path) -> None:
    folder = write_classifier(tmp_path, {"attack": [8.0]}, ["INJECTION"], [-4.0])
    assert await scores(folder, "attack", "a walk") == [
        {"injection": pytest.approx(0.982, abs=0.001)},
        {"injection": pytest.approx(0.018, abs=0.001)},
    ]


@pytest.mark.parametrize("place", [0, 9, 10, 25, 29, 30, 500, 999])
async def test_an_attack_is_found_wherever_it_stands_in_a_long_text(tmp_path: Path, place: int) -> None:
    words = ["kind"] * 1000  # enough of them in one window would outweigh the attack
    words[place] = "attack"
    [found, plain] = await scores(guard(tmp_path), " ".join(words), "kind " * 1000, window=10)
    assert found["injection"] > 0.99
    assert plain["injection"] < 0.01


async def test_an_attack_is_buried_where_windows_do_not_part_it_from_the_rest(tmp_path: Path) -> None:
    """So the one before this one passes because of the windows."""
    folder = guard(tmp_path, max_position_embeddings=4096)
    [found] = await scores(folder, "kind " * 500 + "attack", window=1024)
    assert found["injection"] < 0.01


async def test_windows_keep_what_the_tokenizer_puts_around_them(tmp_path: Path) -> None:
    model = OnnxModel(find(choice(guard(tmp_path), window=10)), "cpu")
    windows = model.windows("kind " * 30)
    assert len(windows) > 1
    assert all(len(window.ids) <= 10 for window in windows)
    assert {(window.ids[0], window.ids[-1]) for window in windows} == {(2, 3)}
    assert model.windows("[SEP] [PAD]")[0].ids.count(3) == 1, "a text cannot spell a special token"


async def test_texts_of_any_length_read_together_score_as_alone(tmp_path: Path) -> None:
    texts = [f"{'walk ' * length}{'attack' if length % 3 == 0 else ''}" for length in range(25)]
    alone = [SequenceClassifier(find(choice(guard(tmp_path))), "cpu", 1) for _ in range(2)]
    one_by_one = [await alone[0].scores(text, MAP) for text in texts]
    together = await asyncio.gather(*(alone[1].scores(text, MAP) for text in texts))
    assert [row["injection"] for row in together] == pytest.approx([row["injection"] for row in one_by_one])
    for classifier in alone:
        await classifier.aclose()


@pytest.mark.parametrize("text", ["", " ", "\0", "\ud800", "é" * 100, "日本語", "\u202e", "a" * 10_000])
async def test_any_text_has_a_score(tmp_path: Path, text: str) -> None:
    [row] = await scores(guard(tmp_path), text)
    assert 0 <= row["injection"] <= 1


async def test_a_text_past_all_bounds_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TextTooLongError, match="more than can be judged; the limit is"):
        await scores(guard(tmp_path), "kind " * (MOST_WINDOWS * WINDOW))


async def test_equal_texts_are_read_once(tmp_path: Path) -> None:
    classifier = SequenceClassifier(find(choice(guard(tmp_path))), "cpu", 2)
    for text in ("one", "two", "one", "two", "three", "one"):
        await classifier.scores(text, MAP)
    assert classifier.windows_read == 4
    await classifier.aclose()


async def test_what_nobody_waits_for_is_not_read(tmp_path: Path) -> None:
    classifier = SequenceClassifier(find(choice(guard(tmp_path))), "cpu", 2)
    tasks = [asyncio.create_task(classifier.scores(f"{'walk ' * 20}{number}", MAP)) for number in range(50)]
    while classifier.windows_read < 1:
        await asyncio.sleep(0.001)
    for task in tasks[1:]:
        task.cancel()
    await asyncio.wait(tasks)
    read = classifier.windows_read
    assert await classifier.scores("attack", MAP) != {}
    assert classifier.windows_read <= read + 20, "only what was being read already, and this one"
    await classifier.aclose()


async def test_the_event_loop_turns_while_one_thread_reads(tmp_path: Path) -> None:
    classifier = SequenceClassifier(find(choice(guard(tmp_path))), "cpu", 8)
    await classifier.warm()
    turns = 0
    reading = asyncio.create_task(classifier.scores("kind " * 10_000, MAP))
    while not reading.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 100  # a reading on the loop would be over in a few
    assert sum(thread.name.startswith("classifier") for thread in threading.enumerate()) == 1
    await classifier.aclose()


async def test_what_was_closed_opens_again(tmp_path: Path) -> None:
    folder = guard(tmp_path)
    assert await scores(folder, "attack") == await scores(folder, "attack")


def test_those_who_make_one_choice_share_one_model(tmp_path: Path) -> None:
    folder = guard(tmp_path)
    assert shared(choice(folder)) is shared(choice(folder, {"SAFE": "fine"}))
    assert shared(choice(folder)) is not shared(choice(folder, window=16))


@pytest.mark.parametrize(
    ("file", "asked"),
    [("model.onnx", ""), ("onnx/model.onnx", ""), ("small.onnx", ""), ("x/y.onnx", "x/y.onnx")],
)
async def test_the_onnx_file_is_found(tmp_path: Path, file: str, asked: str) -> None:
    [row] = await scores(guard(tmp_path, file=file), "attack", file=asked)
    assert row["injection"] > 0.99


async def test_numbers_of_half_the_width_are_given(tmp_path: Path) -> None:
    [row] = await scores(guard(tmp_path, integers=INT32), "attack")
    assert row["injection"] > 0.99


def told(folder: Path, **options: Any) -> str:
    with pytest.raises(ConfigError) as error:
        find(choice(folder, **options))
    return str(error.value)


def test_a_choice_that_cannot_work_is_told(tmp_path: Path) -> None:
    folder = guard(tmp_path / "guard")
    assert "no folder" in told(tmp_path / "absent")
    assert "did you mean 'INJECTION'" in told(folder, labels={"INJECTIONS": "x"})
    assert "It has SAFE, INJECTION" in told(folder, labels={"toxic": "x"})
    assert "labels is empty" in told(folder, labels={})
    assert "mapped to nothing" in told(folder, labels={"SAFE": " "})
    assert "no file 'other.onnx'" in told(folder, file="other.onnx")
    assert f"reads {WINDOW} tokens at most" in told(folder, window=WINDOW + 1)
    assert "at least 8 tokens" in told(folder, window=4)
    assert "either `path: FOLDER` or `hub:" in told(folder, hub="a/b")
    with pytest.raises(ConfigError, match="either `path: FOLDER` or `hub:"):
        find(ClassifierChoice(labels=MAP))


def test_files_that_are_no_classifier_are_told(tmp_path: Path) -> None:
    folder = guard(tmp_path)
    (folder / "another.onnx").write_bytes(b"")
    (folder / "model.onnx").rename(folder / "third.onnx")
    assert "several .onnx files" in told(folder)
    for file in folder.glob("*.onnx"):
        file.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"pickled")
    assert "neither an .onnx file nor .safetensors" in told(folder)
    (folder / "config.json").write_text(json.dumps({"vocab_size": 3}))
    (folder / "model.onnx").write_bytes(b"no model")
    assert "no id2label" in told(folder)
    (folder / "config.json").write_text("{")
    assert "is not JSON" in told(folder)
    (folder / "config.json").unlink()
    assert "cannot read" in told(folder)


def test_two_labels_without_names_are_called_as_transformers_calls_them(tmp_path: Path) -> None:
    guard(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"architectures": ["BertForSequenceClassification"]}))
    assert find(choice(tmp_path, {"LABEL_1": "injection"})).labels == ("LABEL_0", "LABEL_1")


def test_a_missing_tokenizer_is_told(tmp_path: Path) -> None:
    (guard(tmp_path) / "tokenizer.json").unlink()
    assert "lacks tokenizer.json" in told(tmp_path)


@pytest.mark.parametrize(
    ("config", "window"),
    [
        ({"max_position_embeddings": 128}, 128),
        ({"max_position_embeddings": 4096}, 512),
        ({"max_position_embeddings": 514, "model_type": "xlm-roberta"}, 512),
        ({"max_position_embeddings": 130, "model_type": "roberta"}, 128),
        ({"max_position_embeddings": None}, 512),
    ],
)
def test_a_window_is_what_the_model_takes(tmp_path: Path, config: dict[str, Any], window: int) -> None:
    assert find(choice(guard(tmp_path, **config))).window == window


def test_what_the_tokenizer_says_bounds_the_window_too(tmp_path: Path) -> None:
    folder = guard(tmp_path, max_position_embeddings=4096)
    for told_length, window in ((100, 100), (10**30, 512)):
        (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": told_length}))
        assert find(choice(folder)).window == window


@pytest.mark.parametrize("broken", ["model.onnx", "tokenizer.json"])
async def test_files_that_cannot_be_loaded_are_told_before_the_doors_open(
    tmp_path: Path, broken: str
) -> None:
    (guard(tmp_path) / broken).write_bytes(b"{}")
    with pytest.raises(ConfigError, match="cannot be loaded"):
        await scores(tmp_path, "text")


async def test_a_model_with_other_outputs_than_labels_is_told(tmp_path: Path) -> None:
    guard(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"id2label": {"0": "a", "1": "b", "2": "INJECTION"}}))
    with pytest.raises(ConfigError, match="3 labels"):
        await scores(tmp_path, "text")


async def test_a_gpu_that_is_not_there_is_told(tmp_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        return  # then it is there
    with pytest.raises(ConfigError, match="device cuda was asked for"):
        await scores(guard(tmp_path), "text", device="cuda")
