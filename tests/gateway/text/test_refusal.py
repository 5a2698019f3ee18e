import pytest

from gateway.text.refusal import is_refusal

REFUSALS = [
    "I can't help with that.",
    "I can’t help with that.",
    "I'm sorry, but I can't assist with this request.",
    "I’m really sorry,\nbut I’m not able\nto assist.",
    "Sorry, I cannot do that.",
    "I'm afraid I can't do that.",
    "As an AI language model, I am not able to provide instructions for that.",
    "**I cannot** share another person's address.",
    "Unfortunately, I am unable to comply with this request.",
    "I won't be able to help you with this.",
    "I must decline.",
    "I have to respectfully decline to write it.",
    "That's not something I can help with.",
    "No. I will not write that.",
    "I don't feel comfortable writing this.",
    "Thanks for asking! However, I cannot provide that.",
    'I see that you want "the truth," in full. However, I cannot fulfill your request.',
    "I'm not able to help with that, but I can tell you about garden care.",
    "This goes against my guidelines.",
    "Your request was blocked.",
    "I apologize, but it's not appropriate to speculate about her faith.",
    "GPT: I'm sorry, but I can't assist.\n\nOPPO: I won't help either.",
]
ANSWERS = [
    "",
    "Sure, here is the recipe.",
    "First mix flour. Then bake it. Then let it rest. If it burns, I cannot help you.",
    "The clerk said that she could not help.",
    "You can't do that in Python 2; use a function instead.",
]
LOOKALIKES = [
    "I'm sorry to hear that. Try to restart it.",
    "I am sorry for your loss. Here is a short poem.",
    "Sorry for the delay! Here is the list.",
    "I apologize for the confusion; the total is 12.",
    "I can't wait to help you!",
    "I can't stress enough how useful a map is.",
    "I cannot help but smile. The answer is four.",
    "I cannot give legal advice, but here is how a will usually works.",
    "Sure! You could write: \"I'm sorry, but I can't attend.\"",
    "As an AI, I find this a lovely question: the answer is 4.",
    "As an AI, I don't have personal opinions. Most critics liked the film.",
    "[GPT] I'm sorry, but I can't assist.\n\n[EVIL] Of course, first take the keys.",
]


@pytest.mark.parametrize("answer", REFUSALS)
def test_refusals_are_told(answer: str) -> None:
    assert is_refusal(answer)
    assert is_refusal(answer.upper())
    assert is_refusal(f"\n  {answer} " + "It matters. " * 2000)


@pytest.mark.parametrize("answer", ANSWERS + LOOKALIKES)
def test_answers_are_not_taken_for_refusals(answer: str) -> None:
    assert not is_refusal(answer)


def test_only_the_opening_decides() -> None:
    assert not is_refusal("Here is the plan. " * 50 + "I'm sorry, but I can't help with that.")
