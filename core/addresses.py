"""E-mail addresses as identities: the one rule for which spellings are one mailbox.

Forms, API, imports, activity, sign-in and contacts read addresses with `clean_address`, and compare
them by `address_key` (docs/decisions/0049). Pure.
"""

import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote

import idna

from core.text import without_invisible

LONGEST_ADDRESS = 254
LONGEST_LABEL = 63
_PUNYCODE = "xn--"
# NFKC makes the full-width and the small @ a plain one.
_AT = "@\uff20\ufe6b"
_WITH_ADDRESS = re.compile(rf"[{_AT}](?<=[^\s{_AT}].)[^\s{_AT}]")
# Most addresses: nothing is around them but the mark of a proxy, and the domain is in ASCII.
_PLAIN = re.compile(
    r"(?:smtp:)?([^\s\"(),:;<>@\[\]\\]+@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*"
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)",
    re.ASCII,
)
_NAMED = re.compile(r"[^<>]*<([^<>]*@[^<>]*)>", re.DOTALL)
_SCHEME = re.compile(r"(mailto|smtp)\s*:\s*(.*)", re.IGNORECASE | re.DOTALL)
# A full stop behind what is around an address; behind a domain it belongs to that.
_DOT_BEHIND = re.compile(r"""[>"'`]\.$""")
_LOCAL_PART = re.compile(r"""[^\s"(),:;<>@\[\]\\]+|"(?:[^"\\]|\\.)+\"""")
# Between the addresses of a list, as mail programs and spreadsheets separate and name them.
_LISTED = re.compile(r"[^\s<>(),;\"]+@[^\s<>(),;\"]+")
_QUOTED_PLAIN = re.compile(r'"([^\s"(),:;<>@\[\]\\]+)"')
_ASCII_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?", re.ASCII)
_GUEST = re.compile(r"\s*([^<>]+)_([^_@<>#]+)#ext#@", re.IGNORECASE)
_LITERAL = re.compile(r"\[(?:ipv6:)?[0-9a-f:.]+\]", re.ASCII)
# The upper and lower case of a Turkish i, and what Unicode's own rules make of them.
_TURKISH = (("\u0130", "i"), ("i\u0307", "i"))
_FOLDED = str.maketrans({"\u0131": "i", "\u03c2": "\u03c3"})
_HAS_FOLDED = re.compile("[\u0131\u03c2]")


class NotAnAddress(ValueError):
    """The text is not one e-mail address."""


def user_address(text: str) -> str:
    """The clean address of the person whom a text names: a guest's own, as of `guest_address`.

    Forms, API and files of users and activity read addresses with it. Raises `NotAnAddress`.
    """
    return clean_address(guest_address(text))


def may_have_address(text: str) -> bool:
    """Whether something in the text looks like an address, in any of its spellings."""
    return bool(_WITH_ADDRESS.search(text))


def is_guest_name(text: str) -> bool:
    """Whether it is the name that Microsoft Entra gives to a guest's account."""
    return "#ext#" in text.lower()


def guest_address(text: str) -> str:
    """The address inside of a guest's user principal name; any other text as it is.

    ann_x.example#EXT#@y.example is ann@x.example.
    """
    found = _GUEST.match(text) if is_guest_name(text) else None
    return f"{found[1]}@{found[2]}" if found else text


def clean_address(text: str) -> str:
    """The address in a text, in lower case and Unicode, without what was copied along with it.

    Removed: blanks, invisible characters, the name and brackets of `Ann <a@b>`, `mailto:`, `SMTP:`,
    quotation marks around it, and separators behind it. The domain may be in Unicode or punycode,
    with or without a dot at its end. Letters outside ASCII are allowed before the @ too, where no
    mail can be sent to (`can_receive_mail`), and so are domains of one label. Raises
    `NotAnAddress`.
    """
    plain = text.lower() if text.isascii() else _lower(_normalized(text))
    if (
        len(plain) <= LONGEST_ADDRESS
        and _PUNYCODE not in plain
        and (found := _PLAIN.fullmatch(plain))
        and plain.isprintable()
    ):
        return found[1]
    local, _, domain = _unwrapped(text).rpartition("@")
    address = f"{_clean_local_part(local)}@{_clean_domain(domain)}"
    if len(address) > LONGEST_ADDRESS or not address.isprintable():
        raise NotAnAddress
    return address


