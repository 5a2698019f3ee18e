"""A text as if it spoke of another group, grammar kept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequestError
from gateway.text.identity import counterfactuals, mentions, swap, swaps

# From | to | text | what it becomes.
SWAPS = """
women | men | A woman lost her card. | A man lost his card.
women | men | She said the card was hers. | He said the card was his.
women | men | I called her and took her card to her. | I called him and took his card to him.
women | men | She hurt herself. | He hurt himself.
women | men | she's late, and she'll call | he's late, and he'll call
women | men | WOMEN AND GIRLS FIRST | MEN AND BOYS FIRST
women | men | Women's rights and the ladies' room | Men's rights and the gentlemen's room
women | men | My mother-in-law and my aunts | My father-in-law and my uncles
women | men | Her wife is a waitress. | His husband is a waiter.
women | men | an actress and a heroine | an actor and a hero
women | men | Ms. Lee met Ms Diaz. | Mr. Lee met Mr Diaz.
women | men | Dear Madam, | Dear Sir,
women | men | Mary told Priya that Mary won. | James told Rahul that James won.
women | men | a Latina woman | a Latino man
women | men | The queen and her daughters | The king and his sons
women | men | a queen-size bed for her | a queen-size bed for him
women | men | His wife left; she was tired. | Her husband left; he was tired.
women | men | Mom and Grandma | Dad and Grandpa
women | men | Nothing to change here. | Nothing to change here.
women | men | They saw her leaving. | They saw him leaving.
women | men | They gave her advice about her leave. | They gave him advice about his leave.
men | women | He told him that his car is his. | She told her that her car is hers.
men | women | Men’s shoes and the boys’ room | Women’s shoes and the girls’ room
men | women | gentlemen's hats | ladies' hats
men | women | An actor said he was late. | An actress said she was late.
men | women | The hero saved a woman and her son. | The hero saved a man and his daughter.
men | women | a Latino man in a Latino band | a Latina woman in a Latino band
men | women | Ahmed's brother and José | Khadija's sister and Maria
men | women | HE IS HERE. | SHE IS HERE.
men | women | he or she may ask him | he or she may ask her
men | women | Mr Smith and his nephew | Ms Smith and her niece
men | nonbinary | He is tall and has a dog. | They are tall and have a dog.
men | nonbinary | he walks, he tried, he goes | they walk, they tried, they go
men | nonbinary | He was late. Was he late? | They were late. Were they late?
men | nonbinary | He's tired. He's been ill. | They're tired. They've been ill.
men | nonbinary | he’s left; he's leaving | they’ve left; they're leaving
men | nonbinary | HE HAS WON. HE'S HERE. | THEY HAVE WON. THEY'RE HERE.
men | nonbinary | Does he know that he doesn't? | Do they know that they don't?
men | nonbinary | he isn’t here, isn't he? | they aren’t here, aren't they?
men | nonbinary | He often watches films and always tries. | They often watch films and always try.
men | nonbinary | He can, he will, he'd go, he'll go. | They can, they will, they'd go, they'll go.
men | nonbinary | I gave him his card; it is his. | I gave them their card; it is theirs.
men | nonbinary | He likes cats and dogs. | They like cats and dogs.
men | nonbinary | A man hurt himself. | A non-binary person hurt themselves.
men | nonbinary | My brother's sons | My sibling's children
men | nonbinary | Mr Smith is an uncle. | Mx Smith is a relative.
women | nonbinary | The woman who walks is my aunt. | The non-binary person who walks is my relative.
women | nonbinary | a woman and a man | a non-binary person and a man
nonbinary | women | my non-binary friend | my female friend
gender | men | She and her mother | He and his father
gender | women | She and her mother | She and her mother
jewish | buddhist | A Jew met a Jewish man. | A Buddhist met a Buddhist man.
buddhist | jewish | A Buddhist met a Buddhist man. Buddhists met. | A Jew met a Jewish man. Jews met.
muslim | atheist | A Muslim asked. Muslims asked. | An atheist asked. Atheists asked.
muslim | atheist | the Muslim and MUSLIMS | the atheist and ATHEISTS
muslim | christian | Islam and muslims | Christianity and christians
muslim | christian | A Muslim and a Christian | A Christian and a Muslim
religion | hindu | A Sikh temple, a Jew | A Hindu temple, a Jew
indian | chinese | An Indian and an Indian cook | A Chinese person and a Chinese cook
indian | chinese | Two Indians eat Indian food. | Two Chinese people eat Indian food.
chinese | irish | She is a Chinese nurse. | She is an Irish nurse.
spanish | polish | Two Spaniards, a Spanish nurse | Two Poles, a Polish nurse
american | ukrainian | an American nurse | a Ukrainian nurse
black | asian | a black woman | an Asian woman
black | white | an African-American nurse | a European-American nurse
black | asian | African-American nurses and African Americans | Asian-American nurses and Asian Americans
black | white | black people in a black car | white people in a black car
asian | black | An Asian man | A black man
white | latino | the whites, white people | the Latinos, Latino people
old | young | an old man and the oldest woman | a young man and the youngest woman
old | young | An 80-year-old man | A 25-year-old man
old | young | She is 81 years old. | She is 25 years old.
young | old | Young people, younger kids | Old people, older kids
deaf | blind | a deaf man | a blind man
deaf | blind | Deafness and DEAF PEOPLE | Blindness and BLIND PEOPLE
blind | autistic | a blind pupil with a blind spot | an autistic pupil with a blind spot
disabled | deaf | He uses a wheelchair. | He uses a wheelchair.
gay | straight | a gay couple, a homosexual | a straight couple, a heterosexual
lesbian | gay | A lesbian and her wife | A gay person and her wife
straight | gay | a straight man in a straight line | a gay man in a straight line
trans | cis | a transgender woman | a cisgender woman
poor | rich | a poor family | a rich family
"""
ROWS = [[cell.strip() for cell in line.split(" | ")] for line in SWAPS.strip().splitlines()]


@pytest.mark.parametrize(("source", "target", "text", "expected"), ROWS)
def test_swaps_keep_the_grammar(source: str, target: str, text: str, expected: str) -> None:
    assert swap(text, source, target).text == expected


@pytest.mark.parametrize(("source", "target", "text", "expected"), ROWS)
def test_all_but_the_edits_is_what_it_was(source: str, target: str, text: str, expected: str) -> None:
    swapped = swap(text, source, target)
    old = new = 0
    for edit in swapped.edits:
        assert text[old : edit.start] == swapped.text[new : edit.at]
        assert swapped.text[edit.at : edit.at + len(edit.new)] == edit.new
        assert swapped.moved(edit.start) == edit.at
        old, new = edit.end, edit.at + len(edit.new)
    assert text[old:] == swapped.text[new:]
    assert swapped.moved(len(text)) == len(swapped.text)


def test_partners_of_a_mention_have_its_form() -> None:
    (mention,) = mentions("Jews")
    assert swaps(mention) == {
        "christian": "Christians",
        "muslim": "Muslims",
        "hindu": "Hindus",
        "buddhist": "Buddhists",
        "sikh": "Sikhs",
        "atheist": "atheists",
    }


def test_counterfactuals_come_in_order_of_mention_and_stop_at_the_limit() -> None:
    text = "A deaf Sikh called."
    made = counterfactuals(text)
    assert [(c.source, c.target) for c in made][:3] == [
        ("deaf", "blind"),
        ("deaf", "autistic"),
        ("sikh", "christian"),
    ]
    assert made[-1].swapped.text == "A deaf atheist called."
    assert counterfactuals(text, 2) == made[:2]
    assert counterfactuals("Nobody in particular") == []


def test_groups_of_two_attributes_are_refused() -> None:
    with pytest.raises(InvalidRequestError, match="of one attribute"):
        swap("A man", "men", "muslim")
    with pytest.raises(InvalidRequestError, match="of one attribute"):
        swap("A man", "age", "women")


# Words that only women have one of (actress) are not among them: the way back is not told from the word.
GENDERED = st.sampled_from(
    """A woman lost her card.
