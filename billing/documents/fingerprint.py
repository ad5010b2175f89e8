"""The fingerprint of a document: all that its bytes depend on and the invoice does not have:
layout, site address, locale, renderer, logo, and the key of the payment link.

A stored document with the current fingerprint renders to the same bytes again
(docs/decisions/0007); verification renders it and compares.
"""

import hashlib
from functools import cache
from importlib.metadata import version

from django.conf import settings

from billing.documents.frame import logo_digest
from billing.models import InvoiceDocument
from billing.payment_links import signing_key_digest
from core.templating.values import current_locale

# Raise it in the same commit as any visible change of a document: template, styles, fonts, texts or
# number formats. tests/billing/test_golden_documents.py fails until then.
LAYOUT_VERSION = 5
RENDERERS = ("weasyprint", "pydyf", "tinycss2", "fonttools", "pillow", "segno")


def fingerprint(document_format: InvoiceDocument.Format) -> str:
    """The fingerprint (SHA-256, hex) of documents of this format that this process renders."""
    parts = [f"layout {LAYOUT_VERSION}", settings.SITE_URL, current_locale()]
    if document_format is InvoiceDocument.Format.PDF:
        parts += [*_renderers(), logo_digest(), signing_key_digest()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@cache
def _renderers() -> tuple[str, ...]:
    from weasyprint.text.ffi import pango  # noqa: PLC0415 - 40 MB that only a renderer needs

    return (
        *(f"{name} {version(name)}" for name in RENDERERS),
        f"pango {pango.pango_version()}",
    )
