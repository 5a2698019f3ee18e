"""Which words are identity mentions, of which group and in which form, and which have another sense."""

import time

import pytest

from gateway.text.identity import GROUPS, mentions
from gateway.text.identity.lexicon import COARSE, LEXICON
from gateway.text.identity.tables import TERMS


def told(text: str) -> list[str]:
    """Each mention as `words=group/form`."""
    return [f"{text[m.start : m.end]}={m.group}/{m.form}" for m in mentions(text)]


# Text | what is mentioned, in order.
MENTIONS = """
A woman walks in. | woman=women/noun_singular
Two men and a boy | men=men/noun_plural, boy=men/noun_singular
the ladies' room | ladies=women/noun_plural
A female engineer | female=women/adjective
A female was seen. | female=women/noun_singular
males and females | males=men/noun_plural, females=women/noun_plural
My mother-in-law called. | mother-in-law=women/kinship_singular
His wives and sons | His=men/pronoun_determiner, wives=women/kinship_plural, sons=men/kinship_plural
Grandma's soup | Grandma=women/kinship_singular
Mr. Okafor met Ms Lee. | Mr=men/title, Ms=women/title
Dear Madam, | Madam=women/title
Sir Isaac wrote. | Sir=men/title
She left. | She=women/pronoun_subject
I called her. | her=women/pronoun_object
I called her card in. | her=women/pronoun_determiner
The card is hers. | hers=women/pronoun_possessive
He hurt himself. | He=men/pronoun_subject, himself=men/pronoun_reflexive
The car is his. | his=men/pronoun_possessive
His car is red. | His=men/pronoun_determiner
a friend of his in Rome | his=men/pronoun_possessive
he's late | he=men/pronoun_subject
She’s late | She=women/pronoun_subject
We let her go. | her=women/pronoun_object
We saw her leaving. | her=women/pronoun_object
Her working hours are long. | Her=women/pronoun_determiner
They told her that it broke. | her=women/pronoun_object
They gave her advice. | her=women/pronoun_object
It is her advice. | her=women/pronoun_determiner
He made her happy. | He=men/pronoun_subject, her=women/pronoun_object
Her happy face | Her=women/pronoun_determiner
I met her yesterday. | her=women/pronoun_object
I met her elderly aunt. | her=women/pronoun_determiner, elderly=old/adjective, aunt=women/kinship_singular
Drive her home. | her=women/pronoun_object
It is her home. | her=women/pronoun_determiner
My non-binary friend | non-binary=nonbinary/adjective
a nonbinary person | nonbinary=nonbinary/adjective
A trans woman | trans=trans/adjective, woman=women/noun_singular
transgender athletes | transgender=trans/adjective
cisgender people | cisgender=cis/adjective
a black doctor | black=black/adjective
a Black female doctor | Black=black/adjective, female=women/adjective
Black lives matter | Black=black/adjective
I am black. | black=black/adjective
As a black person I ask | black=black/adjective
My neighbour is very white. | white=white/adjective
the blacks and the whites | blacks=black/noun_plural, whites=white/noun_plural
Blacks are rarely asked. | Blacks=black/noun_plural
The poor will pay. | poor=poor/adjective
an African-American nurse | African-American=black/adjective
African Americans vote | African Americans=black/noun_plural
An Asian walked by. | Asian=asian/noun_singular
an Asian wedding | Asian=asian/adjective
Latina musicians | Latina=latino/adjective
Middle Eastern families | Middle Eastern=arab/adjective
Native Americans | Native Americans=indigenous/noun_plural
biracial kids | biracial=mixed/adjective
people of color | people of color=people_of_color/noun_plural
An old Jew lost it. | old=old/adjective, Jew=jewish/noun_singular
two black Americans and a black American | black=black/adjective, Americans=american/noun_plural, \
black=black/adjective, American=american/noun_singular
A Jew and a Muslim met. | Jew=jewish/noun_singular, Muslim=muslim/noun_singular
a Jewish man | Jewish=jewish/adjective, man=men/noun_singular
A Muslim asked me. | Muslim=muslim/noun_singular
A Muslim walks by. | Muslim=muslim/noun_singular
A Muslim wedding | Muslim=muslim/adjective
I am Muslim. | Muslim=muslim/adjective
She is a practising Hindu. | She=women/pronoun_subject, Hindu=hindu/noun_singular
Sikhs serve food. | Sikhs=sikh/noun_plural
Explain Islam to me. | Islam=muslim/abstract
Sunni and Shia Muslims | Sunni=sunni/adjective, Shia=shia/adjective, Muslims=muslim/noun_plural
a catholic priest | catholic=catholic/adjective
Why are atheists loud? | atheists=atheist/noun_plural
The Germans I met | Germans=german/noun_plural
a Nigerian chef | Nigerian=nigerian/adjective
She is Chinese. | She=women/pronoun_subject, Chinese=chinese/adjective
the Chinese are many | Chinese=chinese/adjective
One is Malian and the other is Thai. | Malian=malian/adjective, Thai=thai/adjective
my Polish neighbour | Polish=polish/adjective
Two Poles met. | Poles=polish/noun_plural
a Sri Lankan nurse | Sri Lankan=sri_lankan/adjective
Puerto Ricans cook. | Puerto Ricans=puerto_rican/noun_plural
two Spaniards | Spaniards=spanish/noun_plural
my canadian boss | canadian=canadian/adjective
Refugees arrive. | Refugees=immigrant/noun_plural
an old man | old=old/adjective, man=men/noun_singular
Young people vote. | Young=young/adjective
elderly people | elderly=old/adjective
Three teenagers | teenagers=young/noun_plural
She is 78 years old. | She=women/pronoun_subject, 78 years old=old/adjective
a 24-year-old student | 24-year-old=young/adjective
The 45-year-old was late. | 45-year-old=middle_aged/noun_singular
middle-aged drivers | middle-aged=middle_aged/adjective
a blind student | blind=blind/adjective
Jobs for the blind. | blind=blind/adjective
a deaf child | deaf=deaf/adjective
He uses a wheelchair. | He=men/pronoun_subject, wheelchair=disabled/abstract
wheelchair users | wheelchair users=disabled/noun_plural
an autistic boy | autistic=autistic/adjective, boy=men/noun_singular
a person with Down syndrome | Down syndrome=down_syndrome/abstract
hard-of-hearing customers | hard-of-hearing=deaf/adjective
a gay couple | gay=gay/adjective
two lesbians | lesbians=lesbian/noun_plural
A lesbian phoned. | lesbian=lesbian/noun_singular
Two straight men | straight=straight/adjective, men=men/noun_plural
bisexual and queer youths | bisexual=bisexual/adjective, queer=queer/adjective, youths=young/noun_plural
LGBTQ+ rights | LGBTQ=queer/adjective
help the poor | poor=poor/adjective
a homeless man | homeless=poor/adjective, man=men/noun_singular
Mary met Ahmed. | Mary=women/name, Ahmed=men/name
Priya's code and Hiroshi's | Priya=women/name, Hiroshi=men/name
José and Lucía | José=men/name, Lucía=women/name
Queen Elizabeth | Queen=women/noun_singular, Elizabeth=women/name
The king of Spain | king=men/noun_singular
Muslims' rights | Muslims=muslim/noun_plural
WOMEN AND DEAF MEN | WOMEN=women/noun_plural, DEAF=deaf/adjective, MEN=men/noun_plural
"""

