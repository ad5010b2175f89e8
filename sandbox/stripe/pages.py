"""Files for browsers: the script in place of Stripe.js, the card form, the challenge."""

from pathlib import Path
from typing import Literal, TypedDict
from urllib.parse import parse_qsl

from sandbox.stripe import parameters
from sandbox.stripe.api import Answer, Api
from sandbox.stripe.control import Control, as_json, finish_challenge
from sandbox.stripe.errors import Json, StripeError
from sandbox.stripe.session import Session, identifier

FOLDER = Path(__file__).parent / "browser"
TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'"
)


class Outcome(TypedDict):
    """How a holder's challenge ends."""

    client_secret: str
    outcome: Literal["complete", "fail"]


def answer(control: Control, method: str, path: str, body: bytes, *, origin: str) -> Answer:
    """A file of the browser folder, or the end of a challenge."""
    if path == "/v3/authentications" and method == "POST":
        return _authenticate(control.api, body, origin)
    name = "stripe.js" if path in ("/v3/", "/v3/stripe.js") else path.removeprefix("/v3/")
    file = FOLDER / name
    if method not in ("GET", "HEAD") or file.parent != FOLDER or not file.is_file():
        return Answer(404, b'{"error":{"message":"Not found","type":"invalid_request_error"}}')
    headers = {"Content-Type": TYPES[file.suffix], "X-Content-Type-Options": "nosniff"}
    if file.suffix == ".html":
        headers["Content-Security-Policy"] = (
            f"{POLICY}; frame-ancestors {control.guard.embedders()}"
        )
    return Answer(200, file.read_bytes(), headers)


def _authenticate(api: Api, body: bytes, origin: str) -> Answer:
    request_id = identifier("req")
    try:
        given: Json = dict(parse_qsl(body.decode(errors="replace")))
        order = parameters.check(given, Outcome)
        reference = order["client_secret"].partition("_secret_")[0]
        found = api.store.rows(
            "SELECT account FROM objects WHERE id = ?"
            " AND json_extract(body, '$.client_secret') = ?",
            reference,
            order["client_secret"],
        )
        if not found:
            raise StripeError("No such intent.", status=404, param="client_secret")
        session = Session(
            store=api.store,
            account=found[0][0],
            now=api.now(),
            request_id=request_id,
            origin=origin,
        )
        intent = finish_challenge(session, reference, passed=order["outcome"] == "complete")
    except StripeError as problem:
        return as_json(problem.status, problem.body(request_id=request_id))
    shown = {name: intent[name] for name in ("id", "object", "status", "client_secret")}
    return as_json(200, {**shown, "return_url": intent.get("_return_url")})