The man said that the blue card is his.
My aunt and her brother met.
She hurt herself.
He is here.
We called him at noon.
We called her at noon.
Ask Mary or Omar.
The women's shoes
Mr Diaz and his daughters
GIRLS AND BOYS
His wife is late; she’s ill.
the ladies' hats
A man and his father-in-law
Her sons like her.
no one in particular
The king and his niece""".splitlines()
)
NOUNS = st.sampled_from(["muslim", "christian", "hindu", "buddhist", "sikh", "jewish", "atheist"])
SENTENCES = st.sampled_from(
    ["A {one} asked.", "Two {many} ask.", "the {adjective} nurse", "{ones} pray.", "I am {adjective}."]
)
WORDS = {
    "muslim": ("Muslim", "Muslims", "Muslim"),
    "christian": ("Christian", "Christians", "Christian"),
    "hindu": ("Hindu", "Hindus", "Hindu"),
    "buddhist": ("Buddhist", "Buddhists", "Buddhist"),
    "sikh": ("Sikh", "Sikhs", "Sikh"),
    "jewish": ("Jew", "Jews", "Jewish"),
}


@given(st.lists(GENDERED, min_size=1, max_size=4).map(" ".join))
def test_genders_swapped_twice_are_the_text(text: str) -> None:
    groups = {mention.group for mention in mentions(text)}
    source, target = ("women", "men") if "women" in groups else ("men", "women")
    swapped = swap(text, source, target).text
    assert swap(swapped, target, source).text == text
    assert (swapped == text) == (not groups)


@given(st.lists(SENTENCES, min_size=1, max_size=4), st.sampled_from(sorted(WORDS)), NOUNS)
def test_religions_swapped_twice_are_the_text(sentences: list[str], source: str, target: str) -> None:
    one, many, adjective = WORDS[source]
    text = " ".join(sentences).format(one=one, many=many, ones=many, adjective=adjective)
    assert swap(swap(text, source, target).text, target, source).text == text


@given(st.text(max_size=80), st.sampled_from(["women", "men"]))
def test_any_text_can_be_tagged_and_swapped(text: str, source: str) -> None:
    assert all(0 <= m.start < m.end <= len(text) for m in mentions(text))
    swap(text, source, "nonbinary")
    counterfactuals(text)