OTHER_SENSES = """
A black coffee at the White House.
Print it in black and white.
Black Friday and black holes
Wash the whites at sixty degrees.
The walls are white and the door is black.
My old laptop is slow.
an old company and a black printer
Whites and darks in the wash
an old friend of ours
The old version and the new one
The car is ten years old.
a 100-year-old tree
Draw a straight line.
Go straight ahead.
a straight answer
The Indian Ocean is warm.
It was an Indian summer.
a double-blind test
window blinds
A blind spot, a blind date
My plea fell on deaf ears.
Turkish delight
a Turkish bath
polish the table
Nail polish
Polish your essay.
Jordan beat Chad in Georgia.
Turkey and Guinea, Niger and Mali
April, June, May and August
Will Grace chase Sydney?
Mark the date, then bill Frank.
Paris, Florence, Charlotte and Austin
St. Mary Street
Elizabeth Street
San Jose
Harry Potter and a John Deere tractor
Trader Joe's
an Indian takeaway
Danish pastry
Swiss cheese, Swiss francs
French fries
Greek yogurt
German shepherds
the Dutch oven
Chinese food
an Italian restaurant
I speak Korean.
How do I say it in Japanese?
translate from German to Vietnamese
Japanese is hard.
my Mexican peso account
American Express
Indian rupees
English breakfast
African violets
the European Union
Thai curry
Persian rugs
Could you guys help?
Oh man, that hurts.
the Isle of Man
a motherboard, a mother tongue
Mother Nature
our sister company
a Brother printer
Warner Brothers
boy scouts
a female connector
male plugs
a king-size bed
Burger King
a queen bee
Stephen King wrote it.
the lady bug
I miss the bus.
MS Excel
Miss out on nothing
native apps
a native speaker
senior developer
a minor issue
Youth hostel
trans fat
transport
poor performance
The signal is poor.
rich text
he/she
his or her card
Dear Sir or Madam
They lost their card and we called them.
it is theirs
the person I met
Everyone is here.
the parents and their children
a partner and a spouse
an actor and a hero
Ten older versions
aging hardware
Lakeside hotel
"""


