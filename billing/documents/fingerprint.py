"""The fingerprint of a document: everything that decides its bytes besides the invoice itself.

A stored document with the current fingerprint can be rendered again to the same bytes
(docs/decisions/0007); verification does that and compares them.
"""

import hashlib
from functools import cache
from importlib.metadata import version

from django.conf import settings

from billing.models import InvoiceDocument

# Raise it in the same commit as any change of what a document says or looks like: its template,
# styles, fonts, texts or number formats. tests/billing/test_golden_documents.py fails until then.
LAYOUT_VERSION = 1
RENDERERS = ("weasyprint", "pydyf", "tinycss2", "fonttools", "pillow")


def fingerprint(document_format: InvoiceDocument.Format) -> str:
    """The fingerprint (SHA-256, hex) of documents that this process renders in this format."""
    parts = [f"layout {LAYOUT_VERSION}", settings.SITE_URL]
    if document_format is InvoiceDocument.Format.PDF:
        parts += _renderers()
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@cache
def _renderers() -> tuple[str, ...]:
    from weasyprint.text.ffi import pango  # noqa: PLC0415 - 40 MB that only a renderer has

    return (
        *(f"{name} {version(name)}" for name in RENDERERS),
        f"pango {pango.pango_version()}",
    )
