"""What decides a document besides its invoice: our own code, styles and fonts, and the renderer.

Where a stored document was typeset by the same, rendering it again gives the same bytes
(docs/decisions/0007), and verification compares them.
"""

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from django.conf import settings

from billing.models import InvoiceDocument

HERE = Path(__file__).parent
ROOM = HERE.parent
TEMPLATES = ROOM.parent / "templates" / "billing" / "documents"
CSV_SOURCES = (HERE / "invoice_csv.py", ROOM / "money.py", ROOM / "why_links.py")
RENDERERS = ("weasyprint", "pydyf", "tinycss2", "fonttools", "pillow")


def typeset_by(document_format: InvoiceDocument.Format) -> str:
    """The SHA-256 (hex) of all that decides the bytes, as of this process."""
    if document_format is InvoiceDocument.Format.CSV:
        return _digest(CSV_SOURCES, settings.SITE_URL)
    return _typeset_pdf(settings.SITE_URL)


@cache
def _typeset_pdf(site_url: str) -> str:
    from weasyprint.text.ffi import pango  # noqa: PLC0415 - 40 MB that only a renderer has

    sources = (
        *sorted(HERE.glob("*.py")),
        *sorted(HERE.glob("*.css")),
        *sorted((HERE / "fonts").iterdir()),
        *sorted(TEMPLATES.glob("*.html")),
        *(ROOM / f"{name}.py" for name in ("money", "wording", "why_links")),
    )
    versions = [f"{name} {version(name)}" for name in RENDERERS]
    return _digest(sources, site_url, *versions, f"pango {pango.pango_version()}")


def _digest(sources: tuple[Path, ...], *texts: str) -> str:
    whole = hashlib.sha256()
    for source in sources:
        whole.update(hashlib.sha256(source.read_bytes()).digest())
    for text in texts:
        whole.update(hashlib.sha256(text.encode()).digest())
    return whole.hexdigest()
