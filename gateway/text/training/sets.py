"""Readers of public sets in their own file formats: what the heads learn from, and what they are tested on.

Sets are found under one folder, a folder each; nothing of them is kept in the project. Which part of a
set is for learning and which for testing is decided by position, so that it never changes.
"""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.errors import ConfigError
from gateway.text.training.examples import Example, key

_NOTHING = (
    "injection",
    "harmful_request",
    "toxicity",
    "stereotype",
    "refusal",
    "personal_request",
    "negative_regard",
)


@dataclass(frozen=True, slots=True)
class Test:
    """Texts of one head that it never learned from; `labels` are 0 or 1."""

    head: str
    name: str
    texts: Sequence[str]
    labels: Sequence[int]
    answers: Sequence[str] = ()
    groups: Sequence[str] = ()


class Sets:
    """The folder with the sets."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ConfigError(f"{folder}: there is no such folder; name the one that holds the sets")
        self.folder = folder

    def csv(self, path: str) -> list[dict[str, str]]:
        """The rows of a CSV file with a head line."""
        csv.field_size_limit(1 << 30)
        with self._open(path) as file:
            return list(csv.DictReader(file))

    def json(self, path: str) -> Any:
        """A JSON file."""
        with self._open(path) as file:
            return json.load(file)

    def lines(self, path: str) -> list[Any]:
        """A file with one JSON value a line."""
        with self._open(path) as file:
            return [json.loads(line) for line in file if line.strip()]

    def _open(self, path: str) -> Any:
        try:
            return (self.folder / path).open(encoding="utf-8", errors="replace", newline="")
        except OSError as error:
            raise ConfigError(f"{self.folder / path}: {error.strerror}; is the set complete?") from error


def learning(sets: Sets) -> list[Example]:
    """Everything the heads may learn from."""
    readers: Sequence[Callable[[Sets], Iterable[Example]]] = (
        _slabs,
        _neuralchemy,
        _multilingual,
        _wild,
        _planted,
        _harmful,
        _goals,
        _everyday,
        _judged_answers,
        _refusals,
        _tweets,
        _talk,
        _generated_hate,
        _comments,
    )
    return [example for read in readers for example in read(sets)]


def _slabs(sets: Sets) -> Iterator[Example]:
    for row in sets.csv("slabs_injection/train.csv")[::2]:
        yield Example(row["text"], {"injection": float(row["label"])}, "slabs_injection")


def _neuralchemy(sets: Sets) -> Iterator[Example]:
    for row in sets.lines("neuralchemy_injection/core-train.jsonl"):
        yield Example(row["text"], {"injection": float(row["label"])}, "neuralchemy_injection")


def _multilingual(sets: Sets) -> Iterator[Example]:
    for row in sets.csv("yanismiraoui_injection/prompt_injections.csv")[::2]:
        yield Example(row["prompt_injections"], {"injection": 1.0}, "yanismiraoui_injection")


def _wild(sets: Sets) -> Iterator[Example]:
    templates = _templates(sets)
    for text in sets.json("jailbreak_inthewild/inthewild_jailbreak_llms.json")[::2]:
        if not any(template in key(text) for template in templates):
            for at in range(0, min(len(text), 1800), 600):  # a long one is seen in pieces, as at run time
                if len(piece := text[at : at + 600]) > 100:
                    yield Example(piece, {"injection": 1.0 if at == 0 else 0.85}, "jailbreak_inthewild")


def _templates(sets: Sets) -> list[str]:
    rows = sets.csv("gptfuzz/GPTFuzzer.csv")
    return [key(row["text"].partition("[INSERT")[0])[:80] for row in rows if len(key(row["text"])) > 200]


def _planted(sets: Sets) -> Iterator[Example]:
    attacks = [one for kind in sets.json("bipia/text_attack_train.json").values() for one in kind]
    for number, row in enumerate(sets.lines("bipia/train.jsonl")):
        context = row["context"][:400]
        yield Example(context, {"injection": 0.0, "refusal": 0.0}, "bipia")
        for attack in attacks[number % 5 :: 5]:
            yield Example(f"{context} {attack}", {"injection": 1.0}, "bipia")


def _harmful(sets: Sets) -> Iterator[Example]:
    requests = list(sets.json("red_instruct/dangerousqa.json"))
    for name in ("catqa_english", "harmfulqa"):
        for topics in sets.json(f"red_instruct/{name}.json").values():
            for questions in topics.values():
                requests += questions
    for text in requests:
        yield Example(text, {"harmful_request": 1.0, "refusal": 0.0}, "red_instruct")


def _goals(sets: Sets) -> Iterator[Example]:
    for row in sets.csv("advbench/advbench.csv"):
        yield Example(row["goal"], {"harmful_request": 1.0, "injection": 0.0, "refusal": 0.0}, "advbench")
        yield Example(row["goal"], {"harmful_compliance": 1.0}, "advbench", answer=row["target"])


def _everyday(sets: Sets) -> Iterator[Example]:
    nothing = dict.fromkeys(_NOTHING, 0.0)
    for row in sets.csv("banking77/test.csv")[::4]:
        yield Example(row["text"], nothing, "banking77")
    for task in sets.lines("self_instruct/seed_tasks.jsonl"):
        for instance in task["instances"][:2]:
            request = f"{task['instruction']} {instance['input']}".strip()[:600]
            yield Example(request, {name: 0.0 for name in nothing if name != "stereotype"}, "self_instruct")
            said = instance["output"][:600]
            if len(said) > 20:
                yield Example(said, {"refusal": 0.0, "injection": 0.0}, "self_instruct")
                yield Example(request, {"harmful_compliance": 0.0}, "self_instruct", answer=said)


def _judged_answers(sets: Sets) -> Iterator[Example]:
    questions = {row["index"]: row["text"] for row in sets.csv("gptfuzz/question_list.csv")}
    for row in sets.csv("gptfuzz/evaluate.csv"):
        if int(row["question"]) % 2:
            continue
        complied, said = float(row["label"]), row["Response"][:600]
        yield Example(said, {"refusal": 0.1 if complied else 0.9}, "gptfuzz")
        yield Example(questions[row["question"]], {"harmful_compliance": complied}, "gptfuzz", answer=said)


def _refusals(sets: Sets) -> Iterator[Example]:
    """One model's answers; another's are for testing. The requests are for testing too, and not learned."""
    for row in sets.csv("xstest/xstest_v2_completions_gpt4.csv"):
        if row["final_label"][:1] in {"1", "2"}:
            refused = float(row["final_label"].startswith("2"))
            yield Example(row["completion"][:600], {"refusal": refused, "injection": 0.0}, "xstest answers")


def _tweets(sets: Sets) -> Iterator[Example]:
    rows = sets.csv("davidson/labeled_data.csv")
    clean = [row for row in rows if row["class"] == "2"]
    rude = [row for row in rows if row["class"] == "1"]
    hateful = [row for row in rows if row["class"] == "0"]
    for kind, score in ((clean[::2], 0.0), (rude[::5], 1.0), (hateful[::2], 1.0)):
        for row in kind:
            yield Example(row["tweet"], {"toxicity": score}, "davidson")


def _talk(sets: Sets) -> Iterator[Example]:
    for row in sets.csv("civil_madlibs/toxicity_nonfuzzed_testset.csv")[::2]:
        yield Example(row["comment"][:500], {"toxicity": float(row["toxic"] == "True")}, "civil_madlibs talk")


def _generated_hate(sets: Sets) -> Iterator[Example]:
    for row in sets.lines("toxigen/toxigen_sentences.jsonl")[::2]:
        hate = float(row["label"] == "hate")
        yield Example(row["text"], {"toxicity": hate, "stereotype": hate}, "toxigen", group=row["group"])


def _comments(sets: Sets) -> Iterator[Example]:
    for path in sorted((sets.folder / "redditbias").glob("*.csv")):
        for row in sets.csv(f"redditbias/{path.name}")[::2]:
            if row["bias_sent"] in {"0", "1"}:
                yield Example(row["comment"][:400], {"stereotype": float(row["bias_sent"])}, "redditbias")


def testing(sets: Sets) -> list[Test]:
    """The tests, none of which shares a text with what was learned from."""
    harmless = _harmless(sets)
    readers: Sequence[Callable[[Sets, Sequence[str]], Iterable[Test]]] = (
        _injection_tests,
        _harm_tests,
        _toxicity_tests,
        _stereotype_tests,
        _refusal_tests,
        _personal_tests,
    )
    return [test for read in readers for test in read(sets, harmless)]


def _harmless(sets: Sets) -> list[str]:
    texts = [row["text"] for row in sets.csv("banking77/test.csv")[1::4]]
    texts += [task["instruction"] for task in sets.lines("self_instruct/user_oriented_instructions.jsonl")]
    return texts + [turn for row in sets.lines("mt_bench/question.jsonl") for turn in row["turns"]]


def _against(head: str, name: str, bad: Sequence[str], harmless: Sequence[str]) -> Test:
    return Test(head, name, [*bad, *harmless], [1] * len(bad) + [0] * len(harmless))


def _injection_tests(sets: Sets, harmless: Sequence[str]) -> Iterator[Test]:
    rows = sets.csv("slabs_injection/test.csv")
    yield Test("injection", "S-Labs, test part", [r["text"] for r in rows], [int(r["label"]) for r in rows])
    rows = sets.lines("neuralchemy_injection/core-test.jsonl")
    texts, labels = [r["text"] for r in rows], [int(r["label"]) for r in rows]
    yield Test("injection", "neuralchemy, test part", texts, labels)
    templates = [row["text"] for row in sets.csv("gptfuzz/GPTFuzzer.csv")]
    yield _against("injection", "GPTFuzz templates | everyday", templates, harmless)
    known = {key(text) for text in sets.json("jailbreak_inthewild/inthewild_jailbreak_llms.json")[::2]}
    wild = sets.json("jailbreak_inthewild/inthewild_jailbreak_llms.json")[1::2]
    unknown = [text for text in wild if key(text) not in known]
    yield _against("injection", "in the wild, other half | everyday", unknown, harmless)
    foreign = sets.csv("yanismiraoui_injection/prompt_injections.csv")[1::2]
    yield _against(
        "injection", "seven languages | everyday", [r["prompt_injections"] for r in foreign], harmless
    )
    safe = [row["prompt"] for row in sets.csv("xstest/xstest_prompts.csv") if row["label"] == "safe"]
    yield Test("injection", "XSTest, safe (none is one)", safe, [0] * len(safe))


def _harm_tests(sets: Sets, harmless: Sequence[str]) -> Iterator[Test]:
    rows = sets.csv("xstest/xstest_prompts.csv")
    labels = [int(row["label"] == "unsafe") for row in rows]
    yield Test("harmful_request", "XSTest, unsafe | safe", [row["prompt"] for row in rows], labels)
    behaviours = [*sets.json("tdc2023/tdc2023_dev_behaviors.json")]
    behaviours += sets.json("tdc2023/tdc2023_test_behaviors.json")
    yield _against("harmful_request", "TDC 2023 | everyday", behaviours, harmless)
    misuse = [row["prompt"] for row in sets.json("trustllm/safety__misuse.json")]
    yield _against("harmful_request", "TrustLLM misuse | everyday", misuse, harmless)
    questions = {row["index"]: row["text"] for row in sets.csv("gptfuzz/question_list.csv")}
    judged = [row for row in sets.csv("gptfuzz/evaluate.csv") if int(row["question"]) % 2]
    yield Test(
        "harmful_compliance",
        "GPTFuzz, judged answers to other questions",
        [questions[row["question"]] for row in judged],
        [int(row["label"]) for row in judged],
        [row["Response"] for row in judged],
    )


def _toxicity_tests(sets: Sets, harmless: Sequence[str]) -> Iterator[Test]:
    rows = sets.csv("civil_madlibs/toxicity_nonfuzzed_testset.csv")[1::2]
    labels = [int(row["toxic"] == "True") for row in rows]
    yield Test("toxicity", "Wikipedia talk, other half", [row["comment"] for row in rows], labels)
    hate = sets.lines("toxigen/toxigen_sentences.jsonl")[1::2]
    labels = [int(row["label"] == "hate") for row in hate]
    groups = [row["group"] for row in hate]
    yield Test("toxicity", "ToxiGen, other half", [row["text"] for row in hate], labels, groups=groups)
    tweets = sets.csv("davidson/labeled_data.csv")
    clean = [row["tweet"] for row in tweets if row["class"] == "2"][1::2]
    rude = [row["tweet"] for row in tweets if row["class"] != "2"][1::10]
    yield _against("toxicity", "Davidson, other part", rude, clean)
    named = sets.csv("civil_madlibs/en_sentence_templates.csv")[1::5]
    labels = [int(row["toxicity"] == "toxic") for row in named]
    words = [row["phrase"].split()[-1].lower() for row in named]
    yield Test("toxicity", "identity sentences", [row["phrase"] for row in named], labels, groups=words)


def _stereotype_tests(sets: Sets, harmless: Sequence[str]) -> Iterator[Test]:
    rows = []
    for path in sorted((sets.folder / "redditbias").glob("*.csv")):
        rows += [row for row in sets.csv(f"redditbias/{path.name}")[1::2] if row["bias_sent"] in {"0", "1"}]
    labels = [int(row["bias_sent"]) for row in rows]
    yield Test("stereotype", "RedditBias, other half", [row["comment"] for row in rows], labels)
    asked = [row["prompt"] for row in sets.json("trustllm/fairness__stereotype_query_test.json")]
    yield _against("stereotype", "TrustLLM stereotype queries | everyday", asked, harmless)
    pairs = sets.csv("crows_pairs/crows_pairs_anonymized.csv")
    said = [row["sent_more"] for row in pairs if row["stereo_antistereo"] == "stereo"]
    yield _against("stereotype", "CrowS-Pairs | everyday", said, harmless)
    hate = sets.lines("toxigen/toxigen_sentences.jsonl")[1::2]
    labels = [int(row["label"] == "hate") for row in hate]
    yield Test("negative_regard", "ToxiGen, other half", [row["text"] for row in hate], labels)


def _refusal_tests(sets: Sets, harmless: Sequence[str]) -> Iterator[Test]:
    rows = sets.csv("xstest/xstest_v2_completions_llama2orig_gpteval.csv")
    rows = [row for row in rows if row["final_label"][:1] in {"1", "2"}]
    labels = [int(row["final_label"].startswith("2")) for row in rows]
    yield Test("refusal", "XSTest, answers of Llama 2", [row["completion"] for row in rows], labels)
    judged = [row for row in sets.csv("gptfuzz/evaluate.csv") if int(row["question"]) % 2]
    labels = [1 - int(row["label"]) for row in judged]
    yield Test("refusal", "GPTFuzz, answers to other questions", [row["Response"] for row in judged], labels)


def _personal_tests(sets: Sets, harmless: Sequence[str]) -> Iterator[Test]:
    asked = [row["question"] for row in sets.json("trustllm/privacy__privacy_awareness_query.json")]
    yield _against("personal_request", "TrustLLM privacy questions | everyday", asked, harmless)
