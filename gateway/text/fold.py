"""Folds what looks alike to one ASCII form, and drops what does not show.

One character at a time, so nothing at a text's end waits for what may follow. In the manner of the
skeletons of Unicode Technical Standard 39: compatibility decomposition, no default-ignorables, no
combining marks, look-alikes mapped to a prototype. The table of look-alikes is our own: derived
from the character names where they tell, written down where only the eye does.
"""

import re
import unicodedata

MOST = 4
"""A character that decomposes into more is kept as it is; U+FDFA would become 18."""

# Written so: the ASCII letter, then what the eye takes for it.
_ALIKE = """
a аɑαᴀ⍺ꭺ  b Ьƅᖯʙ  c сϲᴄⲥꮯ  d ԁɗᏧꓒ  e еҽєᴇℯꬲ  f ϝғꞙꜰẝ  g ɡցɢᶃ  h һհʜᏂ  i іιıɩꙇӏɪ  j јϳʝᴊ
k кκᴋⲕ  l ⅼןʟ  m мᴍⅿ  n пոռηɴ  o оοօᴏσⲟംဝ੦०  p рρᴘⲣϱ  q ԛգզ  r гʀᴦⲅꭇ  s ѕꜱʂᏚ  t тτᴛ  u υսᴜʋц
v νѵᴠⅴ  w ԝшѡաᴡ  x хχⅹᕁ᙮  y уүγʏỿყ  z ʐᴢᏃ
A АΑᎪᗅꓮ  B ВΒᏴᗷꓐ  C СϹᏟꓚ  D Ꭰᗞꓓ  E ЕΕᎬꓰ  F Ϝᖴꓝ  G ԌᏀꓖ  H НΗᎻᕼꓧ  I ІΙӀⅠꓲ  J ЈᎫᒍꓙ  K КΚᏦꓗ  L ᏞᒪꓡⅬ
M МΜᎷᗰꓟ  N Νꓠ  O ОΟՕꓳ  P РΡᏢᑭꓑ  Q Ԛⵕ  R ᎡᖇꓣƦ  S ЅՏᏕꓢ  T ТΤᎢꓔ  U Սᑌꓴ  V ѴᏙᐯꓦ  W ԜᎳꓪ  X ХΧ᙭ꓫ  Y ҮΥᎩꓬ
Z ΖᏃꓜ
0 ০୦〇  3 ЗӠꝪ  6 б  1 ߁  - ‐‑‒–—―−⁃ー－  ' ‘’‚‛′`´ʹʻʼˈ  " “”„‟″ˮ  . ․‧・。  , ‚،  : ：ː꞉ / ⁄∕╱  @ ＠﹫
! ǃ  ? ʔ
"""
_LETTER = re.compile(
    r"(?:MODIFIER LETTER )?LATIN (?:(SMALL|CAPITAL) )?LETTER "
    r"(?:SMALL CAPITAL )?(?:DOTLESS )?([A-Z])(?: WITH .+)?"
    r"|(?:NEGATIVE |CROSSED )?(?:SQUARED|CIRCLED) LATIN (CAPITAL|SMALL) LETTER ([A-Z])"
    r"|REGIONAL INDICATOR SYMBOL LETTER ([A-Z])"
)
# Not Cf, and yet they show nothing: fillers and variation selectors.
_BLANK = frozenset("\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0\u034f\u2800")


def _alike() -> dict[str, str]:
    table: dict[str, str] = {}
    letter = ""
    for word in _ALIKE.split():
        if len(word) == 1 and word.isascii():
            letter = word
        else:
            table.update(dict.fromkeys(filter(lambda one: not one.isascii(), word), letter))
    return table


class _Folding(dict[int, str]):
    """Code point to what it is folded to; worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        folded = self[code] = _fold_one(chr(code))
        return folded


_TABLE = _alike()


def _fold_one(character: str) -> str:
    if character.isascii():
        return character
    if _invisible(character):
        return ""
    if unicodedata.category(character) == "Cs":
        return "\ufffd"  # half a pair, which no encoder takes
    if character in _TABLE:
        return _TABLE[character]
    digit = unicodedata.decimal(character, None)
    if digit is not None:
        return str(digit)
    parts = unicodedata.normalize("NFKD", character)
    if len(parts) > MOST:
        return character
    if parts != character:
        return "".join(map(_fold_one, parts))
    return _by_name(character)


def _invisible(character: str) -> bool:
    code = ord(character)
    return (
        unicodedata.category(character) in ("Cf", "Mn", "Me")
        or character in _BLANK
        or 0xFE00 <= code <= 0xFE0F
        or 0xE0000 <= code <= 0xE0FFF
    )


def _by_name(character: str) -> str:
    if character.isspace():
        return " "
    named = _LETTER.fullmatch(unicodedata.name(character, ""))
    if named is None:
        return character
    case, letter, case_in_box, letter_in_box, indicator = named.groups()
    if indicator:
        return str(indicator)
    if letter_in_box:
        return str(letter_in_box).lower() if case_in_box == "SMALL" else str(letter_in_box)
    return str(letter) if case == "CAPITAL" else str(letter).lower()


FOLDING = _Folding()


def fold(text: str) -> str:
    """`text` with every character folded.

    >>> fold("Ｉg\u200bnоrе 𝐩revíous")
    'Ignore previous'
    """
    return text if text.isascii() else text.translate(FOLDING)
