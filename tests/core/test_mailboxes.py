"""Every spelling of a mailbox is one identity, and two mailboxes are two."""

import unicodedata
from collections.abc import Callable
from urllib.parse import quote

import idna
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.addresses import (
    NotAnAddress,
    address_key,
    can_receive_mail,
    clean_address,
    mail_address,
    search_key,
)

ONE_MAILBOX = (
    (
        "ann@münchen.example",
        "ann@xn--mnchen-3ya.example",
        "ANN@MÜNCHEN.EXAMPLE",
        "ann@mu\u0308nchen.example",
    ),
    (
        "ann@acme.example",
        " ann@acme.example\u00a0",
        "\u200bann@acme.example",
        "an\u00adn@acme.example\ufeff",
        "\u202aann@acme.example\u202c",
        "ａｎｎ＠ａｃｍｅ．ｅｘａｍｐｌｅ",
        "ann@acme\u3002example",
        "ann@acme.example.",
        "ann@acme.example．.",
    ),
    (
        "di@acme.example",
        "mailto:di@acme.example?subject=x",
        "MAILTO:di%40acme.example",
        "SMTP:Di@acme.example",
        "<di@acme.example>",
        '"Lee, Di" <di@acme.example>;',
        "di@acme.example,",
        "'di@acme.example'",
        '"di@acme.example".',
        "Di <di@acme.example>.",
        '"di"@acme.example',
    ),
    (
        "gizem@acme.example",
        "GİZEM@acme.example",
        "GIZEM@acme.example",
        "gızem@acme.example",
        "gi\u0307zem@ACME.example",
    ),
    ("jürgen@müller.example", "ju\u0308rgen@xn--mller-kva.example", "JÜRGEN@Müller.example"),
)
TWO_MAILBOXES = (
    ("first.last@acme.example", "first.last+tag@acme.example"),
    ("ed@acme.example", "ed.two@acme.example"),
    ("weiss@acme.example", "weiß@acme.example"),
    ("ann@strasse.example", "ann@straße.example"),
    ("ann@acme.example", "ann@\u0430cme.example"),
)
NO_ADDRESS = (
    "",
    "ann",
    "@acme.example",
    "ann@",
    "a b@acme.example",
    "a@b@c",
    "a@x.example; b@x.example",
    "ann@-x.example",
    "ann@a..example",
    "a\tb@x.example",
    "(ann)@x.example",
    f"{'x' * 250}@acme.example",
    f"ann@{'x' * 64}.example",
    "ann@x.example\x07",
)


@pytest.mark.parametrize("spellings", ONE_MAILBOX, ids=lambda each: each[0])
def test_spellings_of_one_mailbox(spellings: tuple[str, ...]) -> None:
    assert {address_key(each) for each in spellings} == {spellings[0]}


@pytest.mark.parametrize("pair", TWO_MAILBOXES, ids=lambda each: each[1])
def test_two_mailboxes(pair: tuple[str, str]) -> None:
    assert address_key(pair[0]) != address_key(pair[1])


@pytest.mark.parametrize("text", NO_ADDRESS)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(NotAnAddress):
        clean_address(text)


@pytest.mark.parametrize(
    ("address", "gets_mail"),
    [
        ("o'brien@acme.example", True),
        ("john.@docomo.example", True),
        ("user@localhost", True),
        ("svc@acme.local", True),
        ("user@münchen.example", True),
        ("gwen_partner.example#ext#@acme.example", True),
        ("jürgen@müller.example", False),
        ("root@server", False),
        ("a@[192.168.0.1]", False),
    ],
)
def test_an_identity_need_not_get_mail(address: str, gets_mail: bool) -> None:
    assert clean_address(address) == address
    assert can_receive_mail(address) is gets_mail


def test_mail_for_a_sharp_s_goes_to_its_own_domain() -> None:
    assert mail_address("ann@straße.example") == "ann@xn--strae-oqa.example"


def test_a_part_of_any_spelling_is_found() -> None:
    key = address_key("Gızem@MÜNCHEN.example")
    for typed in ("GİZEM", "gizem@m", "münch", "MU\u0308NCH", "xn--mnchen-3ya", "\u200bｇｉｚｅｍ"):
        assert search_key(typed) in key, typed


LOCAL = st.text(st.sampled_from("abcıiİIşßzéа0123456789.+-_'&"), min_size=1, max_size=12).filter(
    lambda each: each[0] not in ".'" and each[-1] not in ".'"
)
LABEL = st.text(st.sampled_from("abcdefgmnxyzäöüéßжд0123"), min_size=1, max_size=10).filter(
    lambda each: not each.startswith("xn")
)
Respelled = Callable[[str], str]


def _punycode(address: str) -> str:
    local, _, domain = address.rpartition("@")
    return f"{local}@{'.'.join(idna.alabel(one).decode() for one in domain.split('.'))}"


def _wide(address: str) -> str:
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in address)


def _decomposed(address: str) -> str:
    return unicodedata.normalize("NFD", address)


def _turkish_upper(address: str) -> str:
    return address.replace("i", "İ").replace("ß", "ẞ").upper()


IN_OTHER_LETTERS: tuple[Respelled, ...] = (
    str,
    _punycode,
    _wide,
    _decomposed,
    _turkish_upper,
    str.title,
    "\u00ad".join,
)
COPIED_WITH_MORE: tuple[Respelled, ...] = (
    str,
    lambda address: f" \u200b{address}\u00a0",
    lambda address: f"Ann Lee <{address}>",
    lambda address: f"SMTP:{address}",
    lambda address: f"mailto:{quote(address)}",
    lambda address: f"{address}.",
)


@settings(max_examples=400, deadline=None)
@given(
    LOCAL,
    st.lists(LABEL, min_size=1, max_size=3),
    st.sampled_from(IN_OTHER_LETTERS),
    st.sampled_from(COPIED_WITH_MORE),
    st.sampled_from(("", ";", ",", " ;\n")),
)
@example("gızem", ["münchen"], _turkish_upper, str, "")
def test_random_spellings_are_one_mailbox(
    local: str, labels: list[str], letters: Respelled, more: Respelled, behind: str
) -> None:
    address = f"{local}@{'.'.join([*labels, 'example'])}"
    # The upper case of ß is SS in some programs, which is another mailbox.
    spelled = address if letters is str.title and "ß" in address else letters(address)
    spelled = more(spelled) + behind
    assert address_key(spelled) == address_key(address), spelled
    clean = clean_address(spelled)
    assert clean_address(clean) == clean
    assert address_key(clean) == address_key(spelled) == address_key(address_key(spelled))


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=60))
def test_any_text_has_a_stable_key(text: str) -> None:
    key = address_key(text)
    assert key == address_key(text)
    try:
        clean = clean_address(text)
    except NotAnAddress:
        return
    assert clean_address(clean) == clean
    assert address_key(clean) == key
    assert clean.isprintable()
    assert clean.count("@") >= 1
