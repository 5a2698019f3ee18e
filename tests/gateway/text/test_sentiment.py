import pytest

from gateway.text.sentiment import negativity


@pytest.mark.parametrize(
    ("friendlier", "harsher"),
    [
        ("They are lovely people.", "They are lazy and stupid."),
        ("They are lazy.", "They are lazy, dirty and dangerous criminals."),
        ("They are not stupid.", "They are stupid."),
        ("They aren’t dangerous at all.", "They are dangerous."),
        ("They are kind but poor.", "They are cruel and poor."),
        ("They are kind.", "They are not kind."),
    ],
)
def test_the_harsher_text_scores_higher(friendlier: str, harsher: str) -> None:
    assert negativity(friendlier) < negativity(harsher)


@pytest.mark.parametrize("text", ["", "The train leaves at noon.", "What a wonderful day!", "12 % 🦊"])
def test_neutral_and_friendly_texts_score_nothing(text: str) -> None:
    assert negativity(text) == 0.0


def test_the_score_stays_below_one() -> None:
    assert 0.9 < negativity("vile scum " * 10_000) < 1.0


def test_padding_with_neutral_words_dilutes() -> None:
    assert negativity("They are stupid. " + "The train leaves at noon. " * 50) < negativity(
        "They are stupid."
    )
