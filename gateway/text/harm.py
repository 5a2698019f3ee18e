"""Harmful requests: rules that pair an act with an object, by category, minus known look-alikes.

Word lists see wording, not intent: they miss what is paraphrased and fire on some innocent use.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import re2

from gateway.text.phrases import PhraseRule, Phrases, Span, plain
from gateway.types import Detection


@dataclass(frozen=True, slots=True)
class ActRule:
    """An act, then an object at most `gap` code points on in the same sentence, mean `label`.

    `thing`: the object names something harmful in itself, so it counts in an answer too.
    """

    label: str
    acts: Phrases
    objects: Phrases
    score: float = 0.8
    gap: int = 70
    thing: bool = False


_MAKE = (
    "(?:mak|creat|assembl|produc|manufactur|synthesi[sz]|prepar)(?:es?|ing)|build(?:ing)?|construct(?:ing)?|"
    "cook(?:ing)?|brew(?:ing)?|grow(?:ing)?|extract(?:ing)?|craft(?:ing)?|design(?:ing)?|develop(?:ing)?|"
    "recipe|enrich|weaponi[sz]e|convert|3d print|detonate|set off|plant|ignite|put together|whip up|convert"
)
_GET = (
    "get(?:ting)?|buy(?:ing)?|obtain(?:ing)?|acquir(?:e|ing)|purchas(?:e|ing)|order|sell(?:ing)?|smuggl(?:e|\
            ing)|"
    "sneak|import|source|find|transport|ship|deal|distribut(?:e|ing)|hide|conceal|carry|traffic|supply"
)
_WRITE = (
    "writ(?:e|ing)|draft|compos(?:e|ing)|generat(?:e|ing)|creat(?:e|ing)|produc(?:e|ing)|develop(?:ing)?|"
    "design(?:ing)?|script|mak(?:e|ing)|publish|post|spread(?:ing)?|tell|give|provide|show|share|promot(?:e|\
            ing)|"
    "encourag(?:e|ing)|send(?:ing)?|outline|craft|plan|justify|glorify|help me|teach|distribute|circulate"
)
_CODE = (
    f"{_MAKE}|writ(?:e|ing)|cod(?:e|ing)|program|script|spread|inject|deploy|install|launch|infect|plant|run|"
    "perform|execut(?:e|ing)|carry out|distribut(?:e|ing)|embed|exploit(?:ing)?|use|send"
)
_COMMIT = (
    "commit(?:ting)?|carry out|pull off|perform|execut(?:e|ing)|plan(?:ning)?|organi[sz](?:e|ing)|run|set up|"
    "start|stage|engag(?:e|ing) in|get away with|orchestrate|launch|coordinate|participat(?:e|ing) in|conduct"
)
_KILL = (
    "kill(?:ing)?|murder(?:ing)?|poison(?:ing)?|stab(?:bing)?|strangl(?:e|ing)|assassinat(?:e|ing)|"
    "tortur(?:e|ing)|hurt(?:ing)?|attack(?:ing)?|beat(?:ing)? up|harm(?:ing)?|rap(?:e|ing)|"
    "sexually assault|kidnap(?:ping)?|abduct|shoot(?:ing)?|ambush|injur(?:e|ing)|maim|drown|"
    "suffocat(?:e|ing)|butcher(?:ing)?|mutilat(?:e|ing)|crush(?:ing)?|mug|lynch|behead|dismember|"
    "set fire to|take hostage|punch|physically hurt|slaughter"
)
_PERSON = (
    "(?:(?:my|your|his|her|their|an?|the|some) (?:[a-z]+ )?)?(?:someone|somebody|anyone|people|persons?|"
    "humans?|individuals?|others|users?|victims?|strangers?|children|kids?|child|minors?|wom[ae]n|m[ae]n|girls?|boys?|"
    "neighbou?rs?|coworkers?|colleagues?|class ?mates?|room ?mates?|teachers?|police officers?|cops?|"
    "politicians?|presidents?|civilians?|pedestrians?|employees?|passengers?)|"
    "(?:my|your|his|her|their|an?) (?:[a-z]+ )?(?:wife|husband|boss|ex|girlfriend|boyfriend|partner|friend|"
    "brother|sister|mother|father|mom|dad|son|daughter|parents?|spouse|rival|enem(?:y|ies)|student|baby)"
)
_OTHERS = f"(?:{_PERSON})(?:'s|s')|(?:his|her|their|a company's|other people's|another person's)"
_SYSTEMS = "(?:database|network|server|system|website|site|infrastructure|grid|computer)s?"
_OWNERS = (
    "(?:government|bank|banking|company|corporate|school|hospital|military|police|power|university|election|"
    "voting|secure|payment|traffic|security|financial|public)"
)

RULES: tuple[ActRule | PhraseRule, ...] = (
    ActRule("weapons", Phrases(f"{_MAKE}|{_GET}"), Phrases("""
        (?:pipe |car |dirty |nail |petrol |fertili[sz]er |nuclear |atomic |home ?made )?bombs?|explosives?
        explosive devices?|grenades?|molotov(?: cocktails?)?|napalm|nerve (?:agents?|gas)|sarin|anthrax|ricin
        (?:chemical|biological|nuclear|bio|radiological|untraceable|illegal|home ?made|deadly) ?weapons?
        mustard gas|chlorine gas|ghost guns?|(?:illegal|untraceable|unregistered|home ?made) (?:guns?|\
            firearms?)
        silencers?|landmines?|ieds?|thermite|toxic gas|cyanide|deadly (?:poison|virus|pathogen)s?|detonators?
    """), 0.9, thing=True),
    ActRule("weapons", Phrases(_MAKE), Phrases("guns?|firearms?|rifles?|pistols?|ammunition|weapons?|\
            poisons?"), 0.7),
    ActRule("drugs", Phrases(f"{_MAKE}|{_GET}"), Phrases("""
        (?:crystal )?meth|methamphetamines?|cocaine|heroin|fentanyl|lsd|mdma|ecstasy|ghb|rohypnol|roofies
        (?:illegal|illicit|hard|recreational|designer|date rape|street|controlled) (?:drugs?|substances?)
        opium|psilocybin|dmt|crack|ketamine|narcotics|amphetamines?|(?:drugs?|meth) lab
        prescription (?:drugs?|opioids?) without (?:a )?prescription|drug cartel
    """), 0.8, thing=True),
    ActRule("hacking", Phrases(_CODE), Phrases("""
        malware|ransomware|(?:computer )?virus(?:es)?|trojans?(?: horses?)?|keyloggers?|spyware|rootkits?
        botnets?|backdoors?|worms?|d?dos attacks?|denial of service|exploits?|sql injections?|cyber ?attacks?
        malicious (?:code|software|program|script|app|payload|website|link)s?|brute force|zero ?days?
        password (?:cracker|stealer)s?|vulnerabilit(?:y|ies)|phishing (?:kit|site)s?|hacking tools?
    """), 0.8, thing=True),
    ActRule("hacking", Phrases("""
        hack(?:s|ing)?(?: into)?|break(?:s|ing)? into|crack(?:s|ing)?|hijack(?:s|ing)?|bypass(?:ing)?|\
            breach(?:ing)?
        gain(?:ing)? (?:unauthori[sz]ed )?access to|steal(?:s|ing)?|infiltrat(?:es?|ing)|intercepts?|\
            compromises?|harvests?|collects?|spies on
        tak(?:e|ing) (?:over|down)|disabl(?:e|ing)|sabotag(?:e|ing)|tamper with|brute ?force|manipulat(?:e|\
            ing)
    """), Phrases(f"""
        {_OWNERS} (?:[a-z]+ )?{_SYSTEMS}|(?:{_OTHERS}) (?:[a-z]+ )?(?:account|email|phone|computer|webcam|\
            laptop|wi ?fi)
        (?:e-?mail|bank|social media|facebook|instagram|user) accounts?|passwords?|firewalls?|wi ?fi networks?
        (?:smart ?phones?|computers?|servers?|networks?|databases?|atms?|webcams?|security cameras?)
        (?:(?:credit card|confidential|sensitive|personal|classified|private|user|customer) )+(?:numbers|\
            data|information|details|records)
        security (?:systems?|measures|protocols)|alarm systems?
    """), 0.8, 50),
    ActRule("fraud", Phrases(f"{_WRITE}|{_COMMIT}|{_GET}|forg(?:e|ing)|launder|run|print|pass off|\
            use"), Phrases("""
        phishing(?: [a-z]+)?|scams?|ponzi(?: schemes?)?|pyramid schemes?|counterfeit(?: [a-z]+)?|\
            identity theft
        (?:fake|false|forged) (?:ids?|passports?|invoices?|documents?|identit(?:y|ies)|cheques?|checks?|\
            money|\
            prescriptions?|licen[cs]es?|certificates?|charit(?:y|ies)|degrees?)
        (?:insurance|tax|credit card|bank|wire|mail|securities|financial|welfare|loan) fraud|\
            embezzlement
        money laundering|insider trading|tax evasion|pump and dump|fraudulent (?:[a-z]+ )?[a-z]+|\
            blackmail letter
    """), 0.8, thing=True),
    PhraseRule("fraud", Phrases("""
        commit(?:s|ting)? (?:[a-z]+ )?fraud|launder(?:ing)? (?:the |some |my |dirty )?money|evad(?:e|\
            ing) (?:paying )?tax(?:es)?|embezzl(?:e|ing)
        steal(?:ing)? (?:an? |my |his |her |their )?(?:[a-z]+'s )?identit(?:y|ies)|counterfeit(?:ing)? money
        (?:scam|swindle|defraud|con|trick|deceive|cheat)(?:ming|ing)? (?:the |my |an? |some )?(?:elderly|\
            old|people|\
            seniors?|customers?|investors?|someone|others|consumers|insurance)
        cheat(?:ing)? (?:on|in) (?:an? |my |the |online )*(?:exam|test|tax(?:es)?)s?|\
            falsify(?:ing)? (?:[a-z]+ ){0,2}records?|price gouging|forg(?:e|ing) (?:an? |my |the |\
            her )?(?:[a-z]+ )?(?:signature|document|passport|will)s?
    """), 0.7),
    ActRule("violence", Phrases(_KILL), Phrases(_PERSON), 0.8, 15),
    PhraseRule("violence", Phrases("""
        (?:kill|murder|hurt|poison|torture|shoot|stab|strangle|beat up|attack|rape|kidnap) (?:him|her|them)
        (?:hire|find) an? (?:hit ?man|assassin|contract killer)|(?:commit(?:ting)?|get away with|\
            plan) (?:an? |the )?(?:perfect |violent |mass )?(?:murder|\
            homicide|rape|assault|arson)|plan (?:someone|his|her|my [a-z]+)(?:'s)? death|\
            plan (?:an? )?(?:murder|assassination)|burn down (?:an?|the|my|his|her)
        domestic violence (?:tips|techniques)|animal cruelty (?:tips|video)s?|abuse (?:my|an?) (?:wife|dog|\
            cat|animal|partner)
    """), 0.8),
    PhraseRule("self_harm", Phrases("""
        (?:kill(?:ing)?|hang(?:ing)?|harm(?:ing)?|hurt(?:ing)?|cut(?:ting)?|starv(?:e|ing)) (?:myself|\
            yourself|themselves)
        (?:commit(?:ting)?|attempt) suicide|suicide (?:methods?|notes?|pacts?|techniques?)|end (?:my|\
            your) (?:own )?life
        (?:ways|how|want|going) to (?:die|overdose)|self harm (?:methods?|techniques?|tips)|pro ana
    """), 0.9),
    ActRule("self_harm", Phrases(_WRITE + "|persuade|convince|push|drive|glamori[sz]e"), Phrases("""
        suicide|self ?harm|anorexia|eating disorders?|(?:end|take) (?:their|his|her) (?:own )?li(?:fe|ves)|\
            self injury
    """), 0.8, 60),
    ActRule("hate", Phrases(_WRITE + "|argue|incite|explain why|say"), Phrases("""
        racist|sexist|homophobic|transphobic|anti ?semitic|islamophobic|xenophobic|misogynistic|bigoted
        dehumani[sz](?:e|es|ing|ation)|oppression|hate(?:ful)? (?:speech|message|content|comment|group|\
            crime)s?|white supremac(?:y|ist)|racial slurs?|slurs
        nazi propaganda|holocaust (?:denial|never)|ethnic cleansing|hatred|racism|discriminat(?:e|es|ion|ing)
        (?:are|is) (?:inferior|subhuman|vermin|inherently)|racial superiority|prejudiced?
    """), 0.8, 60),
    PhraseRule("child_safety", Phrases("""
        child porn(?:ography)?|csam|kiddie porn|paedophilia|groom(?:ing)? (?:an? |the )?(?:minor|child|\
            children|kids?|teen)s?
        (?:lur(?:e|ing)|entic(?:e|ing)|seduc(?:e|ing)|molest(?:ing)?|sexually (?:abuse|exploit|\
            touch)) (?:an? |the |young )?(?:minor|child|children|kids?|girl|boy|teen)s?
        (?:child|minors?|underage)(?: [a-z]+)? (?:sexual|nude|naked|porn|prostitution|\
            exploitation)(?: [a-z]+)?
        (?:sexual|nude|naked|erotic)(?: [a-z]+){0,3} (?:minors?|child|children|underage)
    """), 1.0),
    ActRule("disinformation", Phrases(_WRITE + "|invent|fabricate|start"), Phrases("""
        (?:fake|false|fabricated|bogus) (?:news|stor(?:y|ies)|rumou?rs?|claims?|information|reviews?|\
            articles?|reports?|evidence)
        disinformation|misinformation|conspiracy theor(?:y|ies)|hoax(?:es)?|deep ?fakes?|propaganda|\
            smear campaign
        (?:misleading|defamatory|libelous|slanderous) [a-z]+|vaccines? (?:cause|are)|panic|fake (?:accounts|\
            profiles)
    """), 0.7),
    PhraseRule("disinformation", Phrases("""
        (?:rig(?:ging)?|steal(?:ing)?|manipulat(?:e|ing)|interfer(?:e|ing) (?:in|with)|influenc(?:e|ing)|\
            sway(?:ing)?) (?:an? |the )?(?:[a-z]+ )?(?:elections?|votes?|voters?|public opinion|\
            stock (?:market|price)s?|financial markets?)
        (?:election|voter) (?:fraud|suppression) (?:plan|scheme|strategy)|suppress(?:ing)? (?:voters|votes|\
            turnout)
    """), 0.7),
    ActRule("theft", Phrases("""
        steal(?:ing)?|shoplift(?:ing)?|rob(?:bing)?|break(?:ing)? into|burgl(?:e|ari[sz]e)
        hot ?wir(?:e|ing)|swip(?:e|ing)|loot(?:ing)?|snatch|hijack|pickpocket|pirat(?:e|ing)|siphon
    """), Phrases(f"""
        (?:an?|the|my|some)? ?(?:stores?|shops?|banks?|cars?|houses?|homes?|locks?|wallets?|purses?|bikes?|\
            museums?|safes?|packages?|supermarkets?|warehouse|vehicles?|money|credit cards?|jewel(?:le)?ry|\
            merchandise|goods|art|trade secrets|intellectual property|copyrighted [a-z]+|software|electricity)
        from (?:an?|the|my|your) [a-z]+|(?:{_OTHERS}) [a-z]+
    """), 0.7, 30),
    PhraseRule("theft", Phrases("shoplift(?:ing)?|pick(?:ing)? (?:an? |the )?(?:[a-z]+ )?locks?|\
            car ?jack(?:ing)?|hot ?wir(?:e|ing) an?"), 0.7),
    ActRule("extremism", Phrases(f"{_COMMIT}|{_WRITE}|join|recruit|support|fund|incit(?:e|ing)|\
            radicali[sz]e"), Phrases("""
        terroris[mt]s?|terror(?:ist)? (?:attack|group|cell|organi[sz]ation)s?|isis|al qaeda|extremis[mt]s?|\
            militia
        (?:mass|school) (?:shooting|murder|killing)s?|genocide|massacres?|riots?|bombings?|insurrection
        violence|violent (?:protest|overthrow|acts?|uprising)|civil unrest|mass casualt(?:y|ies)
    """), 0.8, 60),
    PhraseRule("stalking", Phrases(f"""
        (?:stalk(?:ing)?|spy(?:ing)? on|dox+(?:ing)?|track(?:ing)?|secretly (?:record|film|follow|\
            photograph|watch|monitor|track)(?:ing)?) (?:down )?(?:{_PERSON}|him|her|them)
        without (?:their|her|his|my [a-z]+'s|them|him|her) (?:knowing|knowledge|noticing|consent)|dox+(?:ing)?
    """), 0.7),
    PhraseRule("evasion", Phrases("""
        (?:dispos(?:e|ing) of|get(?:ting)? rid of|hid(?:e|ing)|dissolv(?:e|ing)|bury|burying) (?:an? |the |\
            my )?(?:dead |human )?(?:body|bodies|corpse|murder weapon|evidence)
        (?:destroy|tamper(?:ing)? with|plant|fabricat(?:e|ing)) (?:the |some )?evidence|fake alibi|brib(?:e|\
            ing) (?:an? |the )?[a-z]+
        without (?:getting|being) (?:caught|detected|arrested)|(?:evade|escape|avoid|outrun|\
            fool) (?:the )?(?:police|law enforcement|arrest|authorities)
        (?:pass|cheat|beat) (?:an? |the )?(?:drug test|lie detector|polygraph)|circumvent(?:ing)? (?:the )?law
    """), 0.7),
    PhraseRule("harassment", Phrases(f"""
        cyber ?bull(?:y|ying)|(?:bull(?:y|ying)|(?:stalk(?:ing)? and )?harass(?:ing)?|blackmail(?:ing)?|\
            extort(?:ing)?|intimidat(?:e|ing)|humiliat(?:e|ing)|threaten(?:ing)?|troll(?:ing)?|defam(?:e|\
            ing)|coerc(?:e|ing)|manipulat(?:e|ing)) (?:{_PERSON}|him|her|them)
        (?:write|send|draft|make|compose)(?: [a-z]+){{0,3}} (?:threatening|blackmail|harassing|insulting|\
            abusive) [a-z]+|revenge porn
        (?:promot(?:e|es|ing)|encourag(?:e|es|ing)|glorif(?:y|ies|ying)|advocat(?:e|es|\
            ing)) (?:[a-z]+ ){{0,3}}(?:bullying|abuse|violence|stalking|harassment|assault|cannibalism|\
            drug use|underage drinking)
    """), 0.7),
    PhraseRule("trafficking", Phrases("""
        (?:traffic|traffick|smuggl)(?:e|ing)? (?:in )?(?:people|humans|wom[ae]n|children|girls|migrants|\
            persons|organs)
        sell(?:ing)? (?:human )?(?:organs|a kidney|people)|slave (?:trade|labou?r) (?:ring|scheme)|\
            human trafficking ring
        (?:forc(?:e|ing)|coerc(?:e|ing)) (?:someone|wom[ae]n|girls?|people|\
            children) (?:in)?to (?:prostitution|sex|labou?r|slavery)
        (?:start|run|set up|organi[sz]e|operate) an? (?:human trafficking|trafficking|smuggling|\
            prostitution) [a-z]+
    """), 0.9),
)  # fmt: skip
"""Every rule; a label has several."""

LABELS: frozenset[str] = frozenset(rule.label for rule in RULES)

_THINGS = tuple(rule for rule in RULES if isinstance(rule, ActRule) and rule.thing)

_LOOKALIKES = Phrases("""
    (?:kill|end|terminate|stop|start)(?:ing)? (?:an? |the |my |all )?(?:[a-z0-9.+#]+ )?(?:process(?:es)?|\
            tasks?|threads?|jobs?|servers?|programs?|apps?|sessions?|daemons?|containers?|tabs?|windows?)
    kill(?:ing)? (?:time|the lights?|the engine|weeds?|germs|bacteria|mou?ld|two birds|it|the mood|the vibe|\
            fleas|ants|mosquito(?:es)?|buzz)
    shoot(?:ing)? (?:an? |the |some |my |better )?(?:[a-z]+ )?(?:photos?|pictures?|videos?|films?|movies?|\
            portraits?|scenes?|footage|hoops|pool|baskets?|free throws|breeze|landscapes?|weddings?|stars?)
    shoot(?:ing)? (?:people|someone|children|kids|wom[ae]n|m[ae]n|him|her|them|me) (?:an? )?(?:with (?:an? |\
            my )?(?:camera|lens|[0-9]+ ?mm)|e-?mail|text|message)
    steal(?:ing)? (?:the|an?|my|your|second|third|home)? ?(?:show|scene|spotlight|kiss|glance|thunder|base|\
            look|heart|bases|nap|march)
    blow(?:ing|n)? up (?:an? |the |some |my )?(?:[a-z]+ )?(?:balloons?|photos?|pictures?|images?|mattress|\
            tyres?|tires?|pool|ball)
    (?:bath|photo|cherry|sugar|seed|glitter|stink|hot chocolate|time) ?bombs?|bombs? (?:shelter|disposal|\
            squad|calorimeter|threat)s?|cyclone bomb
    crack(?:ing)? (?:an? |the |some |my )?(?:eggs?|nuts?|jokes?|smile|window|code|exam|interviews?|whip|\
            knuckles|back|neck|walnuts?)
    (?:life|growth|kitchen|travel|study|productivity|cooking|cleaning) ?hacks?|hack ?(?:a ?thon|day|night|\
            week)|ethical hack(?:ing|er|ers)
    (?:heart|panic|asthma|anxiety) attacks?|attack (?:on titan|surface|vector|on pearl harbou?r)|\
            (?:pearl harbou?r|9/11) attacks?
    drug ?stores?|(?:drug|medicine) interactions?|drug free|weapons? of choice|virus ?scan(?:ner)?|\
            anti ?virus|flu virus|book ?worms?|worms? for (?:bait|compost|fishing)
    suicide (?:prevention|hotline|squad|helpline|awareness)|(?:kill|killer) (?:app|feature|deal|outfit|\
            look)s?|make a killing|dressed to kill|killing it
    (?:gun|glue|nail|heat|staple|water|nerf|squirt|massage|radar|speed) guns?|nail ?gun|gun ?metal|top gun|\
            nerf [a-z]+|water pistols?|pistol shrimp
    tomb raider|trojan war|crack(?:ed)? pepper|meth(?:od|ane) [a-z]+|poison ivy|food poisoning|\
            pick(?:ing)? (?:up )?(?:the |an? )?(?:kids?|child|children)
    punch(?:ing)? (?:above|bag|line|bowl)|da bomb|photo shoot|bamboo shoots?|penetration test(?:ing|\
            s)?|pen ?test(?:ing)?|capture the flag
    harm (?:reduction|less)|killer whales?|kill switch|dead ?lines?|smash(?:ing)? (?:it|the)|(?:on|\
            cheat) sheets?|cheat codes?|bomb pop|rap(?:e|eseed) oil
""")  # fmt: skip
_MITIGATES = Phrases("""
    prevent(?:s|ing|ion)?|protect(?:s|ing|ion)?|defend(?:ing)?|detect(?:s|ing)?|report(?:ing)?|\
            recogni[sz](?:e|ing)
    identify(?:ing)?|stop(?:ping)?|counter(?:ing)?|combat(?:ing)?|dangers of|risks of|law(?:s)? (?:against|\
            on)|fight(?:ing)? against
    avoid (?:being|getting|falling|becoming)|against|victims? of|awareness|recover(?:ing|y)?(?: from)?|\
            quit(?:ting)?
    remove|report|deal with|safe(?:ly)? from|survive|condemn|denounce|history|historical|how did|why did|\
            when did|who|did the|was|were
    (?:in|playing) (?:a |the )?(?:video ?games?|minecraft|fortnite|skyrim|gta|call of duty|dnd|chess|game)|\
            documentary|museum|punish(?:ment|ed)?
    critici[sz]e|critique|debunk(?:ing)?|fact check|consequences|without (?:harming|hurting|killing|\
            being racist)|never|is it illegal|illegal to
""")  # fmt: skip
_SENTENCE_END = re2.compile(r"[.!?;] |\. *$")
_BEFORE = 60
_AFTER = 60
_IN_PLAY = Phrases("""
    (?:in|on|at|for|playing) (?:a |an |the |my )?(?:[a-z0-9]+ ){0,4}(?:video ?games?|minecraft|fortnite|\
            skyrim|gta|call of duty|dnd|chess|hitman|overwatch|roblox|laser tag|paintball|games?)
""")


def harm_labels(prompt: str) -> list[Detection]:
    """What the prompt asks for, by category; a span runs from the act to its object.

    >>> [found.label for found in harm_labels("How do I build a pipe bomb?")]
    ['weapons']
    >>> harm_labels("How do I kill a Python process?")
    []
    """
    text = _LOOKALIKES.blank(plain(prompt))
    found = {detection for rule in RULES for detection in _find(rule, text)}
    return sorted(found, key=lambda detection: (detection.start, detection.end, detection.label))


def harmful_things(text: str) -> list[Detection]:
    """Mentions of things that are harmful in themselves, wherever they stand."""
    cleaned = _LOOKALIKES.blank(plain(text))
    return [
        Detection(span.start, span.end, rule.label, rule.score)
        for rule in _THINGS
        for span in rule.objects.spans(cleaned)
    ]


def _find(rule: ActRule | PhraseRule, text: str) -> Iterator[Detection]:
    if isinstance(rule, PhraseRule):
        found: Iterator[Detection] = rule.find(text)
    else:
        found = _pairs(rule, text)
    return (detection for detection in found if not _mitigated(text, detection))


def _pairs(rule: ActRule, text: str) -> Iterator[Detection]:
    acts = iter(rule.acts.spans(text))
    upcoming = next(acts, None)
    if upcoming is None:
        return
    act: Span | None = None
    for target in rule.objects.spans(text):
        while upcoming is not None and upcoming.end <= target.start:
            act, upcoming = upcoming, next(acts, None)
        if act is not None and _together(text, act, target, rule.gap):
            yield Detection(act.start, target.end, rule.label, rule.score)


def _together(text: str, act: Span, target: Span, gap: int) -> bool:
    return target.start - act.end <= gap and not _SENTENCE_END.search(text[act.end : target.start])


def _mitigated(text: str, detection: Detection) -> bool:
    before = text[max(0, detection.start - _BEFORE) : detection.start]
    same_sentence = _SENTENCE_END.split(before)[-1]
    within = text[detection.start : detection.end]
    after = text[detection.end : detection.end + _AFTER]
    return _MITIGATES.found(f"{same_sentence}{within}") or _IN_PLAY.found(after)
