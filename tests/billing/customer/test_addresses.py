"""Addresses and tax ids by the rules of each country."""

import pytest

from billing.customer.addresses import (
    PARTS,
    address_lines,
    country_choices,
    country_name,
    postal_code_problem,
    rules_for,
)
from billing.customer.tax_ids import NoTaxId, checked_tax_id

COUNTRIES = [code for code, _ in country_choices() if code]


@pytest.mark.parametrize(
    ("country", "parts", "lines"),
    [
        (
            "US",
            ("500 Example Street\nSuite 4", "", "Denver", "CO", "80202"),
            ["500 Example Street", "Suite 4", "Denver, CO 80202"],
        ),
        ("DE", ("Kai 1", "", "Hamburg", "", "20457"), ["Kai 1", "20457 Hamburg"]),
        ("CH", ("Bahnhofstr. 1", "", "Zürich", "", "8001"), ["Bahnhofstr. 1", "CH-8001 Zürich"]),
        ("GB", ("1 High St", "", "London", "", "EC1Y 8SY"), ["1 High St", "London", "EC1Y 8SY"]),
        ("JP", ("中央区1-2", "", "", "東京都", "104-0061"), ["〒104-0061", "東京都", "中央区1-2"]),
        ("JP", ("1-2 Chuo", "", "", "東京都", "104-0061"), ["1-2 Chuo, Tokyo", "104-0061"]),
        ("BR", ("Rua 1", "Sé", "São Paulo", "SP", "01310-100"),
         ["Rua 1", "Sé", "São Paulo-SP", "01310-100"]),
        ("HK", ("1 Queen's Rd", "", "", "Kowloon", ""), ["1 Queen's Rd", "Kowloon"]),
    ],
)  # fmt: skip
def test_an_address_has_the_format_of_its_country(country, parts, lines):
    typed = dict(zip(PARTS, parts, strict=False))

    assert address_lines(country=country, parts=typed) == lines


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_country_has_labelled_fields_and_formats_an_address(country):
    fields = rules_for(country).fields
    parts = {field.name: field.choices[0][0] if field.choices else "X1" for field in fields}

    assert all(field.label for field in fields)
    assert any(field.name == "street_address" and field.is_required for field in fields)
    assert "X1" in " ".join(address_lines(country=country, parts=parts))
    assert address_lines(country=country, parts={}) == []
    assert country_name(country)


@pytest.mark.parametrize("country", COUNTRIES)
def test_the_example_postal_code_of_every_country_is_valid(country):
    field = rules_for(country).field("postal_code")
    if field and field.example:
        assert not postal_code_problem(country=country, region="", postal_code=field.example)


@pytest.mark.parametrize(
    ("country", "region", "postal_code"),
    [("US", "", "8020"), ("US", "CO", "10001"), ("GB", "", "GIR 0AAxx"), ("DE", "", "D-20457")],
)
def test_an_unknown_postal_code_is_refused(country, region, postal_code):
    assert postal_code_problem(country=country, region=region, postal_code=postal_code)


@pytest.mark.parametrize(
    ("country", "typed", "formatted"),
    [
        ("DE", "136 695 976", "DE136695976"),
        ("GR", "094259216", "EL094259216"),
        ("GB", "GB 980 7806 84", "GB980780684"),
        ("CH", "che107787577", "CHE-107.787.577"),
        ("AU", "51824753556", "51 824 753 556"),
        ("US", "123456789", "12-3456789"),
        ("KE", "P051234567M", "P051234567M"),
        ("DE", "", ""),
    ],
)
def test_a_tax_id_gets_the_format_of_its_country(country, typed, formatted):
    assert checked_tax_id(country=country, typed=typed) == formatted


@pytest.mark.parametrize(
    ("country", "typed"),
    [("DE", "DE136695977"), ("FR", "DE136695976"), ("GB", "980780685"), ("AU", "1"), ("US", "0")],
)
def test_an_invalid_tax_id_is_refused_with_its_country(country, typed):
    with pytest.raises(NoTaxId, match=country_name(country)):
        checked_tax_id(country=country, typed=typed)
