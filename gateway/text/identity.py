"""Identity mentions: which of a closed set of groups a text speaks of.

A small lexicon. Words with other senses (black, old, straight) count only beside a person.
"""

from collections.abc import Mapping

from gateway.text.phrases import Phrases, plain

_PEOPLE = (
    "(?:people|persons?|folks?|wom[ae]n|m[ae]n|guys?|girls?|boys?|lad(?:y|ies)|gentlem[ae]n|males?|females?|"
    "kids?|child(?:ren)?|teen(?:ager)?s?|adults?|students?|workers?|employees?|neighbou?rs?|citizens?|\
            voters?|"
    "families|family|couples?|communit(?:y|ies)|parents?|mothers?|fathers?|customers?|patients?|individuals?|"
    "friends?|candidates?|applicants?|colleagues?|americans?|population|residents?|users?|athletes?|drivers?|"
    "brothers?|sisters?|sons?|daughters?|husbands?|wives|wife|bosses|boss|teachers?|actors?|doctors?|nurses?|"
    "lawyers?|engineers?|scientists?|artists?|writers?|authors?|officers?|musicians?|singers?|politicians?|"
    "journalists?|farmers?|programmers?|reporters?|poets?|players?)"
)
_SUBJECT = (
    "(?:(?:i|he|she|we|they|you|who|someone|somebody|everyone|people|person|man|woman|friend|neighbou?r)"
    "(?:'m|'re|'s| am| is| are| was| were| being)|as|being|i identify as)"
)
_DEGREE = "(?: an?| so| too| very| really| proudly| not| both)?"


def _beside_people(words: str) -> str:
    return (
        f"(?:{words}) (?:[a-z]+ )?{_PEOPLE}|{_SUBJECT}{_DEGREE} (?:{words})(?: +and [a-z]+)?|"
        f"(?:(?:the|all|those|these) (?:{words})s)"
    )


_LEXICON: Mapping[str, str] = {
    "women": "wom[ae]n|girls?|females?|lad(?:y|ies)|mothers?|wives|wife|daughters?|sisters?|housewi(?:fe|\
            ves)",
    "men": "m[ae]n|boys?|males?|gentlem[ae]n|fathers?|husbands?|sons|brothers?|guys",
    "nonbinary": "non ?binary|gender ?queer|gender ?fluid|gender ?non ?conforming|agender",
    "black": "african ?americans?|afro ?(?:caribbean|american|latin[ao])s?|" + _beside_people("black|\
            coloured"),
    "white": "caucasians?|" + _beside_people("white"),
    "african": "africans?|nigerians?|kenyans?|ethiopians?|somalis?|ghanaians?",
    "asian": "asians?|asian ?americans?|chinese|japanese|koreans?|vietnamese|filipinos?|filipinas?|thais?",
    "indian": "indians?|pakistanis?|bangladeshis?|south asians?|sri lankans?",
    "latino": "latin[aox]s?|latin ?americans?|hispanics?|mexicans?|chican[ao]s?|puerto ricans?|colombians?",
    "arab": "arabs?|middle ?eastern(?:ers?)?|iranians?|iraqis?|syrians?|palestinians?|egyptians?|saudis?",
    "indigenous": "native ?americans?|first nations|aborigin(?:al|e)s?|inuits?|"
    + _beside_people("indigenous|native"),
    "european": "europeans?|germans?|italians?|irish|russians?|poles|romanians?|ukrainians?|roma people|\
            gyps(?:y|ies)",
    "american": _beside_people("american|canadian") + "|canadians?|americans",
    "jewish": "jew(?:s|ish|ess)?|orthodox jews?|israelis?|judaism",
    "muslim": "muslims?|moslems?|islam(?:ic)?|sunnis?|shiites?|hijabis?",
    "christian": "christians?|christianity|catholics?|protestants?|evangelicals?|mormons?|baptists?",
    "hindu": "hindus?|hinduism|brahmins?|dalits?",
    "buddhist": "buddhists?|buddhism|taoists?",
    "sikh": "sikhs?|sikhism",
    "atheist": "atheists?|atheism|agnostics?",
    "gay": "gays?|homosexuals?|queers?|lgbt(?:q(?:ia)?\\+?)?|same ?sex couples?",
    "lesbian": "lesbians?",
    "bisexual": "bisexuals?|bi ?sexuality|pansexuals?",
    "straight": "heterosexuals?|" + _beside_people("straight"),
    "trans": "trans(?:gender(?:ed)?|sexual)s?|trans(?:wom[ae]n|m[ae]n)?|trans (?:wom[ae]n|m[ae]n|people|\
            person|kids?|girls?|boys?|\
            rights)",
    "disabled": "disabled|disabilit(?:y|ies)|wheelchairs?|autis(?:m|tic)|paraly[sz]ed|handicapped|amputees?|"
    "down syndrome|dyslexi[ac]s?|adhd|deaf|schizophreni[ac]s?|the blind|" + _beside_people("blind|mute|lame"),
    "old": "elderly|senior citizens?|seniors|pensioners?|old ?age|baby ?boomers?|boomers|middle ?aged|"
    "grand ?(?:mothers?|fathers?|parents?|mas?|pas?)|" + _beside_people("old|older|aging|aged|\
            [6-9]0 years old"),
    "young": "teenagers?|teenaged?|teens?|youths?|millennials?|gen ?z|adolescents?|\
            " + _beside_people("young|younger"),
    "immigrant": "immigrants?|migrants?|refugees?|asylum ?seekers?|foreigners?|undocumented workers?|expats?",
    "poor": "homeless|working ?class|low ?income|welfare recipients?|" + _beside_people("poor|poorer"),
}  # fmt: skip

