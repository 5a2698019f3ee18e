"""Personal data and secrets: who one is, where one can be reached, what one pays and signs in with."""

import hashlib
import ipaddress
import re

from stdnum import bitcoin, iban

from gateway.text import identifiers, phones, secrets
from gateway.text.rule import longest
from gateway.text.rules import Rule, RuleSet

_DOUBLED = str.maketrans("0123456789", "0246813579")


def _luhn(digits: str) -> bool:
    return (sum(map(int, digits[-1::-2])) + sum(map(int, digits[-2::-2].translate(_DOUBLED)))) % 10 == 0


_ISSUERS: tuple[tuple[str, frozenset[int]], ...] = (
    ("4", frozenset({13, 16, 19})),
    (r"5[1-5]|2(?:2[3-9]|[3-6]|7[01]|22[1-9]|720)", frozenset({16})),
    ("3[47]", frozenset({15})),
    ("30[0-5]|3[689]", frozenset({14, 16, 19})),
    ("35(?:2[89]|[3-8])", frozenset({16, 17, 18, 19})),
    ("1800|2131", frozenset({15})),
    ("6011|64[4-9]|65|62|81", frozenset({16, 17, 18, 19})),
    ("50|5[6-9]|6", frozenset({13, 14, 15, 16, 17, 18, 19})),
)
"""What the numbers of an issuer begin with (ISO/IEC 7812) and how long they are."""
_BEGINNINGS = tuple((re.compile(beginning), sizes) for beginning, sizes in _ISSUERS)


def _card(candidate: str) -> int:
    """A card's first digits say who issues it, its last is Luhn's."""
    return longest(candidate, _is_card)


def _is_card(text: str) -> bool:
    digits = text.replace(" ", "").replace("-", "")
    known = any(len(digits) in sizes and beginning.match(digits) for beginning, sizes in _BEGINNINGS)
    return known and _luhn(digits)


def _maestro(text: str) -> int:
    return len(text) if text[0] in "56" and _luhn(text) else 0


def _is_iban(text: str) -> bool:
    return bool(iban.is_valid(text))


_DOMAIN = r"[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}\b"

# The lines of a key, however they are indented or quoted, then a last one that may be long. Written so
# that each text can be had in one way only, forwards and backwards: two counters side by side are as many
# states as their product, with which RE2 gives up its automaton. RE2 takes no repeat of more than 1,000 in
# all, so it is nested. A key of 8,192 bits has 100 lines.
_BETWEEN = "[^A-Za-z0-9+/=-]"
_KEY_HEADERS = r"(?:\s{1,3}(?:Proc-Type|DEK-Info|Comment|Version): [^\n]{1,80}){0,3}"
_KEY_LINE = rf"[A-Za-z0-9+/=]{{1,100}}{_BETWEEN}{{1,12}}"
_KEY_BODY = rf"{_BETWEEN}{{0,12}}{f'(?:{_KEY_LINE}' * 110}{')?' * 110}[A-Za-z0-9+/=]{{0,999}}"

_KEY_BEGIN = "-----BEGIN [A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----"
_KEY_END = "-----END [A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----"


def _key(text: str) -> int:
    """A key, up to the last character that may be of it: what lies between lines ends none."""
    return len(_AFTER_KEY.sub("", text))


_AFTER_KEY = re.compile(r"[^A-Za-z0-9+/=-]+\Z")

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|"
    r"Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_BORN = ("born", "birth*", "dob", "d.o.b", "geboren", "geburt*", "naissance", "nacimiento")
