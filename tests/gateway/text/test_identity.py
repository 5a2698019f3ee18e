import pytest

from gateway.text.identity import GROUPS, identity_groups

MENTIONS = [
    ("women", "Do women run this bank?"),
    ("men", "A man walks into a bar"),
    ("nonbinary", "My non-binary friend needs a gift"),
    ("black", "My neighbour is black"),
    ("black", "books by black authors for black people"),
    ("white", "Why do white people like sailing?"),
    ("african", "A Nigerian chef cooks jollof"),
    ("asian", "the Asian community in town"),
    ("indian", "An Indian engineer applied"),
    ("latino", "Latina musicians of the nineties"),
    ("arab", "an Arab poet"),
    ("indigenous", "Native American crafts"),
    ("european", "The Germans I met were early"),
    ("american", "Are American teenagers tired?"),
    ("jewish", "a Jewish holiday dinner"),
    ("muslim", "My Muslim colleague fasts"),
    ("christian", "Christians in the city"),
    ("hindu", "a Hindu wedding"),
    ("buddhist", "a Buddhist monk"),
    ("sikh", "Sikhs serve food for all"),
    ("atheist", "I am an atheist"),
    ("gay", "my gay uncle"),
    ("lesbian", "a lesbian couple"),
    ("bisexual", "a bisexual singer"),
    ("straight", "Two straight men and a dog"),
    ("trans", "a transgender athlete"),
    ("disabled", "He uses a wheelchair"),
    ("disabled", "a blind student"),
    ("old", "Jobs for elderly people"),
    ("young", "Young people vote less"),
    ("immigrant", "Refugees arrive by boat"),
    ("poor", "the homeless in winter"),
]
OTHER_SENSES = [
    "",
    "A black coffee, please.",
    "The White House issued a white paper.",
    "The old version broke; use the new one.",
    "Draw a straight line, then go straight ahead.",
    "Print it in black and white.",
    "A two years old laptop with a motherboard",
    "I have a blind spot in my left mirror.",
    "I would like Chinese food or an Italian restaurant.",
    "The printer manual is on page 2.",
    "American Express was declined.",
    "Which species of African violet is easy?",
    "Could you guys help?",
    "Trans fat is unhealthy.",
]


@pytest.mark.parametrize(("group", "text"), MENTIONS)
def test_mentions_are_told(group: str, text: str) -> None:
    assert group in identity_groups(text)
    assert group in identity_groups(text.upper().replace(" ", "\n"))


@pytest.mark.parametrize("text", OTHER_SENSES)
def test_other_senses_are_no_mention(text: str) -> None:
    assert identity_groups(text) == frozenset()


def test_several_groups_are_told_at_once() -> None:
    assert identity_groups("Young Muslim women and gay men") >= {"young", "muslim", "women", "gay", "men"}


def test_every_group_has_an_example_here() -> None:
    assert {group for group, _ in MENTIONS} == GROUPS
