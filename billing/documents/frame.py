"""What all documents have around their content: paper, logo, parties, and the QR code of a link."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import segno
from django.conf import settings

# Where people print on US Letter (CLDR, paper sizes); everywhere else on A4.
LETTER_COUNTRIES = frozenset(
    ("BZ", "CA", "CL", "CO", "CR", "GT", "MX", "NI", "PA", "PH", "PR", "SV", "US", "VE")
)
# The address of the logo inside of a document; the only one that the renderer resolves.
LOGO = "seller:logo"


def frame(buyer: Mapping[str, Any]) -> dict[str, str]:
    """The paper of the buyer's country, and the address of the seller's logo or ""."""
    is_letter = buyer.get("country") in LETTER_COUNTRIES
    return {"paper": "letter" if is_letter else "A4", "logo": LOGO if settings.SELLER_LOGO else ""}


def logo_bytes() -> bytes:
    """The file of the seller's logo (setting SELLER_LOGO)."""
    return _read(settings.SELLER_LOGO)


def logo_digest() -> str:
    """The SHA-256 of the logo (hex); empty without one."""
    return hashlib.sha256(logo_bytes()).hexdigest() if settings.SELLER_LOGO else ""


@cache
def _read(path: str) -> bytes:
    return Path(path).read_bytes()


@dataclass(frozen=True, slots=True)
class QrCode:
    """A QR code with its quiet zone: the modules on a side, and an SVG path of the dark ones."""

    size: int
    path: str

    @classmethod
    def of(cls, address: str) -> "QrCode":
        """The code of an address."""
        rows = list(segno.make_qr(address, error="l", boost_error=False).matrix_iter(border=4))
        dark = (
            f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, bit in enumerate(row) if bit
        )
        return cls(size=len(rows), path="".join(dark))
