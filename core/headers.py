"""Headers that keep pages out of caches and other sites out of pages."""

import base64
import hashlib
import re
from collections.abc import Callable, Iterator

from csp.constants import UNSAFE_EVAL
from django.http import HttpRequest, HttpResponse

SIGN_OUTS = frozenset({"account_logout", "operations_sign_out"})
# Everything that a browser may offer and the portal has no use for. Stripe's form may ask for a
# wallet; passkeys belong to the portal.
PERMISSIONS = ", ".join(
    [
        *(
            f"{name}=()"
            for name in (
                *("accelerometer", "autoplay", "browsing-topics", "camera", "display-capture"),
                *("encrypted-media", "fullscreen", "geolocation", "gyroscope", "hid"),
                *("idle-detection", "local-fonts", "magnetometer", "microphone", "midi"),
                *("picture-in-picture", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking"),
            )
        ),
        'payment=(self "https://js.stripe.com")',
        "publickey-credentials-create=(self)",
        "publickey-credentials-get=(self)",
    ]
)
OPERATIONS = "/operations/"
# The colors of the operations admin, which its package writes into each page.
_THEME = re.compile(rb'<style id="unfold-theme-colors">(.*?)</style>', re.DOTALL)

Handler = Callable[[HttpRequest], HttpResponse]


class HeadersMiddleware:
    """Adds to each answer what its view did not say.

    - `Cache-Control`: nothing of an answer is kept, neither on a disk nor by a proxy. A view that
      lets a browser keep something says so itself.
    - `Cross-Origin-Resource-Policy` and `Permissions-Policy`.
    - `Clear-Site-Data` after sign-out, so that Back shows no page of before.
    - The content security policy of the operations admin: its scripts evaluate the expressions in
      its own pages (Alpine), and its colors are one style of a known hash.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Add the headers."""
        response = self.get_response(request)
        headers = response.headers
        headers.setdefault("Cache-Control", "private, no-store")
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault("Permissions-Policy", PERMISSIONS)
        route = request.resolver_match
        if route and route.view_name in SIGN_OUTS and request.method == "POST":
            headers["Clear-Site-Data"] = '"cache", "storage"'
        if request.path.startswith(OPERATIONS) and not response.streaming:
            # Read by `csp.middleware.CSPMiddleware`.
            response._csp_update = {  # type: ignore[attr-defined]  # noqa: SLF001
                "script-src": [UNSAFE_EVAL],
                "style-src": list(_hashes(response.content)),
            }
        return response


def _hashes(page: bytes) -> Iterator[str]:
    if theme := _THEME.search(page):
        digest = base64.b64encode(hashlib.sha256(theme[1]).digest()).decode()
        yield f"'sha256-{digest}'"