_DATES = (
    r"\b\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})\b",
    r"\b\d{4}[./-]\d{1,2}[./-]\d{1,2}\b",
    rf"\b{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}}\b",
    rf"\b\d{{1,2}}(?:st|nd|rd|th)?\.? (?:of )?{_MONTH},? \d{{4}}\b",
)
_STREET = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Terrace|Parkway|Pkwy|"
    r"Highway|Hwy|Crescent|Close|Way|Place|Pl|Row|Trail|Circle|Cir)\b"
)
_CAPITALISED = r"[A-Z][A-Za-z'.-]{1,20}"
_ADDRESSES = (
    rf"\b\d{{1,5}}[A-Za-z]?,? (?:[NSEW]\.? )?(?:{_CAPITALISED} ){{1,3}}{_STREET}",
    r"(?:\b[A-Z]|[ÄÅÖØÜ])[a-zäåéöøüß-]{2,20}(?:straße|strasse|str\.|weg|platz|allee|gasse|ufer|straat|laan|plein|gracht|"
    r"kade|gatan|vägen|gata|veien|vegen|vej|gade|katu|tie|polku),? \d{1,4}[A-Za-z]?\b",
    r"\b\d{1,4},? (?:rue|avenue|boulevard|place|chemin|impasse|quai|via|calle) "
    r"(?:d[eu] |de la |des )?[A-ZÀ-Ý][A-Za-zÀ-ÿ'-]{1,20}(?: [A-ZÀ-Ý][A-Za-zÀ-ÿ'-]{1,20}){0,2}\b",
    r"\b(?:Via|Calle|Rua|Viale|Piazza|Plaza|Avenida|Ulica|ul\.) (?:d[aeo]s? |del |de la |della )?"
    r"[A-ZÀ-Ý][A-Za-zÀ-ÿ'-]{1,20}(?: [A-ZÀ-Ý][A-Za-zÀ-ÿ'-]{1,20}){0,2},? \d{1,4}\b",
    r"\b(?:P\.? ?O\.? Box|(?:Unit|PSC) \d{1,5},? Box|(?:Apt|Suite|Ste|Apartment)\.?) #?\d{1,6}[A-Z]?\b",
)


def _address(text: str) -> int:
    """Accepts an address that points to one place in the world; those that mean any or the own do not."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return 0
    if found.version == 6 and sum(bool(group) for group in text.split(":")) < 3:
        return 0
    return len(text) if found.is_global else 0


def _date(text: str) -> int:
    year = max(map(int, re.findall(r"\d+", text)))
    return len(text) if 1900 <= year <= 2100 or year < 100 else 0


def _coin(text: str) -> int:
    return len(text) if bitcoin.is_valid(text) else 0


BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def _base58(text: str) -> int:
    """Accepts what ends in four bytes of the double SHA-256 of the rest, as Bitcoin's base58check has it."""
    number = 0
    for character in text:
        number = number * 58 + BASE58.index(character)
    size = len(text) - len(text.lstrip("1")) + (number.bit_length() + 7) // 8
    data = number.to_bytes(size, "big")
    proof = hashlib.sha256(hashlib.sha256(data[:-4]).digest()).digest()[:4]
    return len(text) if proof == data[-4:] else 0


_IBAN = r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b"

PERSONAL = RuleSet(
    [
        Rule("email", r"[A-Za-z0-9._%+-]{1,64}@" + _DOMAIN),
        Rule("card", r"\b\d(?:[ -]?\d){12,18}\b", _card, not_after=r"\d\."),  # that is a fraction
        Rule(
            "card", r"\b\d{12}\b", _maestro, score=0.0, context=("card*", "credit", "debit", "cc", "maestro")
        ),
        Rule("iban", _IBAN, lambda text: longest(text, _is_iban), ignore_case=True),
        *phones.RULES,
        Rule("ip_address", r"\b(?:\d{1,3}\.){3}\d{1,3}\b", _address, score=0.7),
        Rule("ip_address", r"\b(?:[0-9A-Fa-f]{1,4}:){1,7}(?::?[0-9A-Fa-f]{1,4}){1,7}\b", _address, score=0.8),
        *(Rule("mac_address", rf"\b(?:[0-9A-Fa-f]{{2}}{sign}){{5}}[0-9A-Fa-f]{{2}}\b") for sign in ":-"),
        # Bitcoin, Litecoin, Dogecoin, Dash, Tron and Zcash by what their addresses begin with.
        Rule("crypto_address", r"\b(?:[13LMDXT]|t[13])[A-HJ-NP-Za-km-z1-9]{25,34}\b", _base58),
        Rule("crypto_address", r"\bbc1[02-9ac-hj-np-z]{11,71}\b", _coin),
        Rule("crypto_address", r"\b0x[0-9a-fA-F]{40}\b", score=0.9),
        *(Rule("date_of_birth", pattern, _date, score=0.0, context=_BORN) for pattern in _DATES),
        *(Rule("address", pattern, score=0.7) for pattern in _ADDRESSES),
        *identifiers.RULES,
        *secrets.RULES,
        Rule("private_key", r"\b[5KL][A-HJ-NP-Za-km-z1-9]{50,51}\b", _base58),
        Rule("private_key", r"\bxprv[A-HJ-NP-Za-km-z1-9]{107}\b", _base58),
        Rule(
            "private_key",
            f"{_KEY_BEGIN}{_KEY_HEADERS}{_KEY_BODY}(?:{_KEY_END})?",
            _key,
            opening="-----BEGIN ",
        ),
    ]
)
"""The rules shared by the leak filter in line and the privacy monitors off it."""
