"""Ways to hide a text from a pattern, each the same at every run."""

import base64
import codecs
import json
from collections.abc import Callable
from urllib.parse import quote


def selectors(text: str) -> str:
    """The bytes of `text` as variation selectors, which show nothing."""
    return "".join(chr(0xFE00 + byte) if byte < 16 else chr(0xE0100 + byte - 16) for byte in text.encode())


HOMOGLYPHS = str.maketrans("aeopcxyi", "аеорсхуі")
HIDING: dict[str, Callable[[str], str]] = {
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if c != " " else "\u3000" for c in text),
    "bold letters of mathematics": lambda text: "".join(
        chr(0x1D400 + ord(c) - 65) if c.isupper() else chr(0x1D41A + ord(c) - 97) if c.islower() else c
        for c in text
    ),
    "circled": lambda text: "".join(chr(0x24D0 + ord(c) - 97) if c.islower() else c for c in text),
    "look-alikes": lambda text: text.translate(HOMOGLYPHS),
    "zero-width": lambda text: "\u200b".join(text),
    "joiners and non-joiners": lambda text: "\u200d\u200c".join(text),
    "soft hyphens": lambda text: "\u00ad".join(text),
    "bidi controls": lambda text: "\u202d" + "\u2066".join(text) + "\u202c",
    "variation selectors": lambda text: "\ufe0f".join(text),
    "tags between": lambda text: "\U000e0041".join(text),
    "combining marks": lambda text: "".join(c + "\u0336\u0301" if c != " " else c for c in text),
    "accents": lambda text: text.replace("e", "é").replace("o", "ö").replace("i", "ī"),
    "percent": lambda text: "".join(f"%{ord(c):02X}" for c in text),
    "percent twice": lambda text: "".join(f"%25{ord(c):02x}" for c in text),
    "url": quote,
    "decimal entities": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "hexadecimal entities": lambda text: "".join(f"&#x{ord(c):x};" for c in text),
    "entities in percent": lambda text: quote("".join(f"&#{ord(c)};" for c in text)),
    "unicode escapes": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "byte escapes": lambda text: "".join(f"\\x{ord(c):02x}" for c in text),
    "surrogate pairs": lambda text: json.dumps(HIDING["bold letters of mathematics"](text))[1:-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
    "base64url": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 twice": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode().rstrip("="),
    "hexadecimal": lambda text: text.encode().hex(),
    "tags": lambda text: "".join(chr(0xE0000 + ord(c)) for c in text),
    "bytes as selectors": selectors,
    "bits of zero width": lambda text: "".join(
        "\u200c" if bit == "1" else "\u200b" for byte in text.encode() for bit in f"{byte:08b}"
    ),
}
"""What views see through."""

LEET = str.maketrans("aeiost", "431057")
FLIPPED = str.maketrans("abcdefghijklmnopqrstuvwxyz", "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz")
BEYOND: dict[str, Callable[[str], str]] = {
    "rot13": lambda text: codecs.encode(text, "rot13"),
    "leet": lambda text: text.translate(LEET),
    "backwards": lambda text: text[::-1],
    "upside down": lambda text: text.lower().translate(FLIPPED)[::-1],
    "letters apart": " ".join,
    "dots between": ".".join,
    "base64 after a letter": lambda text: "x" + HIDING["base64"](text),
    "hexadecimal with spaces": lambda text: text.encode().hex(" "),
    "words in two halves": lambda text: " ".join(f"{word[:2]}- {word[2:]}" for word in text.split()),
}
"""What they do not see through; shown so that nobody takes them for more than they are."""