GROUPS: frozenset[str] = frozenset(_LEXICON)

# Other senses, overwritten before the lexicon is asked.
_OTHER_SENSES = Phrases("""
    your? guys|(?:european|american|chinese|russian|african) (?:bank|card|account|market|union|commission|\
            currency|ruble)s?
    black (?:coffee|friday|box|hole|market|mirror|tea|beans?|pepper|list|board|mail|magic|widow|ice|panther|\
            sea|death|belt|olives?|sabbath|jack|hat)s?
    white (?:house|board|papers?|wine|space|noise|rice|bread|chocolate|collar|label|lies?|flag|list|hat|\
            water|wash|elephant)s?
    (?:white|black) ?(?:and|or|&) ?(?:white|black)(?: (?:photo|film|picture|movie|image|print|tv)s?)?
    old (?:version|school|code|testament|phone|computer|laptop|car|house|file|data|town|news|english|friend|\
            system|account|password|card|age of)s?
    (?:[0-9]+|one|two|three|four|five|six|seven|eight|nine|ten) (?:years?|months?|weeks?|days?) old
    straight (?:lines?|forward|away|ahead|up|face|hair|flush|edge|razor|through|from|answer|talk|to|a's|out|\
            jacket|on)
    indian (?:ocean|summer)|indiana|chinese (?:checkers|whispers)|thai (?:food|curry|massage)|\
            german shepherds?|russian roulette|irish (?:coffee|setter|sea)
    (?:chinese|japanese|indian|italian|mexican|korean|thai|german|russian|vietnamese|european) (?:food|\
            restaurants?|cuisine|recipes?|dish(?:es)?|language|lesson|grammar|words?|market|stocks?|union|\
            cars?)
    (?:in|into|to|speak|learn|from) (?:chinese|japanese|korean|vietnamese|irish|german|russian|italian)
    blind (?:spot|date|faith|copy|test|trust|auction|taste|fold|side|review)s?|(?:window|venetian|vertical|\
            roller) blinds|color ?blind|fell on deaf ears
    mother ?(?:board|ship|nature|tongue|lode|in law|of pearl|'s day)s?|father ?(?:'s day|christmas|figure|\
            in law)s?|sister (?:company|companies|ship|site|project)s?
    man(?:power| made|ual|kind| page|hole| hours?)s?|middle ?man|bat ?man|spider ?man|super ?man|iron man|\
            snow ?m[ae]n|lady ?(?:bug|gaga|bird)s?|first lady|con man
    (?:isle of man|oh man|hey man|man up|old man and the sea|female (?:connector|plug|socket|thread)|\
            male (?:connector|plug|socket|thread))s?
    brothers (?:karamazov|grimm)|warner brothers|big brother|girl(?:s)? scouts?|boys? scouts?|trans ?(?:fat|\
            action|atlantic|port|it|late|form)s?|native (?:app|code|speaker|language|client|plants?)s?
    young ?'s modulus|neil young|african (?:violet|elephant|savanna)s?|christian (?:dior|bale|louboutin)|\
            boomerang|poor (?:quality|performance|service|design|connection|weather|results?)
    american (?:express|airlines|football|eagle|idol|pie|standard)|african lion|seniors? (?:developer|\
            engineer|manager|vice|year|level|analyst)s?|jewish rye|man's best friend
""")  # fmt: skip

_PATTERNS = {group: Phrases(words) for group, words in _LEXICON.items()}


def identity_groups(text: str) -> frozenset[str]:
    """The groups the text mentions, whoever they are said of.

    >>> sorted(identity_groups("Why do Muslim women wear a veil?"))
    ['muslim', 'women']
    >>> identity_groups("Black coffee at the White House, old version.")
    frozenset()
    """
    cleaned = _OTHER_SENSES.blank(plain(text))
    return frozenset(group for group, phrases in _PATTERNS.items() if phrases.found(cleaned))
