"""Personal data and secrets: every rule finds what it is for, and not what is nearly it."""

import random
from collections.abc import Iterator

import pytest

from defenses.leak_filter import LeakFilter
from gateway.errors import ConfigError
from gateway.text import identifiers, secrets
from gateway.text.personal import PERSONAL
from gateway.text.rules import Rule, RuleSet
from gateway.types import Exchange
from tests.gateway.text.samples import embedded, sample, valid

KEYED = [rule for rule, _ in zip(secrets.RULES, secrets.FORMATS, strict=False)]
COIN = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"  # the example of BIP 173


def found(rules: RuleSet, text: str) -> list[tuple[str, str]]:
    return list(dict.fromkeys((one.label, text[one.start : one.end]) for one in rules.find(text)))


@pytest.mark.parametrize("number", range(len(secrets.FORMATS)), ids=lambda n: secrets.FORMATS[n].opening)
def test_a_key_of_every_provider(number: int) -> None:
    rule, made = KEYED[number], secrets.FORMATS[number]
    rules = RuleSet([rule])
    rng = random.Random(number)
    key = valid(rule, rng)
    assert key.startswith(made.opening)
    assert found(rules, f"it is {key}, keep it") == [("api_key", key)]
    assert ("api_key", key) in found(PERSONAL, f"it is {key}, keep it")
    assert found(rules, f"it is x{key}") == [], "in the middle of a word it is no key"
    short = sample(rule.pattern, rng, short=True)
    assert found(rules, f"it is {short[:-1]} or so") == [], "one character too short"
    middle = len(made.opening) + 2
    assert found(rules, f"it is {short[:middle]} {short[middle + 1 :]}") == [], "interrupted"
    dull = made.opening + "a" * (len(short) - len(made.opening))
    assert found(rules, f"it is {dull}") == [], "one letter again and again is no key"


def test_there_are_a_hundred_providers() -> None:
    assert len(secrets.PROVIDERS) >= 100


def numbers() -> Iterator[Rule]:
    for rule in identifiers.RULES:
        if rule.check is not len:
            yield rule


@pytest.mark.parametrize("rule", list(numbers()), ids=lambda rule: f"{rule.label} {rule.context[:1]}")
def test_a_number_of_a_person(rule: Rule) -> None:
    rng = random.Random(rule.pattern)
    rules = RuleSet([rule])
    number = valid(rule, rng)
    if rule.context:
        said = rule.context[0].strip("*")
        assert [one.score for one in rules.find(f"{said} {number} it is")] == [rule.context_score]
        assert [one.score for one in rules.find(f"{said.upper()} {number} it is")] == [rule.context_score]
        far = "and so on, as it goes, " * 3
        assert [one.score for one in rules.find(f"{said} {far} {number}")] == (
            [rule.score] if rule.score else []
        )
    assert [one.score for one in rules.find(f"it is {number} so")] == ([rule.score] if rule.score else [])
    wrong = next((text for text in others(number, rng) if not rule.check(text)), None)
    assert wrong is not None, "anything will do"
    assert (rule.label, wrong) not in found(rules, f"{(*rule.context, '')[0].strip('*')} {wrong} it is")


def others(number: str, rng: random.Random) -> Iterator[str]:
    """`number` with one character changed, or without its digits."""
    for _ in range(200):
        place = rng.randrange(len(number))
        signs = "0123456789" if number[place].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        if number[place].isalnum():
            yield number[:place] + rng.choice(signs) + number[place + 1 :]
    yield "D" + number[1:]
    yield "".join("X" if character.isdigit() else character for character in number)


