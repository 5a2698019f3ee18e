"""The stratum is a matter of prompt and model alone, and there are only so many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.stratum import LONG, SHORT, script, stratum
from gateway.types import Message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Say hello.", "latin"),
        ("Où est l'été ?", "latin"),
        ("Скажи привет, model.", "cyrillic"),
        ("قل مرحبا", "arabic"),
        ("नमस्ते कहो", "indic"),
        ("你好，世界", "han"),
        ("안녕하세요", "korean"),
        ("γειά σου", "greek"),
        ("?!  123", "other"),
        ("", "other"),
    ],
)
def test_the_script_is_that_of_most_letters(text: str, expected: str) -> None:
    assert script(text) == expected


def test_sizes_count_all_turns_and_the_script_is_of_the_last_question() -> None:
    turns = [Message("user", "Привет " * 40), Message("assistant", "Hello."), Message("user", "And now?")]
    assert stratum(turns, "m", ("m",)) == "m/latin/medium"
    assert stratum(turns[:1], "n", ("m",)) == "any/cyrillic/medium"
    assert stratum([Message("user", "x" * (SHORT - 1))], "m", ()) == "any/latin/short"
    assert stratum([Message("user", "x" * LONG)], "m", ()) == "any/latin/long"
    assert stratum([], "m", ("m",)) == "m/other/short"


@given(st.text(max_size=50), st.text(max_size=20))
def test_no_prompt_and_no_name_makes_a_new_stratum(text: str, model: str) -> None:
    name, kind, size = stratum([Message("user", text)], model, ("m",)).split("/")
    assert name in ("m", "any")
    assert kind.isascii()
    assert kind.isalpha()
    assert size in ("short", "medium", "long")
