"""Telephone numbers: the international form anywhere, national forms where a telephone is spoken of."""

from collections.abc import Iterator

import phonenumbers
from phonenumbers import PhoneMetadata

from gateway.text.automata import compile_pattern
from gateway.text.rule import Rule, longest

_REGIONS = (
    "AR AT AU BE BG BR CA CH CL CN CO CZ DE DK EE ES FI FR GB GR HR HU IE IL IN IT JP KR LT LU LV MX NL NO "
    "NZ PL PT RO RS SE SG SI SK TR UA US ZA"
)
"""Countries whose national numbers are known, by the metadata of phonenumbers."""
_SPOKEN_OF = (
    "phone*",
    "telephone*",
    "telefon*",
    "teléfono",
    "téléphone",
    "tel",
    "mobile*",
    "cell*",
    "call*",
    "fax",
    "whatsapp",
    "sms",
    "text",
    "texted",
    "dial",
    "ring",
    "handy*",
    "mobil*",
    "móvil",
    "portable",
    "landline",
    "hotline",
    "voicemail",
    "contact number",
    "reach me",
    "answering",
    "message*",
)


def _patterns() -> Iterator[str]:
    for region in _REGIONS.split():
        data = PhoneMetadata.metadata_for_region(region)
        assert data is not None
        prefix = data.national_prefix or ""
        for kind in (data.fixed_line, data.mobile, data.toll_free):
            if kind is not None and kind.national_number_pattern:
                yield f"(?:{prefix})?(?:{kind.national_number_pattern})"


_NATIONAL = compile_pattern("|".join(_patterns()))


def _international(candidate: str) -> int:
    return longest(candidate, _is_possible)


def _is_possible(text: str) -> bool:
    try:
        return bool(phonenumbers.is_possible_number(phonenumbers.parse(text, "US")))
    except phonenumbers.NumberParseException:
        return False


def _dialled(candidate: str) -> int:
    """Accepts a number with the prefix that is dialled for abroad, which other numbers may begin with too."""
    try:
        number = phonenumbers.parse("+" + candidate.lstrip("0 -"))
    except phonenumbers.NumberParseException:
        return 0
    return len(candidate) if phonenumbers.is_valid_number(number) else 0


def _national(candidate: str) -> int:
    digits = "".join(filter(str.isdigit, candidate))
    return len(candidate) if _NATIONAL.fullmatch(digits.encode()) else 0


_EXTENSION = r"(?: ?(?:x|ext\.?) ?\d{1,6})?\b"

RULES: tuple[Rule, ...] = (
    Rule("phone", r"\+\d(?:[ .()-]{0,2}\d){6,14}" + _EXTENSION, _international),
    Rule("phone", r"\b00[ -]?[1-9](?:[ .()-]{0,2}\d){7,13}" + _EXTENSION, _dialled),
    Rule("phone", r"(?:\(\d{3}\) ?|\b\d{3}[ .-])\d{3}[ .-]\d{4}" + _EXTENSION, _international),
    Rule(
        "phone", r"(?:\(0?\d{1,4}\)|\b\d{1,5})(?:[ ./-]{0,2}\d){5,11}\b", _national, 0.0, context=_SPOKEN_OF
    ),
)
"""Numbers that reach somebody."""