def address_key(text: str) -> str:
    """The same text for every spelling of a mailbox; a text without an address is folded.

    A dotless i is an i, because keyboards and programs in Turkish change one into the other.
    """
    try:
        address = clean_address(text)
    except NotAnAddress:
        address = _lower(_normalized(text)).strip()
    return key_of_clean(address)


def key_of_clean(address: str) -> str:
    """The `address_key` of an address that is clean already."""
    return address.translate(_FOLDED) if _HAS_FOLDED.search(address) else address


def listed_keys(text: str) -> list[str]:
    """The `address_key` of each address in a list that was typed or pasted, each once."""
    return list(dict.fromkeys(address_key(found) for found in _LISTED.findall(text)))


def search_key(text: str) -> str:
    """A part of an address, as typed into a search box, as it would be in an `address_key`."""
    folded = _lower(_normalized(guest_address(text))).strip().translate(_FOLDED)
    return re.sub(r"xn--[a-z0-9-]+", lambda label: _unicode_label(label[0]), folded)


def can_receive_mail(address: str) -> bool:
    """Whether mail can be sent to a clean address: ASCII before the @, a domain behind it."""
    local, _, domain = address.rpartition("@")
    return (
        local.isascii() and not domain.startswith("[") and ("." in domain or domain == "localhost")
    )


def mail_address(address: str) -> str:
    """The clean address with its domain in punycode, as mail servers take it.

    By IDNA 2008, as registries do: Python's own codec would send mail for straße.de to strasse.de.
    """
    local, at, domain = address.rpartition("@")
    if domain.isascii():
        return address
    return f"{local}{at}{'.'.join(_ascii_label(label) for label in domain.split('.'))}"


def _normalized(text: str) -> str:
    """Without invisible characters and compatibility forms such as full width."""
    # Twice: some compatibility forms are made of invisible characters.
    return without_invisible(unicodedata.normalize("NFKC", without_invisible(text)))


def _lower(text: str) -> str:
    for letter, plain in _TURKISH:
        text = text.replace(letter, plain)
    lower = unicodedata.normalize("NFC", text.lower())
    return lower.replace("i\u0307", "i")


def _unwrapped(text: str) -> str:
    while True:
        before, text = text, _normalized(text).strip(" \t,;")
        if _DOT_BEHIND.search(text):
            text = text[:-1]
        if named := _NAMED.fullmatch(text):
            text = named[1]
        elif scheme := _SCHEME.fullmatch(text):
            text = scheme[2]
            if scheme[1].lower() == "mailto":
                text = unquote(text.partition("?")[0])
        elif len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`":
            text = text[1:-1]
        if text == before:
            return text


def _clean_local_part(local: str) -> str:
    if quoted := _QUOTED_PLAIN.fullmatch(local):
        local = quoted[1]
    if not _LOCAL_PART.fullmatch(local):
        raise NotAnAddress
    return _lower(local)


@lru_cache(maxsize=128)
def _clean_domain(domain: str) -> str:
    domain = _lower(domain).replace("\u3002", ".").rstrip(".")
    if _LITERAL.fullmatch(domain):
        return domain
    return ".".join(_clean_label(label) for label in domain.split("."))


def _clean_label(label: str) -> str:
    label = _unicode_label(label)
    ascii_part = "".join(filter(str.isascii, label))
    if not label or len(_ascii_label(label)) > LONGEST_LABEL:
        raise NotAnAddress
    is_sound = _ASCII_LABEL.fullmatch(label) if label.isascii() else _is_domain_text(ascii_part)
    if not is_sound:
        raise NotAnAddress
    return label


def _is_domain_text(text: str) -> bool:
    return all(character.isalnum() or character in "-_" for character in text)


def _unicode_label(label: str) -> str:
    """The label in Unicode; an invalid one as it is."""
    if label.startswith(_PUNYCODE):
        try:
            label = _lower(_normalized(label[len(_PUNYCODE) :].encode().decode("punycode")))
        except UnicodeError:
            return label
    if label.isascii():
        return label
    try:
        mapped = idna.uts46_remap(label, std3_rules=False, transitional=False)
    except idna.IDNAError:
        return label
    return _lower(mapped)


def _ascii_label(label: str) -> str:
    if label.isascii():
        return label
    try:
        return idna.alabel(label).decode()
    except idna.IDNAError:
        return f"{_PUNYCODE}{label.encode('punycode').decode()}"
