"""Suggestions by name: similar names only, whatever the signs."""

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
    ("name", "company"),
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
def test_suggestions_ignore_signs_case_and_legal_form(
    names: Names, name: str, company: str | None
) -> None:
    suggestions = names.suggestions(name)
    assert (suggestions[0].company.name if suggestions else None) == company
    assert all(one.is_same for one in suggestions[:1])


def test_a_similar_name_comes_second_and_is_not_the_same(names: Names) -> None:
    first, second = names.suggestions("Beacon Dental Group")
    assert (first.is_same, second.is_same) == (True, False)
    assert second.company.name == "Beacon Dental"


@pytest.mark.parametrize("name", ["", "   ", "&.,", "\x00", "Zebra Holdings", "x" * 4000, "🦊"])
def test_no_company_is_suggested_without_a_similar_name(names: Names, name: str) -> None:
    assert names.suggestions(name) == []


def test_one_shared_first_word_makes_no_suggestion(names: Names) -> None:
    (only,) = names.suggestions("Willow Creek Medical Center")
    assert only.company.name == "Willow Creek Medical"
    assert not only.is_same


def test_a_name_of_legal_forms_only_keeps_its_words() -> None:
    assert words_of("The Company, Inc.") == ("the", "company", "inc")
