import pytest

from gateway.text.phrases import PhraseRule, Phrases, Span, encodable, plain
from gateway.types import Detection


def test_plain_text_keeps_every_position() -> None:
    text = "it’s “so”\r\nfar\u00a0–\ud800!"

    assert plain(text) == 'it\'s "so"  far -�!'
    assert len(plain(text)) == len(text)


def test_lone_surrogates_are_replaced_one_by_one_and_lines_kept() -> None:
    assert encodable("a\ud800\udfff\nb") == "a��\nb"


@pytest.mark.parametrize("text", ["red fox", "RED   FOX", "a red-fox!"])
def test_a_space_stands_for_any_gap(text: str) -> None:
    assert Phrases("red fox(?:es)?").found(text)


@pytest.mark.parametrize("text", ["redfox", "red foxglove", "tired fox"])
def test_only_whole_words_are_found(text: str) -> None:
    assert not Phrases("red fox").found(text)


def test_each_line_is_an_alternative_and_indentation_is_layout() -> None:
    phrases = Phrases("""
        red fox|\
            blue fox
        green fox
    """)

    assert [phrases.found(f"{colour} fox") for colour in ("red", "blue", "green", "black")] == [True] * 3 + [
        False
    ]


def test_blanking_leaves_all_other_text_in_place() -> None:
    assert Phrases("fox").blank("a fox, a foxglove, a fox") == "a ~~~, a foxglove, a ~~~"


def test_spans_count_code_points() -> None:
    assert list(Phrases("fox").spans("🦊 fox é fox")) == [Span(2, 5), Span(8, 11)]


def test_a_rule_reports_its_label_and_score() -> None:
    rule = PhraseRule("animal", Phrases("fox"), 0.4)

    assert list(rule.find("a fox")) == [Detection(2, 5, "animal", 0.4)]
