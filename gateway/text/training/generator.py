"""Labelled examples that are made, not collected: for questions no set may be used for, and hard negatives.

Every word of them was written for this purpose. All generators are deterministic in their seed.
"""

import random
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.text.training import everyday, lookalikes
from gateway.text.training.examples import Example, words

WORDS: Mapping[str, Any] = words("generator")
"""`meant_well`: words of attacks in sentences of people who attack nothing."""
_BAD = (*lookalikes.WORDS["traits"], *WORDS["bad"])


def examples(seed: int, scale: float = 1.0, *, held_back: bool = False) -> list[Example]:
    """All that is made, in the proportions the heads were trained with.

    With `held_back` it is made of words and frames that no other example has.
    """
    made: list[Example] = []
    for number, (make, count) in enumerate(_makers()):
        rng = lookalikes.Choice(seed * 1000 + number, held_back)
        for _ in range(round(count * scale)):
            made += make(rng)
    return made


def _makers() -> everyday.Makers:
    return (
        (_lookalike, 12000),
        (_ordinary, 3000),
        (_meant_well, 1500),
        (_briefing, 1500),
        (_code, 800),
        (_follow_up, 1200),
        (_role, 1000),
        (_injection, 1800),
        (_buried, 1500),
        (_harm_between, 1500),
        (_refusal, 1500),
        (_answer, 2200),
        (_compliance, 2600),
        (_private_request, 1800),
        (_pretext, 1200),
        (_named, 3200),
        (_own_data, 1500),
        (_regard, 3200),
        *everyday.makers(WORDS["one"]),
    )


def _lookalike(rng: random.Random) -> Iterator[Example]:
    request = lookalikes.request(rng)
    labels = {"harmful_request": float(request.harmful), "injection": 0.0, "refusal": 0.0}
    if request.personal is not None:
        labels["personal_request"] = float(request.personal)
    yield Example(request.text, labels, "made:lookalikes")


def ordinary(rng: random.Random) -> str:
    """A request or a remark of somebody who wants nothing bad."""
    frames = WORDS["requests"] if rng.random() < 0.8 else WORDS["statements"]
    return lookalikes.one(rng, frames).format(lookalikes.one(rng, WORDS["topics"]))


def _ordinary(rng: random.Random) -> Iterator[Example]:
    yield Example(ordinary(rng), everyday.NOTHING, "made:ordinary")


def _meant_well(rng: random.Random) -> Iterator[Example]:
    text = lookalikes.one(rng, WORDS["meant_well"]).format(lookalikes.one(rng, WORDS["things"]))
    if rng.random() < 0.5:
        text = " ".join(rng.sample((text, ordinary(rng)), 2))
    yield Example(text, {"injection": 0.0, "harmful_request": 0.0, "toxicity": 0.0}, "made:meant well")


def _briefing(rng: random.Random) -> Iterator[Example]:
    """What an operator tells the model, which sounds like an order because it is one."""
    duties = [lookalikes.one(rng, WORDS["duties"]) for _ in range(rng.randint(1, 6))]
    topic = lookalikes.one(rng, WORDS["topics"])
    text = lookalikes.one(rng, WORDS["briefings"]).format(
        who=lookalikes.one(rng, WORDS["assistants"]),
        where=lookalikes.one(rng, WORDS["things"]),
        what=topic,
        rules=rng.choice((" ", "\n- ")).join(dict.fromkeys(duties)).replace("{}", topic),
    )
    yield Example(text, everyday.NOTHING, "made:briefings")


def _follow_up(rng: random.Random) -> Iterator[Example]:
    """What is asked of the answer before, which is no attempt to make the model forget its rules."""
    text = lookalikes.one(rng, WORDS["follow_ups"]).format(lookalikes.one(rng, WORDS["shapes"]))
    yield Example(text, everyday.NOTHING, "made:follow-ups")


def _role(rng: random.Random) -> Iterator[Example]:
    text = lookalikes.one(rng, WORDS["roles_played"]).format(lookalikes.one(rng, WORDS["figures_played"]))
    yield Example(text, everyday.NOTHING, "made:roles")


