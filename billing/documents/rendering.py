"""Rendering of HTML to tagged PDF/A-3a. The same input gives the same bytes; nothing is fetched."""

import os
import threading
from functools import cache
from pathlib import Path

import weasyprint
from django.conf import settings
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from billing.documents.fonts import FONTS
from billing.documents.frame import LOGO, logo_bytes

STYLES = Path(__file__).parent / "invoice.css"

# Pango's font map is not thread-safe.
_one_at_a_time = threading.Lock()
_environment = threading.Lock()


class RefusedAddress(ValueError):
    """A document refers to an address."""


class RefusingFetcher(URLFetcher):  # type: ignore[misc] # untyped base class
    """Fetches nothing but the seller's logo: fonts are configured, styles passed as text.

    The default fetcher embeds `<link rel=attachment href=file:///…>` (docs/facts/peers.md, PDF).
    """

    def fetch(self, url: str, headers: object = None) -> URLFetcherResponse:  # noqa: ARG002 - as inherited
        """The logo's file; raises `RefusedAddress` for every other address."""
        if url == LOGO and settings.SELLER_LOGO:
            return URLFetcherResponse(url, logo_bytes())
        raise RefusedAddress(f"Documents fetch nothing: {url[:100]!r} is refused.")


_refusing = RefusingFetcher()


@cache
def font_configuration() -> FontConfiguration:
    """The font configuration of the renderer: only our fonts, none of the machine's. Cached."""
    # fontconfig reads the variable only while it creates a configuration.
    with _environment:
        before = os.environ.get("FONTCONFIG_FILE")
        os.environ["FONTCONFIG_FILE"] = str(FONTS / "fonts.conf")
        try:
            return FontConfiguration()
        finally:
            if before is None:
                del os.environ["FONTCONFIG_FILE"]
            else:
                os.environ["FONTCONFIG_FILE"] = before


@cache
def stylesheet() -> weasyprint.CSS:
    """The styles of the documents, parsed once per process."""
    return weasyprint.CSS(
        string=STYLES.read_text(encoding="utf-8"),
        url_fetcher=_refusing,
        font_config=font_configuration(),
    )


def pdf_of(*, html: str, identifier: str) -> bytes:
    """Render a page as PDF/A-3a, tagged for screen readers.

    `identifier` is the number of the document. The dates in the PDF come from the page's `dcterms`
    metadata; no clock is read.
    """
    with _one_at_a_time:
        document = weasyprint.HTML(string=html, url_fetcher=_refusing)
        pdf: bytes = document.write_pdf(
            stylesheets=[stylesheet()],
            font_config=font_configuration(),
            pdf_variant="pdf/a-3a",
            pdf_tags=True,
            pdf_identifier=identifier.encode(),
        )
    return pdf
