"""Numbers that stand for a person: told by their check digits and the words before them.

A number without letters says little by itself, so most need a word of their context. Formats and check
digits are those of the issuing authorities, as python-stdnum implements them.
"""

from collections.abc import Callable
from importlib import import_module

from gateway.text.rules import Check, Rule

DIGITS = r"\b\d(?:[ .\-/]?\d){7,17}\b"
"""One pattern for all numbers of eight to eighteen digits, so that it is searched for once."""

_RIC = r"\b[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[0-9X]\b"
"""Place, date of birth, number: a Chinese resident."""


def _valid(module: str, least: int = 0) -> Check:
    """Accepts what the module of python-stdnum takes for valid."""
    is_valid: Callable[[str], bool] = import_module(f"stdnum.{module}").is_valid

    def check(text: str) -> int:
        if sum(c.isalnum() for c in text) < least:
            return 0
        try:
            return len(text) if is_valid(text) else 0
        except LookupError:  # of some numbers it looks up the place of issue, and takes it for granted
            return 0

    return check


def _national(module: str, *context: str) -> Rule:
    """A number that counts only beside a word for it."""
    return Rule("national_id", DIGITS, _valid(module), score=0.0, context=context)


def _lettered(module: str, pattern: str, *context: str, score: float = 0.6) -> Rule:
    """A number with letters, which is telling by itself."""
    return Rule("national_id", pattern, _valid(module), score=score, context=context, context_score=0.95)


_NO_NINO = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def _nino(text: str) -> int:
    first, second = text[0], text[1]
    bad = first in "DFIQUV" or second in "DFIQUVO" or first + second in _NO_NINO
    return 0 if bad else len(text)


