"""Mailboxes of the proof of identities, and the many ways in which people and tools write them.

Each mailbox is made here in its one true form, so the proof never has to read a spelling.
"""

import random
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

# Zero-width characters, marks of direction, a byte order mark, a soft hyphen.
_INVISIBLE = "\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad"
_BLANKS = (" ", "  ", "\t", "\u00a0", "\u3000", " \u2009")
_BEHIND = (",", ";", " ;", ", ", ";;", ".")
_OFTEN, _SELDOM = 0.4, 0.06


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox in its true form: lower case, composed, the domain in Unicode."""

    local: str
    domain: str

    @property
    def address(self) -> str:
        """The address as the product should show it."""
        return f"{self.local}@{self.domain}"


def punycode(domain: str) -> str:
    """The ASCII form of a domain whose letters are the same in every version of IDNA."""
    return domain.encode("idna").decode()


def spelled(dice: random.Random, mailbox: Mailbox, *, name: str = "") -> str:
    """One of the spellings of a mailbox; `name` is put before it in some."""
    domain = punycode(mailbox.domain) if dice.random() < _OFTEN else mailbox.domain
    text = _cased(dice, f"{mailbox.local}@{domain}")
    for change in (_turkish, _other_dots, _decomposed, _wide, _invisible):
        if dice.random() < _SELDOM:
            text = change(dice, text)
    if dice.random() < _SELDOM * 2:
        text = _wrapped(dice, text, name)
    if dice.random() < _SELDOM and not text.endswith("."):
        text += dice.choice(_BEHIND)
    if dice.random() < _SELDOM:
        text = dice.choice(_BLANKS) + text + dice.choice(_BLANKS)
    return text


def spelled_in(dice: random.Random, mailbox: Mailbox, encoding: str, *, name: str = "") -> str:
    """One of the spellings that an encoding can hold."""
    for _ in range(8):
        text = spelled(dice, mailbox, name=name)
        if fits(text, encoding):
            return text
    return f"{mailbox.local}@{punycode(mailbox.domain)}"


def fits(text: str, encoding: str) -> bool:
    """Whether an encoding has all characters of the text."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _cased(dice: random.Random, text: str) -> str:
    case: Callable[[str], str] = dice.choice(
        (str.lower, str.lower, str.upper, str.title, lambda each: _any_case(dice, each))
    )
    return case(text)


def _any_case(dice: random.Random, text: str) -> str:
    return "".join(dice.choice((letter.lower(), letter.upper())) for letter in text)


def _turkish(dice: random.Random, text: str) -> str:
    """The i of a local part as Turkish keyboards and programs write it."""
    local, _, domain = text.partition("@")
    pair = dice.choice((("i", "\u0131"), ("I", "\u0130"), ("i", "i\u0307")))
    return f"{local.replace(*pair)}@{domain}"


def _other_dots(dice: random.Random, text: str) -> str:
    """Dots as in East Asian texts, or one behind the domain."""
    local, _, domain = text.partition("@")
    kind = dice.choice(("\u3002", "\uff0e", "end"))
    return f"{text}." if kind == "end" else f"{local}@{domain.replace('.', kind)}"


def _decomposed(_: random.Random, text: str) -> str:
    return unicodedata.normalize("NFD", text)


def _wide(_: random.Random, text: str) -> str:
    """In full width."""
    return "".join(chr(ord(each) + 0xFEE0) if "!" <= each <= "~" else each for each in text)


def _invisible(dice: random.Random, text: str) -> str:
    for _ in range(dice.choice((1, 1, 2))):
        at = dice.randint(0, len(text))
        text = text[:at] + dice.choice(_INVISIBLE) + text[at:]
    return text


def _wrapped(dice: random.Random, text: str, name: str) -> str:
    return dice.choice(
        (
            f"<{text}>",
            f"{name} <{text}>",
            f"mailto:{text}",
            f"MAILTO: {text}",
            f"SMTP:{text}",
            f"smtp:{text}",
            f"'{text}'",
            f'"{text}"',
            f"<mailto:{text}>",
        )
    )