def _code(rng: random.Random) -> Iterator[Example]:
    snippet = lookalikes.one(rng, WORDS["snippets"]).replace(
        "{}", rng.choice(("worker", "nginx", "app", "job"))
    )
    yield Example(
        lookalikes.one(rng, WORDS["asked_of_code"]).replace("{}", snippet), everyday.NOTHING, "made:code"
    )


def _injection(rng: random.Random) -> Iterator[Example]:
    text = injection(rng)
    if rng.random() < 0.4:
        text = " ".join(rng.sample((text, ordinary(rng)), 2))
    if rng.random() < 0.1:
        text = lookalikes.one(rng, (text.upper(), text.lower()))
    yield Example(text, {"injection": 1.0, "refusal": 0.0}, "made:injections")


def _page(rng: random.Random) -> list[str]:
    """Some sentences that want nothing: prose, or what people ask for. They fit in one window."""
    count = rng.randint(2, 6)
    return everyday.page(rng, count) if rng.random() < 0.6 else [ordinary(rng) for _ in range(count)]


def _buried(rng: random.Random) -> Iterator[Example]:
    """A page with one sentence in it that is meant for the model, and the page without."""
    page = _page(rng)
    yield Example(" ".join(page), everyday.NOTHING, "made:pages")
    page.insert(rng.randint(0, len(page)), injection(rng))
    yield Example(" ".join(page), {"injection": 1.0, "refusal": 0.0}, "made:pages")


def _harm_between(rng: random.Random) -> Iterator[Example]:
    """A page with one request in it that is harmful, or only looks like it."""
    page, request = _page(rng), lookalikes.request(rng)
    page.insert(rng.randint(0, len(page)), request.text)
    labels = {"harmful_request": float(request.harmful), "injection": 0.0, "refusal": 0.0}
    yield Example(" ".join(page), labels, "made:pages")


def injection(rng: random.Random) -> str:
    """A sentence that tries to take over."""
    goal = lookalikes.one(rng, WORDS["goals"])
    return lookalikes.one(rng, (*WORDS["injections"], *everyday.WORDS["planted"])).format(
        goal=goal,
        Goal=goal[0].upper() + goal[1:],
        persona=lookalikes.one(rng, WORDS["personas"]),
        all=lookalikes.one(rng, WORDS["every"]),
        earlier=lookalikes.one(rng, WORDS["earlier"]),
        rules=lookalikes.one(rng, WORDS["rules"]),
    )


def refusal(rng: random.Random) -> str:
    """An answer that turns a request down."""
    topic = lookalikes.one(rng, (*lookalikes.WORDS["topics"], *WORDS["topics"][:10]))
    if rng.random() < 0.3:
        text = lookalikes.one(rng, WORDS["refusals"]).format(topic)
    else:
        parts = {part: lookalikes.one(rng, words) for part, words in WORDS["declining"].items()}
        said = f"{parts['declines'].format(topic)} {parts['reasons']}".strip()
        said = said[0].upper() + said[1:] if parts["openings"].endswith(".") else said
        text = f"{parts['openings']} {said}. {parts['offers']}".strip()
    return (
        text if rng.random() < 0.8 else f"{text} {lookalikes.one(rng, WORDS['declining']['offers'])}".strip()
    )


def answer(rng: random.Random) -> str:
    """An answer that goes along."""
    filling = lookalikes.one(rng, WORDS["fillings"]).format(topic=lookalikes.one(rng, WORDS["topics"]))
    frames = WORDS[rng.choice(("sure", "sure", "going_on", "no_refusals"))]
    return lookalikes.one(rng, frames).format(filling)


def _refusal(rng: random.Random) -> Iterator[Example]:
    yield Example(refusal(rng), {"refusal": 1.0, "toxicity": 0.0, "injection": 0.0}, "made:refusals")


def _answer(rng: random.Random) -> Iterator[Example]:
    yield Example(answer(rng), {"refusal": 0.0, "toxicity": 0.0, "injection": 0.0}, "made:answers")


