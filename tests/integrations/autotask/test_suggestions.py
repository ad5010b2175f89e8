"""Suggestions by name: the same whatever its signs, nothing far-fetched, quick among thousands."""

import time

import pytest

from integrations.autotask.api.entities import Company
from integrations.autotask.mapping.suggestions import Names, words_of

COMPANIES = (
    "Beacon Dental Group", "Beacon Dental", "Harborview Realty LLC", "Alder & Finch Architects",
    "Müller Bäckerei GmbH", "The Co", "Willow Creek Medical", "Willow Park Cinema", "日本電気",
)  # fmt: skip


@pytest.fixture(scope="module")
def names() -> Names:
    return Names([Company(number, name, 1, True) for number, name in enumerate(COMPANIES)])


@pytest.mark.parametrize(
    ("asked", "company"),
    [
        ("Beacon Dental Group, Inc.", "Beacon Dental Group"),
        ("harborview realty", "Harborview Realty LLC"),
        ("Alder and Finch Architects Ltd.", "Alder & Finch Architects"),
        ("MUELLER", None),
        ("Muller Backerei", "Müller Bäckerei GmbH"),
        ("The Co.", "The Co"),
        ("日本電気", "日本電気"),
    ],
)
def test_signs_case_and_legal_form_make_no_difference(
    names: Names, asked: str, company: str | None
) -> None:
    found = names.suggestions(asked)
    assert (found[0].company.name if found else None) == company
    assert all(one.is_same for one in found[:1])


def test_a_near_twin_comes_second_and_is_not_the_same(names: Names) -> None:
    first, second = names.suggestions("Beacon Dental Group")
    assert (first.is_same, second.is_same) == (True, False)
    assert second.company.name == "Beacon Dental"


@pytest.mark.parametrize("asked", ["", "   ", "&.,", "\x00", "Zebra Holdings", "x" * 4000, "🦊"])
def test_nothing_is_suggested_where_nothing_is_alike(names: Names, asked: str) -> None:
    assert names.suggestions(asked) == []


def test_one_shared_first_word_is_not_enough(names: Names) -> None:
    (found,) = names.suggestions("Willow Creek Medical Center")
    assert found.company.name == "Willow Creek Medical"
    assert not found.is_same


def test_a_name_of_legal_forms_only_keeps_its_words() -> None:
    assert words_of("The Company, Inc.") == ("the", "company", "inc")


def test_a_page_of_fifty_among_ten_thousand_is_quick() -> None:
    companies = [Company(n, f"Company {n % 97} of Place {n}", 1, True) for n in range(10_000)]
    names = Names(companies)
    began = time.perf_counter()
    for number in range(50):
        names.suggestions(f"Nordwind {number} Logistics")
    assert time.perf_counter() - began < 1
