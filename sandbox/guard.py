"""Who may call a stand-in: programs of this machine, and pages of the portal.

Pages of other sites run on this machine too, in a person's browser. `Origin` tells them apart, and
`Host` those whose own name was pointed at this machine.
"""

import hmac
import os
import secrets
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit

CONTROL = "/_control/"
HEADER = "Stand-In-Key"
VARIABLE = "STANDIN_CONTROL_KEY"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Headers(Protocol):
    """The headers of a request, asked by names in lower case."""

    def get(self, name: str, /) -> str | None:
        """The header's value."""


def control_key() -> str:
    """The key of the control API: from the environment, or a new one, which is printed."""
    key = os.environ.get(VARIABLE, "")
    if not key:
        key = secrets.token_urlsafe(24)
        print(f"{HEADER}: {key}", flush=True)
    return key


@dataclass
class Guard:
    """The checks before any request is answered.

    `host` is a name that callers may use beside those of the loopback interface; `portal` is the
    address of the site whose pages may call the API.
    """

    key: str = field(default_factory=control_key)
    host: str = LOOPBACK[0]
    portal: str = ""

    def refusal(self, path: str, headers: Headers) -> str | None:
        """Why a request is refused; None for one that is not."""
        host = headers.get("host") or ""
        if _place(f"http://{host}")[1] not in ("loopback", self.host):
            return "The stand-in is called by a name of this machine only."
        given = headers.get(HEADER.lower()) or ""
        is_control = path.startswith(CONTROL)
        if is_control and not hmac.compare_digest(given.encode(), self.key.encode()):
            return f"The control API needs its key in the header {HEADER}."
        origin = headers.get("origin")
        if origin in (None, f"http://{host}") or (self.is_portal(origin) and not is_control):
            return None
        return "Pages of other sites may not call the stand-in."

    def is_portal(self, origin: str | None) -> bool:
        """Whether a page of this origin is one of the portal's, by any name of this machine."""
        return bool(origin and self.portal) and _place(str(origin)) == _place(self.portal)

    def embedders(self) -> str:
        """The portal's origins as `frame-ancestors` of a content security policy names them."""
        scheme, host, port = _place(self.portal)
        names = ("127.0.0.1", "localhost") if host == "loopback" else (host,)
        return " ".join(f"{scheme}://{name}:{port}" for name in names) if host else "'none'"


def _place(address: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(address)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return "", "", 0
    host = parts.hostname or ""
    return parts.scheme, "loopback" if host in LOOPBACK else host, port
