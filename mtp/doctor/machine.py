"""This machine: disk, compiled assets, the renderer of documents, and the keys."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from billing.documents.fonts import FONTS, printable_characters
from billing.documents.rendering import pdf_of
from integrations.key_rotation import key_use
from mtp.doctor.findings import Finding, note, problem

FEWEST_FREE_BYTES = 1 << 30
SHOWN = 3
# A letter of each script that documents print.
SAMPLE = (
    "Aa Ää Жж Ωω שלום مرحبا नमस्ते สวัสดี 漢字 かな 한글 "
    "ქართული Հայերեն አማርኛ தமிழ் বাংলা မြန်မာ ខ្មែរ ລາວ བོད ⵜⵉⴼ ᏣᎳᎩ ߒߞߏ 𠮷 🚀"
)


def disk() -> Iterator[Finding]:
    """Free space where documents and exports are written for a moment."""
    directory = Path(tempfile.gettempdir())
    free = shutil.disk_usage(directory).free
    shown = f"{free / (1 << 30):.1f} GB free in {directory}."
    if not os.access(directory, os.W_OK):
        yield problem(
            "Disk", f"{directory} is not writable.", "Mount a writable directory, or set TMPDIR."
        )
    elif free < FEWEST_FREE_BYTES:
        yield problem("Disk", shown, "Free 1 GB: backups, exports and documents are written there.")
    else:
        yield Finding("Disk", shown)


def assets() -> Iterator[Finding]:
    """Whether the compiled assets were collected; only production serves them from there."""
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if not settings.IS_PRODUCTION:
        yield Finding("Assets", "Served from the checkout.")
    elif manifest.is_file():
        yield Finding("Assets", f"Collected in {settings.STATIC_ROOT}.")
    else:
        yield problem("Assets", f"{manifest} is missing.", "Run manage.py collectstatic --noinput.")


def fonts() -> Iterator[Finding]:
    """Whether a document can be rendered, with a font for each script."""
    pdf_of(html=f"<html lang='en'><title>Doctor</title><p>{SAMPLE}</p></html>", identifier="doctor")
    missing = set(SAMPLE) - printable_characters()
    if missing:
        yield problem(
            "Fonts",
            f"No font has {''.join(sorted(missing))}: documents would show boxes.",
            f"Restore {FONTS} from the release.",
        )
    else:
        yield Finding("Fonts", "A document was rendered; every script has a font.")


def keys() -> Iterator[Finding]:
    """Former keys that may go, and stored secrets that no key reads."""
    use = key_use()
    if use.unreadable:
        yield problem(
            "Keys",
            f"The stored secrets of {len(use.unreadable)} providers were encrypted with a key that "
            f"is not in ENCRYPTION_KEYS: {', '.join(use.unreadable[:SHOWN])}.",
            "Put the former key back at its end, or have them connect Autotask again.",
        )
    former = sum(use.secrets[at] for at in range(1, len(settings.ENCRYPTION_KEYS)))
    if former:
        yield note(
            "Keys",
            f"{former} stored secrets need a former key of ENCRYPTION_KEYS.",
            "Run manage.py rotate_encryption_keys.",
        )
    for at in use.unused:
        yield note("Keys", f"Key {at + 1} of ENCRYPTION_KEYS is not used any more.", "Remove it.")
    if settings.SECRET_KEY_FALLBACKS:
        yield note(
            "Keys",
            "SECRET_KEY_FALLBACKS still verifies sessions of former keys.",
            "Remove it 14 days after the change.",
        )
    if not use.unreadable:
        yield Finding("Keys", f"{use.secrets.total()} stored secrets are readable.")