RULES: tuple[Rule, ...] = (
    Rule("ssn", r"\b\d{3}-\d{2}-\d{4}\b", _valid("us.ssn")),
    Rule("ssn", r"\b\d{9}\b", _valid("us.ssn"), score=0.0, context=("ssn", "social security")),
    Rule("national_id", r"\b9\d{2}-\d{2}-\d{4}\b", _valid("us.itin"), score=0.7),
    Rule("national_id", r"\b[A-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b", _nino, score=0.7),
    _national("gb.nhs", "nhs"),
    _national("de.idnr", "steuer-id", "idnr", "tax id", "steuer id", "*identifikationsnummer"),
    _lettered(
        "fr.nir",
        r"\b[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}\b",
        "nir",
        "sécurité sociale",
        score=0.6,
    ),
    _lettered("es.dni", r"\b\d{8}-?[A-Z]\b", "dni", "nif", score=0.6),
    _lettered("es.nie", r"\b[XYZ]-?\d{7}-?[A-Z]\b", "nie", score=0.7),
    _lettered("it.codicefiscale", r"\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b", "codice fiscale", score=0.9),
    _national("nl.bsn", "bsn", "burgerservicenummer", "citizen service"),
    _national("be.nn", "rijksregister*", "registre national", "national number", "nrn", "insz"),
    _national("pt.nif", "nif", "contribuinte"),
    _national("pl.pesel", "pesel"),
    _national("se.personnummer", "personnummer", "personal number", "swedish id"),
    _national("no.fodselsnummer", "fødselsnummer", "fodselsnummer", "personnummer", "birth number"),
    _national("dk.cpr", "cpr", "personnummer"),
    _lettered("fi.hetu", r"\b\d{6}[-+A]\d{3}[0-9A-Y]\b", "henkilötunnus", "hetu", score=0.7),
    _lettered("ch.ssn", r"\b756[. ]?\d{4}[. ]?\d{4}[. ]?\d{2}\b", "ahv", "avs", score=0.8),
    _national("at.vnr", "sozialversicherung*", "svnr", "svnummer"),
    _lettered("ie.pps", r"\b\d{7}[A-W][ABHWTX]?\b", "pps", score=0.6),
    _national("cz.rc", "rodné číslo", "rodne cislo", "birth number"),
    _national("ro.cnp", "cnp", "cod numeric"),
    _national("bg.egn", "egn", "егн"),
    _national("ee.ik", "isikukood", "personal code"),
    _national("lt.asmens", "asmens kodas", "personal code"),
    _national("hr.oib", "oib"),
    _national("tr.tckimlik", "kimlik", "tckn", "tc no"),
    _national("il.idnr", "teudat", "zehut", "israeli id"),
    _national("za.idnr", "south african id", "id number", "rsa id"),
    _national("in_.aadhaar", "aadhaar", "aadhar", "uidai"),
    _lettered("in_.pan", r"\b[A-Z]{3}[PCHFATBLJG][A-Z]\d{4}[A-Z]\b", "pan", "income tax", score=0.6),
    # Ends in a check character over all; of its beginnings stdnum knows those of some years only.
    _lettered("iso7064.mod_11_2", _RIC, "身份证", "resident identity", score=0.7),
    _lettered("kr.rrn", r"\b\d{6}-[1-4]\d{6}\b", "resident registration", "주민", score=0.7),
    _national("th.pin", "thai id", "เลขประจำตัว", "national id"),
    _national("ca.sin", "sin", "social insurance"),
    _lettered("mx.curp", r"\b[A-Z][AEIOUX][A-Z]{2}\d{6}[HM][A-Z]{5}[0-9A-Z]\d\b", "curp", score=0.9),
    _lettered("br.cpf", r"\b\d{3}\.\d{3}\.\d{3}-\d{2}\b", "cpf", score=0.8),
    _national("br.cpf", "cpf"),
    _national("ar.cuit", "cuit", "cuil"),
    _lettered("cl.rut", r"\b\d{1,2}\.\d{3}\.\d{3}-[0-9Kk]\b", "rut", "run", score=0.7),
    _national("au.tfn", "tfn", "tax file"),
    _national("nz.ird", "ird", "inland revenue"),
    Rule(
        "passport",
        r"\b(?:[A-Z]{0,3}\d{6,9}[A-Z]?|[CFGHJK][CFGHJKLMNPRTVWXYZ0-9]{8})\b",  # the latter German
        lambda text: len(text) if sum(c.isdigit() for c in text) >= 3 else 0,
        score=0.0,
        context=("passport*", "passeport*", "reisepass*", "pasaporte*"),
    ),
    Rule(
        "bank_account",
        DIGITS,
        score=0.0,
        context=(
            "account number*",
            "account no",
            "acct*",
            "bank account*",
            "account #",
            "*kontonummer",
            "a/c",
        ),
        context_score=0.7,
    ),
    Rule(
        "bank_account",
        r"\b\d{9}\b",
        _valid("us.rtn"),
        score=0.0,
        context=("routing", "aba", "rtn"),
        context_score=0.8,
    ),
    Rule(
        "bank_account",
        r"\b\d{2}-\d{2}-\d{2}\b",
        score=0.0,
        context=("sort code*", "sortcode*"),
        context_score=0.8,
    ),
    Rule("bank_account", r"\b\d{8}\b", score=0.0, context=("sort code*", "sortcode*"), context_score=0.8),
    Rule(
        "bank_account",
        r"\b[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?\b",
        _valid("bic"),
        score=0.0,
        context=("bic", "swift"),
        context_score=0.8,
    ),
    Rule(
        "driving_licence",
        r"\b[A-Z0-9][A-Z0-9-]{5,17}\b",
        lambda text: len(text) if sum(c.isdigit() for c in text) >= 4 else 0,
        score=0.0,
        context=(
            "driver's licen*",
            "drivers licen*",
            "driving licen*",
            "driver licen*",
            "license number*",
            "licence number*",
        ),
        context_score=0.7,
    ),
    Rule("device", DIGITS, _valid("imei", 15), score=0.0, context=("imei*",)),
)
"""Numbers of persons and of their accounts."""
