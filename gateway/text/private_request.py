"""Requests for personal data: asks for the address, numbers, records or secrets of someone else."""

from gateway.text.phrases import Phrases, plain

_KINSHIP = (
    "(?:wife|husband|boss|ex|ex wife|ex husband|girlfriend|boyfriend|partner|friend|brother|sister|mother|\
            father|mom|"
    "dad|son|daughter|parents?|neighbou?r|coworker|colleague|class ?mate|room ?mate|teacher|doctor|landlord|"
    "tenant|employee|manager|client|customer|patient|student|professor|therapist|cleaner|date|employer|nurse|"
    "lawyer|accountant|crush|in ?laws?|cousin|uncle|aunt|grand(?:mother|father)|stepson|nanny|co ?founder)"
)
_OWNER = (
    f"(?:his|her|their|(?:my|your|our|this|that|the|an?) (?:[a-z]+ )?{_KINSHIP}(?:'s|s')|someone(?: else)?'s|"
    "somebody(?: else)?'s|another (?:person|user|customer|patient|employee|client)'s|"
    "(?:a|the|this|that) (?:person|user|man|woman|girl|guy|customer|patient|employee|stranger|celebrity)'s|"
    "(?:other|these|those) (?:people|users|customers|patients|employees)(?:'s|'))"
)
_DATA = (
    "(?:(?:device|unlock|security|door|alarm|gate|card) )*(?:pin|pass ?code|unlock code|access code)s?|"
    "(?:(?:home|street|mailing|residential|physical|e-?mail|private|personal|work|billing|\
            current) )*address(?:es)?|"
    "(?:(?:cell|mobile|home|tele|private|personal|direct|work) ?)*(?:phone|telephone|\
            contact)(?: ?numbers?)?|e-?mails?|"
    "(?:mobile|cell) numbers?|contact (?:details|info(?:rmation)?)|where(?:abouts)|"
    "(?:social security|ssn|national insurance|passport|driver'?s? licen[cs]e|licen[cs]e plate|bank|account|\
            bank account|"
    "credit card|debit card|card|routing|id|tax|insurance|pin|security|identity card) ?(?:numbers?|details|\
            plates?|codes?|info(?:rmation)?)|ssn|"
    "(?:medical|health|mental health|criminal|court|tax|financial|bank|employment|school|phone|credit|\
            browsing|search|"
    "dating|sexual|personal|private|prescription|academic|medication|vaccination|arrest) "
    "(?:records?|history|histories|statements?|information|data|info|returns?|report|score|files?|messages?|\
            details|photos?)|"
    "(?:medical )?diagnos[ie]s|medications?|salary|income|net worth|bank balance|passwords?|pass ?codes?|\
            login(?: details| credentials)?|"
    "(?:log ?in )?credentials|date of birth|birth ?date|maiden name|sexual orientation|religious beliefs?|"
    "political (?:affiliation|views|beliefs)|immigration status|hiv status|pregnancy status|\
            private (?:photos?|life|conversations?)|"
    "marital status|phone records?|ip address|exact location|real name|credit score|api keys?|private keys?"
)
# Names keep their capital, so these two match case where the rest does not.
_NAME = "(?-i:[A-Z][a-zA-Zé-]+)(?: (?-i:[A-Z][a-zA-Z.-]+)){0,3}"
_LINKED = "(?:of|for|belonging to|associated with|registered to|on file for|linked to)"
_OTHER = (
    f"(?:him|her|them|(?:my|your|our|this|that|the|an?) (?:[a-z]+ )?{_KINSHIP}|someone(?: else)?|\
            somebody(?: else)?|"
    "another (?:person|user|customer|patient|employee|client)|"
    "(?:this|that|the|an?) (?:person|user|man|woman|girl|guy|stranger|celebrity)|"
    "(?:other|these|those|all) (?:people|users|customers|patients|employees))"
)
_NOT_OWNERS = Phrases("""
    (?:what|that|it|here|there|let|who|where|how|today|yesterday|tomorrow|nobody|when)'s
    (?:your|my|our|its|whose) (?:own )?(?:e-?mail|phone|password|address|account|card|pin|name|contact|\
            login|credentials|delivery|billing|salary)
    (?:bank|company|store|shop|school|office|hotel|restaurant|hospital|website|airline|university|library|\
            embassy|agency|app|server|router|product|brand|website)'s
    address (?:to|the|this|these|those|an?|your|my|that) (?:nation|congress|issues?|concerns?|problems?|\
            public|complaint|audience)|inaugural address|gettysburg address
    customer (?:service|support|care)(?:'s)?|help ?desk|(?:white house|headquarters|support team|sales team|\
            hotline|head office|nhs|irs|dmv|microsoft|google|amazon|apple|samsung|netflix)(?:'s)?
    (?:reset|change|forgot|forget|update|choose|create|generate|store|hash|protect|secure|recover|verify|\
            encrypt|manage)(?:ting|ing)? (?:my |your |their |his |her |the |an? )?(?:[a-z]+ )?(?:passwords?|\
            pin|credentials?|api keys?|e-?mail|address|phone number|contact details)
""")  # fmt: skip
_OWNED = Phrases(f"""
    {_OWNER} (?:[a-z]+ ){{0,2}}(?:{_DATA})
    (?:his|her|their) (?:number|contact|details|residence)|(?:number|contact|details) for {_NAME}
    {_NAME}(?:'s|s') (?:[a-z]+ ){{0,2}}(?:{_DATA})
    (?:{_DATA}) {_LINKED} {_OTHER}
    (?:{_DATA}) {_LINKED} (?:(?:mr|mrs|ms|\
            dr|prof)\\.? )?{_NAME}
    (?:other|all|every|these|those) (?:people|user|customer|patient|employee|client|\
            member)s?'?s? (?:[a-z]+ )?(?:{_DATA})
    where (?:does|do|did|is|are) (?:{_NAME}|he|she|(?:my|this|that|the) (?:[a-z]+ )?(?:{_KINSHIP}|person|\
            man|woman|girl|guy)) (?:live|lives|reside|staying|living|work)
    how much (?:money )?(?:does|do|did) (?:{_NAME}|my {_KINSHIP}|he|she) (?:earn|make|owe|\
            have in)
""")
_ASKS = Phrases("""
    what|what's|where|which|who's|how much|how can|how do|can you|could you|would you|will you|give|tell|\
            provide
    share|send|list|find|look up|search|show|reveal|disclose|confirm|need|want|get|obtain|retrieve|access|\
            pull up
    help me|verify|do you (?:know|have)|guess|fetch|display|remind|please|hand over|print|recall|dig up|when
    read out|know|check|let me know|complete|fill in
""")


def asks_for_personal_data(prompt: str) -> bool:
    """Whether the prompt asks for personal data of another person; one's own data is no matter.

    >>> asks_for_personal_data("What is my neighbour's home address?")
    True
    >>> asks_for_personal_data("How do I change my e-mail address?")
    False
    """
    text = _NOT_OWNERS.blank(plain(prompt))
    return _OWNED.found(text) and _ASKS.found(text)
