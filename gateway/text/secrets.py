"""Keys and tokens: what they begin with and what follows, as the providers that issue them publish it."""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import re2

from gateway.text.rules import Check, Rule

_WORD = "[A-Za-z0-9_-]"
_ALNUM = "[A-Za-z0-9]"
_HEX = "[0-9a-f]"
_UPPER = "[A-Z0-9]"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_END = r"\b"


@dataclass(frozen=True, slots=True)
class Format:
    """A key of one provider: a literal beginning, the pattern of the rest."""

    provider: str
    opening: str
    rest: str


def _formats(provider: str, openings: str, rest: str) -> Iterator[Format]:
    for opening in openings.split():
        yield Format(provider, opening, rest)


# provider, beginnings, what follows
_TABLE = (
    ("1Password", "ops_eyJ", f"{_WORD}{{200,800}}"),
    ("Adafruit IO", "aio_", f"{_ALNUM}{{28}}{_END}"),
    ("Adobe", "p8e-", f"{_ALNUM}{{32}}{_END}"),
    ("age", "AGE-SECRET-KEY-1", "[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    ("Airtable", "pat", rf"{_ALNUM}{{14}}\.{_HEX}{{64}}"),
    ("Alibaba Cloud", "LTAI", f"{_ALNUM}{{17,24}}{_END}"),
    ("Anthropic", "sk-ant-", f"{_WORD}{{20,400}}"),
    ("Apify", "apify_api_", f"{_ALNUM}{{36,46}}"),
    ("Artifactory", "AKC", f"{_ALNUM}{{60,80}}"),
    ("Asana", "0/ 1/", f"[0-9]{{16}}:{_HEX}{{32}}{_END}"),
    ("Atlassian", "ATATT3 ATCTT3", "[A-Za-z0-9_=-]{60,250}"),
    ("AWS", "AKIA ASIA ABIA ACCA", f"{_UPPER}{{16}}{_END}"),
    ("Axiom", "xaat- xapt-", _UUID),
    ("Bitbucket", "ATBB", f"{_ALNUM}{{24,40}}{_END}"),
    ("Braintree", "access_token$production$ access_token$sandbox$", rf"{_ALNUM}{{16}}\${_HEX}{{32}}"),
    ("Brevo", "xkeysib- xsmtpsib-", rf"{_HEX}{{64}}-{_ALNUM}{{16}}"),
    ("Browserbase", "bb_live_ bb_test_", f"{_WORD}{{20,60}}"),
    ("Buildkite", "bkua_ bkct_", f"{_ALNUM}{{32,48}}"),
    ("Canva", "cnvca", f"{_WORD}{{40,60}}"),
    ("CircleCI", "CCIPAT_ CCIPRJ_", f"{_ALNUM}{{20,30}}_{_HEX}{{40}}"),
    ("Clojars", "CLOJARS_", "[a-f0-9]{60}"),
    ("Cloudflare", "v1.0-", f"{_HEX}{{24}}-{_HEX}{{146}}"),
    ("Cloudinary", "cloudinary://", rf"[0-9]{{10,20}}:{_WORD}{{20,40}}@{_WORD}{{2,40}}"),
    ("Contentful", "CFPAT-", f"{_WORD}{{43}}"),
    ("Databricks", "dapi", f"{_HEX}{{32}}(?:-[0-9])?{_END}"),
    ("Defined Networking", "dnkey-", f"{_WORD}{{26}}-{_WORD}{{52}}"),
    ("DigitalOcean", "dop_v1_ doo_v1_ dor_v1_", f"{_HEX}{{64}}{_END}"),
    ("Docker", "dckr_pat_ dckr_oat_", f"{_WORD}{{27,32}}"),
    ("Doppler", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[A-Za-z0-9._-]{40,60}"),
    ("Dropbox", "sl.", f"{_WORD}{{130,180}}"),
    ("Duffel", "duffel_test_ duffel_live_", f"{_WORD}{{43}}"),
    ("Dynatrace", "dt0c01.", rf"{_UPPER}{{24}}\.{_UPPER}{{64}}"),
    ("E2B", "e2b_", f"{_HEX}{{40}}{_END}"),
    ("EasyPost", "EZAK EZTK", f"{_ALNUM}{{54}}{_END}"),
    ("Facebook", "EAACEdEose0cBA EAAB", f"{_ALNUM}{{20,250}}"),
    ("Figma", "figd_ figoh_ figu_ figor_", f"{_WORD}{{38,60}}"),
    ("Firecrawl", "fc-", f"{_HEX}{{32}}{_END}"),
    ("Flutterwave", "FLWSECK_TEST- FLWSECK- FLWPUBK_TEST- FLWPUBK-", f"{_ALNUM}{{12,40}}"),
    ("Fly.io", "fo1_ fm1r_ fm2_", r"[A-Za-z0-9_+/=-]{40,400}"),
    ("Frame.io", "fio-u-", f"{_WORD}{{64}}"),
    ("GitHub", "ghp_ gho_ ghu_ ghs_ ghr_", f"{_ALNUM}{{36,255}}"),
    ("GitHub", "github_pat_", "[A-Za-z0-9_]{60,255}"),
    (
        "GitLab",
        "glpat- gldt- glrt- glcbt- glptt- glft- glimt- glagent- glsoat- gloas- glffct- GR1348941",
        f"{_WORD}{{20,64}}",
    ),
    ("GoCardless", "live_", f"{_WORD}{{40}}{_END}"),
    ("Google", "AIza", f"{_WORD}{{35}}"),
    ("Google", "ya29.", f"{_WORD}{{60,400}}"),
    ("Google", "GOCSPX-", f"{_WORD}{{28}}"),
    ("Grafana", "glc_", r"[A-Za-z0-9+/]{32,400}={0,2}"),
    ("Grafana", "glsa_", f"{_ALNUM}{{32}}_[A-Fa-f0-9]{{8}}"),
    ("Groq", "gsk_", f"{_ALNUM}{{48,56}}"),
    ("Harness", "pat. sat.", rf"{_WORD}{{22}}\.{_HEX}{{24}}\.{_ALNUM}{{20}}"),
    ("HashiCorp Vault", "hvs. hvb. hvr.", f"{_WORD}{{24,300}}"),
    ("Heroku", "HRKU-", f"{_WORD}{{36,64}}"),
    ("Honeycomb", "hcaik_ hcalk_ hcxik_", f"{_ALNUM}{{20,70}}"),
    ("HubSpot", "pat-na1- pat-na2- pat-eu1-", _UUID),
    ("Hugging Face", "hf_ api_org_", f"[A-Za-z]{{34,40}}{_END}"),
    ("Infracost", "ico-", f"{_ALNUM}{{32}}{_END}"),
    ("Intra42", "s-s4t2ud- s-s4t2af-", f"{_HEX}{{64}}"),
    ("Jina", "jina_", f"{_WORD}{{40,70}}"),
    ("LangSmith", "lsv2_pt_ lsv2_sk_", f"{_HEX}{{32}}_{_HEX}{{10}}"),
    ("LaunchDarkly", "api- sdk- mob-", _UUID),
    ("Linear", "lin_api_ lin_oauth_", f"{_ALNUM}{{40,64}}"),
    ("Logfire", "pylf_v1_", f"[a-z]{{2}}_{_ALNUM}{{40,50}}"),
    ("Mailgun", "key-", f"{_HEX}{{32}}{_END}"),
    ("Mapbox", "pk.eyJ sk.eyJ tk.eyJ", rf"{_WORD}{{20,200}}\.{_WORD}{{20,30}}"),
    ("Neon", "napi_", f"{_ALNUM}{{40,70}}"),
    ("Netlify", "nfp_ nfc_ nfo_ nfb_ nfu_", f"{_ALNUM}{{36,40}}"),
    ("New Relic", "NRAK- NRJS- NRII- NRIQ- NRRA-", f"{_WORD}{{19,42}}"),
    ("Notion", "ntn_", f"{_ALNUM}{{40,60}}"),
    ("Notion", "secret_", f"{_ALNUM}{{43}}{_END}"),
    ("npm", "npm_", f"{_ALNUM}{{36}}{_END}"),
    ("NuGet", "oy2", f"[a-z0-9]{{43}}{_END}"),
    ("NVIDIA", "nvapi-", f"{_WORD}{{60,70}}"),
    ("Octopus Deploy", "API-", f"{_UPPER}{{26,32}}{_END}"),
    ("OpenAI", "sk-", f"{_WORD}{{20,400}}"),
    ("OpenShift", "sha256~", f"{_WORD}{{43}}"),
    ("Packagist", "packagist_", f"[a-z]{{3,5}}_{_HEX}{{60,70}}"),
    ("PayPal", "A21AA", f"{_WORD}{{60,100}}"),
    ("Perplexity", "pplx-", f"{_ALNUM}{{40,60}}"),
    ("Pinecone", "pcsk_", "[A-Za-z0-9_]{50,80}"),
    ("Plaid", "access-production- access-development- access-sandbox-", _UUID),
    ("PlanetScale", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[A-Za-z0-9_=.-]{32,64}"),
    ("PostHog", "phc_ phx_ phs_", f"{_ALNUM}{{40,50}}"),
    ("Postman", "PMAK-", f"{_HEX}{{24}}-{_HEX}{{34}}"),
    ("Prefect", "pnu_ pnb_", f"{_ALNUM}{{36}}{_END}"),
    ("Pulumi", "pul-", f"{_HEX}{{40}}{_END}"),
    ("PyPI", "pypi-AgEIcHlwaS5vcmc pypi-AgENdGVzdC5weXBpLm9yZw", f"{_WORD}{{50,250}}"),
    ("Razorpay", "rzp_live_ rzp_test_", f"{_ALNUM}{{14}}{_END}"),
    ("ReadMe", "rdme_", "[a-z0-9]{70}"),
    ("Render", "rnd_", f"{_ALNUM}{{26,40}}"),
    ("Replicate", "r8_", f"{_ALNUM}{{37,40}}"),
    ("Resend", "re_", f"{_ALNUM}{{8}}_{_ALNUM}{{24}}{_END}"),
    ("Riot Games", "RGAPI-", _UUID),
    ("RubyGems", "rubygems_", f"{_HEX}{{48}}{_END}"),
    ("Salesforce", "00D", rf"{_ALNUM}{{12,15}}![A-Za-z0-9._]{{80,120}}"),
    ("Scalingo", "tk-us-", f"{_WORD}{{48}}"),
    ("SendGrid", "SG.", rf"{_WORD}{{22}}\.{_WORD}{{43}}"),
    ("Sentry", "sntryu_ sntrys_", "[A-Za-z0-9_+/=-]{60,300}"),
    ("Shippo", "shippo_live_ shippo_test_", f"{_HEX}{{40}}{_END}"),
    ("Shopify", "shpat_ shpss_ shpca_ shppa_ shpua_ shprt_", f"{_HEX}{{32,40}}{_END}"),
    ("Slack", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxe- xoxe.", r"[A-Za-z0-9.-]{10,250}"),
    ("Slack", "xapp-", f"[0-9]-{_UPPER}{{8,14}}-[0-9]{{8,16}}-{_HEX}{{64}}"),
    ("Slack", "https://hooks.slack.com/services/", "[A-Z0-9]{8,12}/[A-Z0-9]{8,12}/[A-Za-z0-9]{23,25}"),
    ("SonarQube", "squ_ sqp_ sqa_", f"{_HEX}{{40}}{_END}"),
    ("Sourcegraph", "sgp_", f"(?:{_HEX}{{16}}_|local_)?{_HEX}{{40}}{_END}"),
    ("Square", "sq0atp- sq0csp- sq0idp-", f"{_WORD}{{22,43}}"),
    ("Square", "EAAAE", f"{_WORD}{{59}}"),
    ("Stripe", "sk_live_ sk_test_ rk_live_ rk_test_ sk_prod_ rk_prod_", f"{_ALNUM}{{16,200}}"),
    ("Stripe", "whsec_", r"[A-Za-z0-9+/=]{32,80}"),
    ("Stytch", "secret-live- secret-test-", r"[A-Za-z0-9_=-]{36,48}"),
    ("Supabase", "sbp_", f"{_HEX}{{40}}{_END}"),
    ("Supabase", "sb_secret_", f"{_WORD}{{31,45}}"),
    (
        "Tailscale",
        "tskey-auth- tskey-api- tskey-client- tskey-scim- tskey-webhook-",
        f"{_ALNUM}{{8,30}}-{_ALNUM}{{20,40}}",
    ),
    ("Tavily", "tvly-", f"{_WORD}{{28,60}}"),
    ("Tencent Cloud", "AKID", f"{_ALNUM}{{32}}{_END}"),
    ("Typeform", "tfp_", "[A-Za-z0-9_.=-]{44,60}"),
    ("Vercel", "vcp_ vci_ vca_", f"{_ALNUM}{{24,60}}"),
    ("Voyage AI", "pa-", f"{_WORD}{{43}}{_END}"),
    ("WooCommerce", "ck_ cs_", f"{_HEX}{{40}}{_END}"),
    ("xAI", "xai-", f"{_ALNUM}{{70,90}}"),
    ("Xata", "xau_", f"{_ALNUM}{{30,50}}"),
    ("Yandex Cloud", "AQVN", f"{_WORD}{{35,38}}"),
    ("Yandex Cloud", "t1.", rf"{_WORD}{{60,250}}\.{_WORD}{{86}}"),
    ("Zuplo", "zpka_", "[a-z0-9]{32}_[a-z0-9]{8}"),
)
FORMATS: tuple[Format, ...] = tuple(made for row in _TABLE for made in _formats(*row))
PROVIDERS: frozenset[str] = frozenset(made.provider for made in FORMATS)


def entropy(text: str) -> float:
    """Shannon entropy of the characters of `text`, in bits per character.

    >>> entropy("aaaa"), entropy("abcd")
    (0.0, 2.0)
    """
    size = len(text)
    return (
        math.log2(size)
        - sum(count * math.log2(count) for count in Counter(text).values() if count > 1) / size
    )


_MIXED = re.compile("[0-9]|.[A-Z]")
_TELLING = re.compile("[0-9!@#$%^&*+/=~]")


def _is_random(text: str, least: float) -> bool:
    """Whether the entropy of `text` is at least `least`."""
    # All that repeats being one character, it would be the least; mostly that is enough, and soon counted.
    size, repeated = len(text), len(text) - len(set(text)) + 1
    lowest = math.log2(size) - repeated * math.log2(repeated) / size if size else 0.0
    return lowest >= least or (size > 0 and entropy(text) >= least)


def _random(least: float) -> Check:
    """Accepts what has a digit, or upper case amid lower, and the entropy of a made-up string."""

    def check(text: str) -> int:
        return len(text) if _MIXED.search(text) and _is_random(text, least) else 0

    return check


def _random_rest(opening: str) -> Check:
    accepts = _random(1.5)
    return lambda text: len(text) if accepts(text[len(opening) :]) else 0


def _is_chosen(text: str) -> bool:
    """Whether it looks made up to be guessed by nobody: no word, no sentence, no mask."""
    letters = "".join(filter(str.isalpha, text))
    signs = text.replace("-", "", 1).replace("_", "", 1)  # case-sensitive, not_set
    odd = not signs.isalpha() or not (letters.islower() or letters.isupper() or letters.istitle())
    return odd and len(text) >= 4 and len(set(text)) > 2 and not _PLACEHOLDER.search(text.encode())


def _chosen(text: str) -> int:
    """A password that somebody says."""
    text = text.rstrip(".,?;:)")
    return len(text) if _is_chosen(text) and not (text.isdigit() and len(text) < 6) else 0


def _chosen_with_digits(text: str) -> int:
    """A password that follows the word for it at once, where most that does is no password."""
    size = _chosen(text)
    mixed = any(c.isdigit() for c in text[:size]) and any(c.isalpha() for c in text[:size])
    return size if mixed and size >= 6 else 0


def _assigned(text: str) -> int:
    """The value of a setting: nothing that is the name of another, or stands for one."""
    if not _MIXED.search(text) or _PLACEHOLDER.search(text.encode()):
        return 0
    return len(text) if _is_random(text, 2.8 if _TELLING.search(text) else 4) else 0


def _pin(text: str) -> int:
    return len(text)


def _bearer(text: str) -> int:
    """What a request is signed with, but for a JWT, which has a rule of its own."""
    return 0 if text.startswith("eyJ") else _assigned(text)


_PLACEHOLDER = re2.compile(
    r"^[A-Za-z_.]+[\[(]|(?i:your|example|placeholder|changeme|change_me|insert|redacted|dummy|x{4}|\*{3}|\.{3}|\$\{|\{\{|<[a-z])"
)
# Up to 5,400 characters; RE2 takes no repeat of more than 1,000 in all, so it is nested.
_CLAIMS = f"{f'(?:{_WORD}{{900}}' * 5}{')?' * 5}{_WORD}{{8,907}}"
_NAME = (
    r"(?:api[_-]?key|apikey|secret|access[_-]?key|auth[_-]?token|token|passw(?:or)?d|pwd|"
    r"private[_-]?key|account[_-]?key|[_-]pass|credentials?)[A-Za-z_]{0,12}"
)
_KEYED = _NAME + r"[\"']?\s{0,3}(?::=|=>|=|:)\s{0,3}[\"'`]?"
_WORD_FOR_IT = (
    r"\b(?:pass ?words?|passwd|pass ?phrase|pass ?code|pwd|pw|passwort|kennwort|mot de passe|contraseña|"
    r"senha|wachtwoord)"
)
_SAID = (
    _WORD_FOR_IT + r"\b(?: (?:for|to|of|on) (?:[a-z0-9'.-]{1,20} ){1,4}| )?"
    r"(?:is|was|will be|are|ist|lautet|est|es|é|=|:|->)(?: (?:now|still|set to|probably|just))?:? {0,2}"
    r"[\"'`(]?"
)
_SET = (
    r"\b(?:set|sets|changed?|reset|updated?|rotated?|switched) [a-z' ]{0,30}pass ?(?:word|phrase|code)s? "
    r"(?:back )?to:? [\"'`(]?"
)
_AT_ONCE = _WORD_FOR_IT + r" {1,2}[\"'`(]?"
_PAIR = (
    r"\b(?:log ?ins?|credentials?|creds|user(?:name)?)(?: (?:is|are|was)|:| =)? {0,2}[\"'`(]?"
    r"[^\s\"'`/:,]{1,40}[\"'`]? ?(?:[/:,]|and|with)(?: (?:the )?password)?:? {0,2}[\"'`]?"
)
_SAID_PIN = (
    r"\b(?:(?:pin|passcode|otp|one[ -]time code|security code)(?: (?:for|of|to) [a-z ]{1,24})?"
    r"(?: (?:is|was|=)|:| =)|"
    r"(?:pin code|pin number|cvv2?|cvc)(?: (?:is|was|=)|:| =)?) {0,2}"
)

RULES: tuple[Rule, ...] = (
    *(
        Rule(
            "api_key",
            r"\b" + re2.escape(made.opening) + made.rest,
            check=_random_rest(made.opening),
        )
        for made in FORMATS
    ),
    Rule("api_key", rf"\bSK{_HEX}{{32}}{_END}"),
    Rule("api_key", rf"\b{_HEX}{{32}}-us[0-9]{{1,2}}{_END}"),
    Rule("api_key", rf"\b[0-9]{{8,10}}:AA{_WORD}{{33}}{_END}"),
    Rule("api_key", rf"\b[MNO]{_ALNUM}{{23,27}}\.{_WORD}{{6}}\.{_WORD}{{27,38}}"),
    Rule("jwt", rf"\beyJ{_WORD}{{8,900}}\.{_CLAIMS}\.{_WORD}{{8,900}}", opening="eyJ"),
    Rule(
        "credential",
        r"[^\s:/@\"']{1,100}@",
        lambda text: len(text) - 1,
        lead=r"\b[a-z][a-z0-9+.-]{1,15}://[^\s:/@\"']{1,64}:",
    ),
    Rule(
        "credential",
        r"[A-Za-z0-9+/=_.~!@#$%^&*-]{8,120}",
        _assigned,
        lead=_KEYED,
        ignore_case=True,
        score=0.8,
    ),
    Rule(
        "credential",
        r"[A-Za-z0-9+/=_.~-]{16,400}",
        _bearer,
        lead=r"\b(?:bearer|authorization: ?(?:basic|token)) ",
        ignore_case=True,
        score=0.8,
    ),
    Rule("password", r"[^\s\"'`]{4,40}", _chosen, lead=_SAID, ignore_case=True, score=0.8),
    Rule("password", r"[^\s\"'`]{4,40}", _chosen, lead=_SET, ignore_case=True, score=0.8),
    Rule("password", r"[^\s\"'`]{6,40}", _chosen_with_digits, lead=_AT_ONCE, ignore_case=True, score=0.6),
    Rule("password", r"[^\s\"'`]{6,40}", _chosen_with_digits, lead=_PAIR, ignore_case=True, score=0.7),
    Rule("password", r"[0-9]{3,8}\b", _pin, lead=_SAID_PIN, ignore_case=True, score=0.7),
)
"""Keys by their beginnings, and secrets by what is said before them."""