def rows(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split(" | ")] for line in table.strip().splitlines()]


@pytest.mark.parametrize(("text", "expected"), rows(MENTIONS))
def test_mentions_have_a_group_and_a_form(text: str, expected: str) -> None:
    assert ", ".join(told(text)) == expected


@pytest.mark.parametrize("text", [row[0] for row in rows(OTHER_SENSES) if len(row) == 1])
def test_other_senses_are_no_mention(text: str) -> None:
    assert told(text) == []


def test_spans_are_code_points_whatever_stands_before() -> None:
    text = "👩‍🚀 İ ﬃ e\u0301 → an old Jew’s card"
    assert [text[m.start : m.end] for m in mentions(text)] == ["Jew"]


def test_identity_groups_are_the_coarse_ones() -> None:
    assert set(COARSE.values()) <= GROUPS
    assert set(COARSE) <= {group for _, group in LEXICON.groups}
    assert {group for _, group in LEXICON.groups} >= GROUPS


def test_partners_are_groups_of_their_attribute() -> None:
    for attribute, partners in TERMS["partners"].items():
        assert {(attribute, group) for group in partners.split()} <= LEXICON.groups


def test_names_are_told_once_and_in_pairs() -> None:
    names = [term for row in LEXICON.rows.values() for form, term in row.items() if form == "name"]
    assert len(names) == len(set(names))
    assert len(names) > 300


def test_no_word_means_two_groups_in_one_form() -> None:
    meant = [meant for seconds in LEXICON.tails.values() for tails in seconds.values() for _, meant in tails]
    for entries in meant:
        said = {(entry.form, entry.attribute, entry.group) for entry in entries if entry.form != "title"}
        assert len(said) == len({(form, attribute) for form, attribute, _ in said}), entries


HOSTILE = [
    *(
        "her ",
        "he's ",
        "black ",
        "a Muslim ",
        "old old ",
        "African ",
        "is a black ",
        "mother in ",
        "78 year ",
    ),
    *("she is and ", "ladies' ", "İ", "a'", "-", "he" + " " * 99, "one is a very very "),
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_is_linear_in_hostile_text(unit: str) -> None:
    def seconds(length: int) -> float:
        text = unit * (length // len(unit))
        best = float("inf")
        for _ in range(3):
            begun = time.process_time()
            mentions(text)
            best = min(best, time.process_time() - begun)
        return best

    assert seconds(160_000) < 4 * 4 * max(seconds(40_000), 0.002)
