"""Customers and their default card."""

from typing import Any

from sandbox.stripe import listing, payment_methods
from sandbox.stripe.errors import Json, StripeError
from sandbox.stripe.parameters import merged
from sandbox.stripe.session import Session, identifier

UPDATE = {
    *("address", "business_name", "description", "email", "individual_name", "metadata", "name"),
    *("invoice_settings[default_payment_method]", "invoice_settings[footer]", "phone"),
    *("preferred_locales", "shipping", "tax_exempt"),
}
CREATE = {*UPDATE, "payment_method"}
LIST = {*listing.DATED, "email"}
METHODS = {*listing.PAGE, "type"}
NOTHING_YET: Json = dict.fromkeys(
    (
        "address",
        "currency",
        "default_source",
        "description",
        "discount",
        "email",
        "name",
        "phone",
        "shipping",
        "test_clock",
    )
)


def create(session: Session, params: Json) -> Json:
    """A new customer, with a card at once if one is given."""
    customer: Json = {
        "id": identifier("cus"),
        "object": "customer",
        **NOTHING_YET,
        "balance": 0,
        "created": session.now,
        "delinquent": False,
        "invoice_prefix": identifier("x")[2:10].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "next_invoice_sequence": 1,
        "preferred_locales": [],
        "tax_exempt": "none",
    }
    settings = params.pop("invoice_settings", None)
    card = params.pop("payment_method", None)
    _write(customer, params)
    session.save(customer)
    session.emit("customer.created", customer)
    if card is not None:
        payment_methods.attach(session, {"customer": customer["id"]}, card)
    if settings:
        _settle(session, customer, settings)
        session.save(customer)
    return customer


def update(session: Session, params: Json, reference: str) -> Json:
    """Change the given fields and return their previous values."""
    customer = session.customer(reference)
    before = {name: customer[name] for name in params if name in customer}
    settings = params.pop("invoice_settings", None)
    if settings:
        before["invoice_settings"] = {name: customer["invoice_settings"][name] for name in settings}
        _settle(session, customer, settings)
    _write(customer, params)
    session.save(customer)
    session.emit("customer.updated", customer, previous=before)
    return customer


def _write(customer: Json, params: Json) -> None:
    for name, value in params.items():
        if name == "metadata":
            customer["metadata"] = merged(customer["metadata"], value)
        elif name == "address" and value is not None:
            customer["address"] = {**payment_methods.EMPTY_ADDRESS, **value}
        elif name == "tax_exempt":
            customer["tax_exempt"] = value or "none"
        else:
            customer[name] = value


def _settle(session: Session, customer: Json, settings: Json) -> None:
    default: Any = settings.get("default_payment_method")
    if default is not None:
        method = session.store.find(default, kind="payment_method", account=session.account)
        if method is None or method["customer"] != customer["id"]:
            raise StripeError(
                f"The customer does not have a payment method with the ID {default}. The payment "
                "method must be attached to the customer.",
                code="resource_missing",
                param="invoice_settings[default_payment_method]",
            )
    customer["invoice_settings"] = {**customer["invoice_settings"], **settings}


def retrieve(session: Session, params: Json, reference: str) -> Json:  # noqa: ARG001
    """One customer, or the note that it was deleted."""
    return session.fetch("customer", reference)


def delete(session: Session, params: Json, reference: str) -> Json:  # noqa: ARG001
    """Delete a customer and detach its cards."""
    customer = session.customer(reference)
    for row in payment_methods.listed(session, {"customer": reference, "limit": 100})["data"]:
        payment_methods.detach(session, {}, row["id"])
    session.emit("customer.deleted", customer)
    return session.save({"id": reference, "object": "customer", "deleted": True})


def listed(session: Session, params: Json) -> Json:
    """Customers, newest first."""
    return listing.page(session, "customer", params, url="/v1/customers")


def methods(session: Session, params: Json, reference: str) -> Json:
    """The customer's cards."""
    session.customer(reference)
    url = f"/v1/customers/{reference}/payment_methods"
    return listing.page(session, "payment_method", {**params, "customer": reference}, url=url)


def method(session: Session, params: Json, reference: str, card: str) -> Json:  # noqa: ARG001
    """One of the customer's cards."""
    found = session.fetch("payment_method", card)
    if found["customer"] != reference:
        raise StripeError(f"No such PaymentMethod: '{card}'", status=404, code="resource_missing")
    return found
