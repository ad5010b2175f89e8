"""What searches compare is the same in Python and in the database."""

import sys
import unicodedata

import pytest
from django.db import connection

from core.search_text import folded, search_text

TYPED = {
    "José": "jose",
    "  JOSÉ\u00a0 García ": "jose garcia",
    "Jose\u0301": "jose",
    "Søren Łukasz Đorđe": "soren lukasz dorde",
    "İstanbul ısı": "istanbul isi",
    "ann@xn--mller-kva.example": "ann@muller.example",
    "MÜLLER.example": "muller.example",
    "Асmе": "acme",  # Cyrillic
    "ﬁrst\u200b": "first",
    "ΟΔΟΣ": "ox316x264oo",
    "οδος": "ox316x264oo",
    "Straße": "strax303x237e",
    "東京\\x": "x346x235x261x344x272x254xxx",
}


@pytest.mark.parametrize("typed", TYPED)
def test_case_accents_and_look_alikes_are_one_text(typed: str) -> None:
    assert search_text(typed) == TYPED[typed]


def in_database(text: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT public.search_text(%s)", [text])
        return str(cursor.fetchone()[0])


@pytest.mark.django_db
@pytest.mark.parametrize("typed", [typed for typed in TYPED if "xn--" not in typed])
def test_the_database_finds_what_is_stored(typed: str) -> None:
    stored = " ".join(unicodedata.normalize("NFC", typed).split())
    assert in_database(stored) == TYPED[typed]


@pytest.mark.django_db
def test_each_letter_is_the_same_in_both() -> None:
    """Each letter of Python's Unicode; PostgreSQL knows later ones too."""
    letters = [
        chr(code)
        for code in range(0x80, sys.maxunicode)
        if unicodedata.category(chr(code))[0] in "LM"
    ]
    found = in_database("\n".join(letters)).split("\n")
    assert "".join(found).isascii()
    in_python = (folded(letter) for letter in letters)
    differing = [each for each in zip(letters, in_python, found, strict=True) if each[1] != each[2]]
    assert differing == [], "Replace public.search_text in a migration."
