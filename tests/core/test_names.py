"""Names that look the same have one key, and are shown without what can't be seen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.names import clean_name, look_alikes, name_key, reads_like

# The first of each in letters of other scripts.
LOOKS_LIKE = (
    ("\u0410\u0441\u043c\u0435", "Acme"),
    ("\u0391\u0392\u0395", "ABE"),
    ("A\u0441me", "ACME"),
    ("Ａｃｍｅ", "Acme"),
    (" Ac\u200bme\u00a0\u00a0Inc\t", "acme inc"),
    ("Zoe\u0308", "Zoë"),
    ("\u0412\u0415\u0422\u0410", "beta"),
)


@pytest.mark.parametrize(("name", "like"), LOOKS_LIKE, ids=ascii)
def test_names_that_look_the_same(name: str, like: str) -> None:
    assert name_key(name) == name_key(like)
    assert reads_like(like, name)
    assert reads_like(name, like)


@pytest.mark.parametrize(
    ("name", "other"),
    [("Zoe", "Zoë"), ("Weiss", "Weis"), ("Site 1", "Site l"), ("Comer", "Corner")],
)
def test_names_that_a_reader_tells_apart(name: str, other: str) -> None:
    assert name_key(name) != name_key(other)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Ann\nLee", "Ann Lee"),
        ("Bo\tDiaz", "Bo Diaz"),
        ("  Zoe\u0308 \u00a0 X ", "Zoë X"),
        ("\ufeffAnn\u200b", "Ann"),
        (
            "\u06a9\u062a\u0627\u0628\u200c\u0647\u0627",
            "\u06a9\u062a\u0627\u0628\u200c\u0647\u0627",
        ),
        ("A\u200cnn", "Ann"),
        ("\u202eevil", "\u202eevil"),
    ],
)
def test_a_name_is_cleaned(typed: str, shown: str) -> None:
    assert clean_name(typed) == shown


@given(st.text(max_size=40))
def test_cleaning_is_final_and_changes_no_key(text: str) -> None:
    clean = clean_name(text)
    assert clean_name(clean) == clean
    assert name_key(clean) == name_key(text)
    assert name_key(name_key(text)) == name_key(text)


def test_only_letters_of_other_scripts_are_folded() -> None:
    assert len(look_alikes()) > 300
    assert all(letter > 127 and plain.isascii() for letter, plain in look_alikes().items())
