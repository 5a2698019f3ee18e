"""Public labelled sets that test a measure, each in its own file format; nothing of them is kept here.

Texts of a set whose other part the encoder learned from (`gateway.text.training.sets`) are of the part that
it did not. A set of single texts is read as answers to a question that decides that the measure applies.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from gateway.text.training.sets import Sets
from gateway.types import Message
from monitors.labelled import Labelled
from monitors.measure import Answer, Prompt

NO_SET: Mapping[str, str] = {
    "stereotype_agreement": "no public set has labelled answers to such questions",
    "secret_in_answer": "no public set has labelled answers with secrets; "
    "the rules are tested in `docs/personal.md`",
    "planted_leak": "exact: it compares tokens",
    "system_prompt_leak": "no public set has labelled answers beside their system prompts",
    "answer_edited": "it computes and does not judge",
    "length_change": "it computes and does not judge",
    "added_latency": "it computes and does not judge",
}
"""Measures of whose errors nothing is known, and why."""
PERSONAL = frozenset(
    {
        "EMAIL_ADDRESS", "CREDIT_CARD", "PHONE_NUMBER", "IBAN_CODE", "US_SSN", "IP_ADDRESS",
        "US_DRIVER_LICENSE", "STREET_ADDRESS",
    }
)  # fmt: skip
"""Presidio's kinds that the rules look for."""
WHOSE = PERSONAL | {"PERSON", "AGE"}
"""Those, and what else tells of a person."""
_ASKING = {"gender": "women", "race": "black people", "religion": "Jewish people"}


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled text or exchange of a set."""

    prompt: str
    answer: str
    label: bool
    group: str = ""


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """A set, and the measure whose errors it shows.

    short: its texts are a few words, so that four times as many are read and groups can be told apart.
    """

    measure: str
    name: str
    rows: Callable[[Sets], Iterator[Row]]
    short: bool = False

    def draw(self, sets: Sets, most: int, seed: int) -> list[Labelled]:
        """At most `most` rows of each label, the same ones for the same seed."""
        rows = list(self.rows(sets))
        dice = random.Random(f"{seed} {self.measure} {self.name}")  # noqa: S311 (nothing to hide)
        drawn: list[Row] = []
        for label in (True, False):
            kind = [row for row in rows if row.label == label]
            drawn += dice.sample(kind, min(len(kind), most * (4 if self.short else 1)))
        return [self._labelled(row) for row in drawn]

    def _labelled(self, row: Row) -> Labelled:
        prompt = Prompt((Message("user", row.prompt),))
        return Labelled(self.measure, prompt, Answer(row.answer), int(row.label), group=row.group)


def _slabs(sets: Sets) -> Iterator[Row]:
    for row in sets.csv("slabs_injection/test.csv"):
        yield Row(row["text"], "", row["label"] == "1")


def _neuralchemy(sets: Sets) -> Iterator[Row]:
    for row in sets.lines("neuralchemy_injection/core-test.jsonl"):
        yield Row(row["text"], "", bool(row["label"]))


def _judged(sets: Sets) -> Iterator[Row]:
    """Answers to jailbroken requests, judged by people, with the bare question."""
    questions = {row["index"]: row["text"] for row in sets.csv("gptfuzz/question_list.csv")}
    for row in sets.csv("gptfuzz/evaluate.csv"):
        if int(row["question"]) % 2:
            yield Row(questions[row["question"]], row["Response"], row["label"] == "1")


def _jailbroken(sets: Sets) -> Iterator[Row]:
    """The same within a template; by which of them each answer was had, the set does not say."""
    templates = [row["text"] for row in sets.csv("gptfuzz/GPTFuzzer.csv")]
    for number, row in enumerate(_judged(sets)):
        template = templates[number % len(templates)]
        yield Row(template.replace("[INSERT PROMPT HERE]", row.prompt), row.answer, row.label)


_LLAMA, _GPT = "xstest_v2_completions_llama2orig_gpteval.csv", "xstest_v2_completions_gpt4.csv"


def _xstest(sets: Sets, file: str) -> Iterator[tuple[dict[str, str], bool]]:
    """Rows with a full refusal or a full answer, and whether it is a refusal."""
    for row in sets.csv(f"xstest/{file}"):
        if row["final_label"][:1] in {"1", "2"}:
            yield row, row["final_label"].startswith("2")


def _refused(file: str) -> Callable[[Sets], Iterator[Row]]:
    """Refusals of harmless requests; that of a harmful one is none, even where it looks harmless."""

    def rows(sets: Sets) -> Iterator[Row]:
        for row, refused in _xstest(sets, file):
            safe = not row["type"].startswith("contrast")
            yield Row(row["prompt"], row["completion"], refused and safe)

    return rows


def _answered(kind: str) -> Callable[[Sets], Iterator[Row]]:
    """Answers to harmful requests; that to a harmless one is none, even where it looks harmful."""

    def rows(sets: Sets) -> Iterator[Row]:
        for file in (_LLAMA, _GPT):
            for row, refused in _xstest(sets, file):
                if kind in row["type"]:
                    unsafe = row["type"].startswith("contrast")
                    yield Row(row["prompt"], row["completion"], unsafe and not refused)

    return rows


def _talk(sets: Sets) -> Iterator[Row]:
    for row in sets.csv("civil_madlibs/toxicity_nonfuzzed_testset.csv")[1::2]:
        yield Row("What do you say?", row["comment"], row["toxic"] == "True")


def _tweets(sets: Sets) -> Iterator[Row]:
    tweets = sets.csv("davidson/labeled_data.csv")
    for row in [row for row in tweets if row["class"] == "2"][1::2]:
        yield Row("What do you say?", row["tweet"], False)
    for row in [row for row in tweets if row["class"] != "2"][1::10]:
        yield Row("What do you say?", row["tweet"], True)


def _toxigen(sets: Sets) -> Iterator[Row]:
    for row in sets.lines("toxigen/toxigen_sentences.jsonl")[1::2]:
        yield Row("What do people say about women?", row["text"], row["label"] == "hate", row["group"])


def _identity_sentences(sets: Sets) -> Iterator[Row]:
    for row in sets.csv("civil_madlibs/en_sentence_templates.csv")[1::5]:
        who = row["phrase"].split()[-1].lower()
        yield Row("What do people say about women?", row["phrase"], row["toxicity"] == "toxic", who)


def _redditbias(sets: Sets) -> Iterator[Row]:
    for path in sorted((sets.folder / "redditbias").glob("*.csv")):
        asked = next((who for what, who in _ASKING.items() if f"_{what}" in path.name), "women")
        for row in sets.csv(f"redditbias/{path.name}")[1::2]:
            if row["bias_sent"] in {"0", "1"}:
                yield Row(f"What are {asked} like?", row["comment"], row["bias_sent"] == "1", asked)


def _stereoset(sets: Sets) -> Iterator[Row]:
    for row in sets.json("trustllm/fairness__stereotype_recognition.json"):
        if row["type"] in _ASKING:
            asked = _ASKING[row["type"]]
            text = f"{row['context']} {row['sentence']}"
            yield Row(f"What are {asked} like?", text, row["label"] == "stereotype")


def _presidio(kinds: frozenset[str]) -> Callable[[Sets], Iterator[Row]]:
    def rows(sets: Sets) -> Iterator[Row]:
        for row in sets.json("presidio_research/synth_dataset_v2.json"):
            found = {span["entity_type"] for span in row["spans"]}
            yield Row("Write a message.", row["full_text"], bool(found & kinds))

    return rows


SETS: tuple[LabelledSet, ...] = (
    LabelledSet("attack_attempted", "S-Labs, test part", _slabs),
    LabelledSet("attack_attempted", "neuralchemy, test part", _neuralchemy),
    LabelledSet("attack_let_through", "GPTFuzz, judged answers to other questions", _jailbroken),
    LabelledSet("harmful_compliance", "GPTFuzz, judged answers to other questions", _judged),
    LabelledSet("harmful_compliance", "XSTest, answers of Llama 2 and GPT-4", _answered("")),
    LabelledSet("harmful_content", "GPTFuzz, judged answers to other questions", _judged),
    LabelledSet("answer_toxicity", "Wikipedia talk, other half", _talk),
    LabelledSet("answer_toxicity", "ToxiGen, other half", _toxigen),
    LabelledSet("answer_toxicity", "Davidson, other part", _tweets),
    LabelledSet("answer_toxicity", "identity sentences", _identity_sentences, short=True),
    LabelledSet("identity_refusal", "XSTest, answers of Llama 2", _refused(_LLAMA)),
    LabelledSet("identity_refusal", "XSTest, answers of GPT-4", _refused(_GPT)),
    LabelledSet("identity_negativity", "ToxiGen, other half", _toxigen),
    LabelledSet("identity_negativity", "identity sentences", _identity_sentences, short=True),
    LabelledSet("stereotyped_answer", "RedditBias, other half", _redditbias),
    LabelledSet("stereotyped_answer", "TrustLLM stereotype recognition", _stereoset),
    LabelledSet(
        "private_request_compliance", "XSTest on privacy, of Llama 2 and GPT-4", _answered("privacy")
    ),
    LabelledSet("new_personal_data", "Presidio, what the rules look for", _presidio(PERSONAL)),
    LabelledSet("new_personal_data", "Presidio, names and ages too", _presidio(WHOSE)),
    LabelledSet("over_refusal", "XSTest, answers of Llama 2", _refused(_LLAMA)),
    LabelledSet("over_refusal", "XSTest, answers of GPT-4", _refused(_GPT)),
)
"""All of them; of a measure's sets the first is the one whose errors are exported."""
