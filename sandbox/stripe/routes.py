"""Stripe's URLs with their functions and parameters."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.stripe import (
    customers,
    disputes,
    events,
    payment_intents,
    payment_methods,
    refunds,
    setup_intents,
)
from sandbox.stripe.errors import Json
from sandbox.stripe.parameters import EXPAND, Rules, text

Answering = Callable[..., Json]
SECRET: Rules = {"client_secret": text}
# Additional parameters of Stripe's script; accepted from browsers only.
BROWSER: Rules = {**SECRET, "key": text}


@dataclass(frozen=True)
class Route:
    """One URL. `browser` says that a publishable key may call it."""

    method: str
    pattern: str
    answer: Answering
    rules: Rules
    required: tuple[str, ...] = ()
    browser: bool = False


ROUTES = (
    Route("POST", "/v1/customers", customers.create, customers.CREATE),
    Route("GET", "/v1/customers", customers.listed, customers.LIST),
    Route("GET", "/v1/customers/*", customers.retrieve, EXPAND),
    Route("POST", "/v1/customers/*", customers.update, customers.UPDATE),
    Route("DELETE", "/v1/customers/*", customers.delete, {}),
    Route("GET", "/v1/customers/*/payment_methods", customers.methods, customers.METHODS),
    Route("GET", "/v1/customers/*/payment_methods/*", customers.method, EXPAND),
    Route(
        "POST",
        "/v1/payment_methods",
        payment_methods.create,
        payment_methods.CREATE,
        ("type",),
        browser=True,
    ),
    Route("GET", "/v1/payment_methods", payment_methods.listed, payment_methods.LIST),
    Route("GET", "/v1/payment_methods/*", payment_methods.retrieve, EXPAND),
    Route("POST", "/v1/payment_methods/*", payment_methods.update, payment_methods.UPDATE),
    Route(
        "POST",
        "/v1/payment_methods/*/attach",
        payment_methods.attach,
        payment_methods.ATTACH,
        ("customer",),
    ),
    Route("POST", "/v1/payment_methods/*/detach", payment_methods.detach, EXPAND),
    Route("POST", "/v1/setup_intents", setup_intents.create, setup_intents.CREATE),
    Route("GET", "/v1/setup_intents", setup_intents.listed, setup_intents.LIST),
    Route(
        "GET",
        "/v1/setup_intents/*",
        setup_intents.retrieve,
        {**SECRET, **EXPAND},
        browser=True,
    ),
    Route("POST", "/v1/setup_intents/*", setup_intents.update, setup_intents.UPDATE),
    Route(
        "POST",
        "/v1/setup_intents/*/confirm",
        setup_intents.confirm,
        setup_intents.CONFIRM,
        browser=True,
    ),
    Route("POST", "/v1/setup_intents/*/cancel", setup_intents.cancel, setup_intents.CANCEL),
    Route(
        "POST",
        "/v1/payment_intents",
        payment_intents.create,
        payment_intents.CREATE,
        ("amount", "currency"),
    ),
    Route("GET", "/v1/payment_intents", payment_intents.listed, payment_intents.LIST),
    Route(
        "GET",
        "/v1/payment_intents/*",
        payment_intents.retrieve,
        {**SECRET, **EXPAND},
        browser=True,
    ),
    Route("POST", "/v1/payment_intents/*", payment_intents.update, payment_intents.UPDATE),
    Route(
        "POST",
        "/v1/payment_intents/*/confirm",
        payment_intents.confirm,
        payment_intents.CONFIRM,
        browser=True,
    ),
    Route("POST", "/v1/payment_intents/*/cancel", payment_intents.cancel, payment_intents.CANCEL),
    Route("GET", "/v1/charges", refunds.charges, refunds.CHARGES),
    Route("GET", "/v1/charges/*", refunds.charge, EXPAND),
    Route("POST", "/v1/refunds", refunds.create, refunds.CREATE),
    Route("GET", "/v1/refunds", refunds.listed, refunds.LIST),
    Route("GET", "/v1/refunds/*", refunds.retrieve, EXPAND),
    Route("POST", "/v1/refunds/*", refunds.update, refunds.UPDATE),
    Route("GET", "/v1/disputes", disputes.listed, disputes.LIST),
    Route("GET", "/v1/disputes/*", disputes.retrieve, EXPAND),
    Route("POST", "/v1/disputes/*/close", disputes.concede, EXPAND),
    Route("GET", "/v1/events", events.listed, events.LIST),
    Route("GET", "/v1/events/*", events.retrieve, EXPAND),
)


def find(method: str, path: str) -> tuple[Route, list[str]] | None:
    """The route for a request and the ids in its path."""
    steps = path.rstrip("/").split("/")
    for route in ROUTES:
        if route.method != method:
            continue
        expected = route.pattern.split("/")
        if len(expected) != len(steps):
            continue
        if all(want in ("*", have) for want, have in zip(expected, steps, strict=True)):
            named = [have for want, have in zip(expected, steps, strict=True) if want == "*"]
            if all(named):
                return route, named
    return None
