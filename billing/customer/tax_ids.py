"""Tax ids, checked by the rules of their country (python-stdnum), without a request."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

from stdnum.au import abn
from stdnum.br import cnpj
from stdnum.ca import bn
from stdnum.ch import uid
from stdnum.ch import vat as swiss_vat
from stdnum.eu import vat as eu_vat
from stdnum.exceptions import ValidationError
from stdnum.gb import vat as british_vat
from stdnum.in_ import gstin
from stdnum.mx import rfc
from stdnum.no import mva, orgnr
from stdnum.sg import uen
from stdnum.us import ein

from billing.customer.addresses import country_name


class NoTaxId(ValueError):
    """The text is not a tax id of the country. The message is shown to the user."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of tax id: its name, an example, and the function that checks and formats it."""

    name: str
    example: str
    read: Callable[[str], str]


def kind_of(country: str) -> Kind | None:
    """The kind of a country's tax id; None if the ids of the country are not checked."""
    if country.lower() in eu_vat.MEMBER_STATES:
        prefix = "EL" if country == "GR" else country
        example = _EU_EXAMPLES.get(country, f"{prefix} and its digits")
        return Kind("VAT number", example, _european(prefix))
    return _KINDS.get(country)


def checked_tax_id(*, country: str, typed: str) -> str:
    """The tax id in the format of its country; as typed if the country's are not checked.

    Raises `NoTaxId`.
    """
    kind = kind_of(country)
    if kind is None or not typed:
        return typed
    try:
        return kind.read(typed)
    except ValidationError as problem:
        raise NoTaxId(
            f"No such {kind.name} exists in {country_name(country)}: check its digits. "
            f"One looks like {kind.example}."
        ) from problem


def _european(prefix: str) -> Callable[[str], str]:
    def read(typed: str) -> str:
        bare = typed.upper().replace(" ", "")
        return str(eu_vat.validate(bare if bare.startswith(prefix) else prefix + bare))

    return read


def _with_prefix(module: ModuleType, prefix: str) -> Callable[[str], str]:
    def read(typed: str) -> str:
        bare = typed.upper().strip()
        bare = bare.removeprefix(prefix).strip()
        return f"{prefix}{module.validate(bare)}"

    return read


def _formatted(*modules: ModuleType) -> Callable[[str], str]:
    """Format by the first of these modules that accepts the id."""

    def read(typed: str) -> str:
        for module in modules[:-1]:
            if module.is_valid(typed):
                return _written(module, typed)
        return _written(modules[-1], typed)

    return read


def _written(module: ModuleType, typed: str) -> str:
    valid = str(module.validate(typed))
    return str(module.format(valid)) if hasattr(module, "format") else valid


_EU_EXAMPLES = {
    "AT": "ATU13585627",
    "BE": "BE0403019261",
    "DE": "DE136695976",
    "DK": "DK13585628",
    "ES": "ESB58378431",
    "FR": "FR40303265045",
    "GR": "EL094259216",
    "IE": "IE6433435F",
    "IT": "IT00743110157",
    "NL": "NL004495445B01",
    "PL": "PL8567346215",
    "SE": "SE123456789701",
}
_SWISS = Kind("UID or VAT number", "CHE-107.787.577 MWST", _formatted(swiss_vat, uid))
_KINDS = {
    "AU": Kind("ABN", "51 824 753 556", _formatted(abn)),
    "BR": Kind("CNPJ", "16.727.230/0001-97", _formatted(cnpj)),
    "CA": Kind("Business Number", "123026635RC0001", _formatted(bn)),
    "CH": _SWISS,
    "GB": Kind("VAT number", "GB980780684", _with_prefix(british_vat, "GB")),
    "IN": Kind("GSTIN", "27AAPFU0939F1ZV", _formatted(gstin)),
    "LI": _SWISS,
    "MX": Kind("RFC", "GODE561231GR8", _formatted(rfc)),
    "NO": Kind("organisation number", "988 077 917", _formatted(mva, orgnr)),
    "SG": Kind("UEN", "197401143C", _formatted(uen)),
    "US": Kind("EIN", "12-3456789", _formatted(ein)),
}
