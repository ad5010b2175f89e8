"""The webhook endpoints of an account: the one that the control API configures."""

from sandbox.stripe import listing
from sandbox.stripe.errors import Json
from sandbox.stripe.session import API_VERSION, Session

LIST = listing.PAGE
URL = "/v1/webhook_endpoints"


def listed(session: Session, params: Json) -> Json:  # noqa: ARG001 - as every route
    """The endpoint, of every account, or none; a held one is disabled."""
    webhook = session.store.setting("webhook", {})
    if not webhook.get("url"):
        return listing.empty(url=URL)
    endpoint = {
        "id": "we_standin",
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "created": session.now,
        "enabled_events": ["*"],
        "livemode": False,
        "metadata": {},
        "status": "disabled" if webhook["held"] else "enabled",
        "url": webhook["url"],
    }
    return {**listing.empty(url=URL), "data": [endpoint]}
