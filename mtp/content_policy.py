"""The content security policy of pages; that of the operations admin adds to it (`core.headers`).

Pure: settings are given.
"""

from collections.abc import Sequence
from typing import Any

from csp.constants import NONE, SELF

REPORTS = "/browser-reports/"
SPECULATION = "'inline-speculation-rules'"


def policy(*, stripe: Sequence[str]) -> dict[str, Any]:
    """What pages may load: the portal's own files, and the frames and scripts of Stripe."""
    return {
        "DIRECTIVES": {
            "default-src": [NONE],
            "base-uri": [NONE],
            "connect-src": [SELF, *stripe],
            "font-src": [SELF],
            "form-action": [SELF],
            "frame-ancestors": [NONE],
            "frame-src": stripe,
            "img-src": [SELF, "data:"],
            # Speculation rules name pages to prefetch; they run nothing (static/js/prefetch.js).
            "script-src": [SELF, SPECULATION, *stripe],
            "style-src": [SELF],
            "report-uri": REPORTS,
        }
    }
