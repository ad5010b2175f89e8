"""HTML to PDF/A-3b: same input, same bytes; nothing is fetched from anywhere."""

import threading
from functools import cache
from pathlib import Path
from typing import NoReturn

import weasyprint
from weasyprint.urls import URLFetcher

from billing.documents.fonts import font_configuration

STYLES = Path(__file__).parent / "invoice.css"

# Pango's font map serves one thread at a time.
_one_at_a_time = threading.Lock()


class RefusedAddress(ValueError):
    """A document named something outside itself."""


class RefusingFetcher(URLFetcher):  # type: ignore[misc]
    """Fetches nothing: fonts come by configuration, styles by value, and there are no images.

    The stock one embeds `<link rel=attachment href=file:///…>` (docs/facts/peers.md, PDF).
    """

    def fetch(self, url: str, headers: object = None) -> NoReturn:  # noqa: ARG002 - its signature
        """Refuse, whatever the scheme; raises `RefusedAddress`."""
        raise RefusedAddress(f"Documents fetch nothing, and not {url[:100]!r}.")


_refusing = RefusingFetcher()


@cache
def stylesheet() -> weasyprint.CSS:
    """The documents' styles, parsed once per process."""
    return weasyprint.CSS(
        string=STYLES.read_text(encoding="utf-8"),
        url_fetcher=_refusing,
        font_config=font_configuration(),
    )


def pdf_of(*, html: str, identifier: str) -> bytes:
    """The page as PDF/A-3b; `identifier` names the document for good (its number).

    The dates inside are those of the page's `dcterms` metadata: no clock is read.
    """
    with _one_at_a_time:
        document = weasyprint.HTML(string=html, url_fetcher=_refusing)
        pdf: bytes = document.write_pdf(
            stylesheets=[stylesheet()],
            font_config=font_configuration(),
            pdf_variant="pdf/a-3b",
            pdf_identifier=identifier.encode(),
        )
    return pdf