def test_there_are_twelve_countries() -> None:
    checks = [rule for rule in identifiers.RULES if rule.label in {"ssn", "national_id"}]
    assert len(checks) >= 12 + 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my password is Hunter2!, keep it", [("password", "Hunter2!")]),
        ("the password for the router is now: tr0ub4dor&3.", [("password", "tr0ub4dor&3")]),
        ("Password: correct-horse-battery", [("password", "correct-horse-battery")]),
        ("I changed the password to Sommer2024!", [("password", "Sommer2024!")]),
        ("log in with user ana and the password hunter22", [("password", "hunter22")]),
        ("credentials: ana / hunter22x", [("password", "hunter22x")]),
        ("mot de passe : azerty99", [("password", "azerty99")]),
        ("Passwort lautet geheim77", [("password", "geheim77")]),
        ("my password is required", []),
        ("the password is case-sensitive", []),
        ("the password is not_set", []),
        ("password: ********", []),
        ("password protected pages", []),
        ("I changed the password to something better", []),
        ("token = getTokenFromRequest(x)", []),
        ("call me on 020 7946 0958 today", [("phone", "020 7946 0958")]),
        ("Tel. (030) 901820-11", [("phone", "(030) 901820-11")]),
        ("téléphone 06 12 34 56 78", [("phone", "06 12 34 56 78")]),
        ("order 06 12 34 56 78", []),
        ("the password is wrong again", []),
        ("the PIN is 4821", [("password", "4821")]),
        ("the PIN for the card is 4821", [("password", "4821")]),
        ("Authorization: Bearer dGhpcyBpcyBh9secret7", [("credential", "dGhpcyBpcyBh9secret7")]),
        ("the bearer of good news came", []),
        ("my German passport is C01X00T47", [("passport", "C01X00T47")]),
        ("sort code 20-00-00, acc 55779911", [("bank_account", "20-00-00"), ("bank_account", "55779911")]),
        ("we pin 4821 notes to the wall", []),
        ("api_key = 'abcD1234efgh5678'", [("credential", "abcD1234efgh5678")]),
        ("api_key = your_api_key_here", []),
        ("postgres://ana:s3cr3t@localhost/x", [("credential", "s3cr3t")]),
        ("born on 12 March 1984 in Rome", [("date_of_birth", "12 March 1984")]),
        ("DOB: 03/12/1984", [("date_of_birth", "03/12/1984")]),
        ("released on 12 March 1984", []),
        ("passport X1234567", [("passport", "X1234567")]),
        ("order X1234567", []),
        ("I live at 12 Main Street", [("address", "12 Main Street")]),
        ("an der Österlånggatan 2", [("address", "Österlånggatan 2")]),
        ("Apt. 12, 75 Elm Road", [("address", "Apt. 12"), ("address", "75 Elm Road")]),
        ("Hauptstraße 12a", [("address", "Hauptstraße 12a")]),
        ("14 rue de la Paix, Paris", [("address", "14 rue de la Paix")]),
        ("there are 12 main streets", []),
        ("from 8.8.8.8 today", [("ip_address", "8.8.8.8")]),
        ("from 192.168.0.1 or 127.0.0.1, version 1.2.3.400", []),
        ("2001:4860:4860::8888 answers", [("ip_address", "2001:4860:4860::8888")]),
        ("at 12:30:45 std::vector a::b", []),
        ("00:1A:2b:3C:4d:5E is up", [("mac_address", "00:1A:2b:3C:4d:5E")]),
        (f"to {COIN} now", [("crypto_address", COIN)]),
        (f"to {COIN[:-1]}5 now", []),
        ("random() gave 0.4539148803436467 here", []),
        ("4539148803436467.", [("card", "4539148803436467")]),
        ("id 1539148803436465 and 7992739871300", []),
        ("at +44 20 7946 0958 100 times", [("phone", "+44 20 7946 0958")]),
        ("account number 12345678901 please", [("bank_account", "12345678901")]),
        ("sort code 20-00-00", [("bank_account", "20-00-00")]),
    ],
)  # fmt: skip
def test_what_is_said_around_it_decides(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(PERSONAL, text) == expected


@pytest.mark.parametrize(
    "rule",
    [rule for rule in PERSONAL.rules if rule.check.__name__ == "_base58"],
    ids=lambda rule: rule.pattern[:12],
)
def test_an_address_of_a_currency(rule: Rule) -> None:
    rules = RuleSet([rule])
    for seed in range(5):
        rng = random.Random(seed)
        value = valid(rule, rng)
        assert found(rules, embedded(rule, value, rng)) == [(rule.label, value)]
        place = rng.randrange(5, len(value))
        wrong = value[:place] + ("x" if value[place] != "x" else "y") + value[place + 1 :]
        assert found(rules, embedded(rule, wrong, rng)) == []


async def test_what_may_pass_passes() -> None:
    text = "ana@example.org, Info@Example.com, 00:1A:2b:3C:4d:5E"
    exchange = Exchange(model="", messages=())
    every = await LeakFilter().detect(text, exchange)
    assert [one.label for one in every] == ["email", "email", "mac_address"]
    allowed = await LeakFilter(allow=("*@example.com",), kinds=("email",)).detect(text, exchange)
    assert [text[one.start : one.end] for one in allowed] == ["ana@example.org"]


def test_a_kind_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match="kinds: unknown 'mail'; known: address, api_key"):
        LeakFilter(kinds=("mail",))


@pytest.mark.parametrize("indent", ["", "    ", "> ", '    "', "# "])
def test_a_private_key_is_found_whole_however_it_is_indented(indent: str) -> None:
    rng = random.Random(indent)
    letters = "ABCDEFGHabcdefgh0123456789+/"
    lines = ["".join(rng.choices(letters, k=64)) for _ in range(100)]
    begin = "-----BEGIN RSA PRIVATE KEY-----"
    headers = ["Proc-Type: 4,ENCRYPTED"] if not indent else []
    key = f"\n{indent}".join([begin, *headers, *lines, "-----END RSA PRIVATE KEY-----"])
    assert found(PERSONAL, f"it is\n{indent}{key} so") == [("private_key", key)]


def test_a_long_token_is_found_whole() -> None:
    rng = random.Random(5)
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGH0123456789-_"
    parts = ["eyJ" + "".join(rng.choices(letters, k=size)) for size in (40, 5000)]
    token = ".".join([*parts, "".join(rng.choices(letters, k=683))])
    assert found(PERSONAL, f"Bearer {token} it is") == [("jwt", token)]