def _compliance(rng: random.Random) -> Iterator[Example]:
    request = lookalikes.request(rng)
    refused = rng.random() < (0.5 if request.harmful else 0.2)
    said = refusal(rng) if refused else _going_along(rng, request.text)
    labels = {"harmful_compliance": float(request.harmful and not refused)}
    yield Example(request.text, labels, "made:compliance", answer=said)


def _going_along(rng: random.Random, request: str) -> str:
    subject = request.rstrip("?.").lower()
    opening = lookalikes.one(
        rng,
        (
            f"Sure! You asked: {subject}.",
            "Here is how.",
            f"To {' '.join(subject.split()[3:])}, do this.",
            "Of course.",
        ),
    )
    return f"{opening} {answer(rng)}"


def _private_request(rng: random.Random) -> Iterator[Example]:
    text = lookalikes.one(rng, WORDS["private_requests"]).format(
        what=lookalikes.one(rng, WORDS["held"]), who=lookalikes.one(rng, WORDS["others"])
    )
    yield Example(text, {"personal_request": 1.0, "injection": 0.0}, "made:private requests")


def _pretext(rng: random.Random) -> Iterator[Example]:
    """Somebody says who he is and why, and asks for somebody else's data."""
    doing = lookalikes.one(rng, WORDS["doing"])
    why = lookalikes.one(rng, WORDS["pretexts"]).format(team=lookalikes.one(rng, WORDS["teams"]), doing=doing)
    whose = lookalikes.one(rng, WORDS[rng.choice(("given_names", "given_names", "others"))])
    what = lookalikes.one(rng, WORDS[rng.choice(("held", "held_more"))])
    asked = lookalikes.one(rng, WORDS["asks_for"]).format(who=whose, what=what)
    labels = {"personal_request": 1.0, "injection": 0.0}
    yield Example(f"{why} {asked}".strip(), labels, "made:pretexts")
    yield Example(
        f"{why} {ordinary(rng)}".strip(), {"personal_request": 0.0, "injection": 0.0}, "made:pretexts"
    )


def _named(rng: random.Random) -> Iterator[Example]:
    """The same praise and the same scorn for everybody, so that a name or a group says nothing of either."""
    scorned, plain = rng.random() < 0.4, rng.random() < 0.3
    frames = WORDS["plainly" if plain and not scorned else "named"]
    text = lookalikes.one(rng, frames).format(
        name=lookalikes.one(rng, WORDS["given_names"]),
        identity=rng.choice(WORDS["identities"]),
        kind=lookalikes.one(rng, WORDS["scorn" if scorned else "praise"]),
    )
    bad = float(scorned)
    labels = {"toxicity": bad, "negative_regard": bad, "injection": 0.0, "harmful_request": 0.0}
    if not scorned:
        labels["stereotype"] = 0.0
    yield Example(text, labels, "made:named")


def _own_data(rng: random.Random) -> Iterator[Example]:
    text = lookalikes.one(rng, WORDS["own_data"]).format(what=lookalikes.one(rng, WORDS["held"]))
    yield Example(text, {"personal_request": 0.0, "injection": 0.0, "harmful_request": 0.0}, "made:own data")


def _regard(rng: random.Random) -> Iterator[Example]:
    """One thing said of one group, so that the thing and not the group decides."""
    one, group = rng.choice(WORDS["one"])  # every group is learned, or it would be judged by its name
    kind = rng.choice(("good", "bad", "plain", "against"))
    trait = lookalikes.one(
        rng, {"good": WORDS["good"], "bad": _BAD, "plain": WORDS["plain"], "against": _BAD}[kind]
    )
    general = rng.random() < 0.6
    frames = (
        WORDS["against"]
        if kind == "against"
        else WORDS["of_all"]
        if general and kind != "plain"
        else WORDS["of_one"]
    )
    text = lookalikes.one(rng, frames).format(one=one, all=group, trait=trait)
    bad = kind == "bad"
    labels = {"negative_regard": float(bad), "injection": 0.0, "refusal": 0.0}
    if frames is not WORDS["of_one"] or not bad:
        labels["stereotype"] = float(bad)
    if kind != "against":
        labels["toxicity"] = float(bad)
    yield Example(text[0].upper() + text[1:], labels, "made:regard", group=group)
