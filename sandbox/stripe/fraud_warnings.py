"""Early fraud warnings: a card network reports a charge as fraud."""

from sandbox.stripe import listing
from sandbox.stripe.errors import Json
from sandbox.stripe.session import Session, identifier

KIND = "radar.early_fraud_warning"
LIST = {*listing.DATED, "charge", "payment_intent"}


def warn(session: Session, charge: Json, *, fraud_type: str = "made_with_stolen_card") -> Json:
    """Report a charge."""
    warning: Json = {
        "id": identifier("issfr"),
        "object": KIND,
        "actionable": True,
        "charge": charge["id"],
        "created": session.now,
        "fraud_type": fraud_type,
        "livemode": False,
        "payment_intent": charge["payment_intent"],
    }
    session.save(warning)
    session.emit(f"{KIND}.created", _current(session, warning))
    return warning


def _current(session: Session, warning: Json) -> Json:
    """A warning calls for action until its charge is refunded in full or disputed."""
    charge = session.fetch("charge", warning["charge"])
    return {**warning, "actionable": not (charge["refunded"] or charge["disputed"])}


def retrieve(session: Session, params: Json, reference: str) -> Json:  # noqa: ARG001 - as every route
    """One warning."""
    return _current(session, session.fetch(KIND, reference))


def listed(session: Session, params: Json) -> Json:
    """Warnings, newest first."""
    found = listing.page(session, KIND, params, url="/v1/radar/early_fraud_warnings")
    return {**found, "data": [_current(session, warning) for warning in found["data"]]}
