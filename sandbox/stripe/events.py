"""The event log as the API shows it."""

from sandbox.stripe import listing
from sandbox.stripe.errors import Json
from sandbox.stripe.session import Session

LIST = {*listing.DATED, "type", "types"}


def retrieve(session: Session, params: Json, reference: str) -> Json:  # noqa: ARG001
    """One event, as it was when it happened."""
    return session.fetch("event", reference)


def listed(session: Session, params: Json) -> Json:
    """Events, newest first."""
    return listing.page(session, "event", params, url="/v1/events")
