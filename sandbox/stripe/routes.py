"""Stripe's URLs with their functions and parameters."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import NotRequired, TypedDict

from stripe import params as sdk
from stripe.params import radar

from sandbox.stripe import (
    customers,
    disputes,
    events,
    fraud_warnings,
    intents,
    parameters,
    payment_intents,
    payment_methods,
    refunds,
    setup_intents,
    webhook_endpoints,
)
from sandbox.stripe.errors import Json

Answering = Callable[..., Json]
# What a browser sends beside the parameters of servers.
SECRET = {"client_secret"}
ENTERED = SECRET | parameters.nested("payment_method_data", payment_methods.CREATE)


class Browser(TypedDict):
    """What Stripe's script sends beside the parameters of the SDK."""

    client_secret: NotRequired[str]
    payment_method_data: NotRequired[sdk.PaymentMethodCreateParams]


@dataclass(frozen=True)
class Route:
    """One URL. `parameters` is the SDK's type of them, `imitated` names those with an effect here.

    `browser` says that a publishable key may call it.
    """

    method: str
    pattern: str
    answer: Answering
    parameters: type
    imitated: Collection[str] = ()
    browser: bool = False

    def kinds(self, *, publishable: bool) -> tuple[type, ...]:
        """The types whose parameters the caller may send."""
        return (self.parameters, Browser) if publishable else (self.parameters,)


ROUTES = (
    Route("POST", "/v1/customers", customers.create, sdk.CustomerCreateParams, customers.CREATE),
    Route("GET", "/v1/customers", customers.listed, sdk.CustomerListParams, customers.LIST),
    Route("GET", "/v1/customers/*", customers.retrieve, sdk.CustomerRetrieveParams),
    Route("POST", "/v1/customers/*", customers.update, sdk.CustomerUpdateParams, customers.UPDATE),
    Route("DELETE", "/v1/customers/*", customers.delete, sdk.CustomerDeleteParams),
    Route(
        "GET",
        "/v1/customers/*/payment_methods",
        customers.methods,
        sdk.CustomerPaymentMethodListParams,
        customers.METHODS,
    ),
    Route(
        "GET",
        "/v1/customers/*/payment_methods/*",
        customers.method,
        sdk.CustomerPaymentMethodRetrieveParams,
    ),
    Route(
        "POST",
        "/v1/payment_methods",
        payment_methods.create,
        sdk.PaymentMethodCreateParams,
        payment_methods.CREATE,
        browser=True,
    ),
    Route(
        "GET",
        "/v1/payment_methods",
        payment_methods.listed,
        sdk.PaymentMethodListParams,
        payment_methods.LIST,
    ),
    Route(
        "GET",
        "/v1/payment_methods/*",
        payment_methods.retrieve,
        sdk.PaymentMethodRetrieveParams,
    ),
    Route(
        "POST",
        "/v1/payment_methods/*",
        payment_methods.update,
        sdk.PaymentMethodUpdateParams,
        payment_methods.UPDATE,
    ),
    Route(
        "POST",
        "/v1/payment_methods/*/attach",
        payment_methods.attach,
        sdk.PaymentMethodAttachParams,
        payment_methods.ATTACH,
    ),
    Route(
        "POST",
        "/v1/payment_methods/*/detach",
        payment_methods.detach,
        sdk.PaymentMethodDetachParams,
    ),
    Route(
        "POST",
        "/v1/setup_intents",
        setup_intents.create,
        sdk.SetupIntentCreateParams,
        setup_intents.CREATE,
    ),
    Route(
        "GET",
        "/v1/setup_intents",
        setup_intents.listed,
        sdk.SetupIntentListParams,
        setup_intents.LIST,
    ),
    Route(
        "GET",
        "/v1/setup_intents/*",
        setup_intents.retrieve,
        sdk.SetupIntentRetrieveParams,
        SECRET,
        browser=True,
    ),
    Route(
        "POST",
        "/v1/setup_intents/*",
        setup_intents.update,
        sdk.SetupIntentUpdateParams,
        setup_intents.UPDATE,
    ),
    Route(
        "POST",
        "/v1/setup_intents/*/confirm",
        setup_intents.confirm,
        sdk.SetupIntentConfirmParams,
        intents.CONFIRM | ENTERED,
        browser=True,
    ),
    Route(
        "POST",
        "/v1/setup_intents/*/cancel",
        setup_intents.cancel,
        sdk.SetupIntentCancelParams,
        setup_intents.CANCEL,
    ),
    Route(
        "POST",
        "/v1/payment_intents",
        payment_intents.create,
        sdk.PaymentIntentCreateParams,
        payment_intents.CREATE,
    ),
    Route(
        "GET",
        "/v1/payment_intents",
        payment_intents.listed,
        sdk.PaymentIntentListParams,
        payment_intents.LIST,
    ),
    Route(
        "GET",
        "/v1/payment_intents/*",
        payment_intents.retrieve,
        sdk.PaymentIntentRetrieveParams,
        SECRET,
        browser=True,
    ),
    Route(
        "POST",
        "/v1/payment_intents/*",
        payment_intents.update,
        sdk.PaymentIntentUpdateParams,
        payment_intents.UPDATE,
    ),
    Route(
        "POST",
        "/v1/payment_intents/*/confirm",
        payment_intents.confirm,
        sdk.PaymentIntentConfirmParams,
        payment_intents.CONFIRM | ENTERED,
        browser=True,
    ),
    Route(
        "POST",
        "/v1/payment_intents/*/cancel",
        payment_intents.cancel,
        sdk.PaymentIntentCancelParams,
        payment_intents.CANCEL,
    ),
    Route("GET", "/v1/charges", refunds.charges, sdk.ChargeListParams, refunds.CHARGES),
    Route("GET", "/v1/charges/*", refunds.charge, sdk.ChargeRetrieveParams),
    Route("POST", "/v1/refunds", refunds.create, sdk.RefundCreateParams, refunds.CREATE),
    Route("GET", "/v1/refunds", refunds.listed, sdk.RefundListParams, refunds.LIST),
    Route("GET", "/v1/refunds/*", refunds.retrieve, sdk.RefundRetrieveParams),
    Route("POST", "/v1/refunds/*", refunds.update, sdk.RefundUpdateParams, refunds.UPDATE),
    Route("GET", "/v1/disputes", disputes.listed, sdk.DisputeListParams, disputes.LIST),
    Route("GET", "/v1/disputes/*", disputes.retrieve, sdk.DisputeRetrieveParams),
    Route("POST", "/v1/disputes/*/close", disputes.concede, sdk.DisputeCloseParams),
    Route(
        "GET",
        "/v1/radar/early_fraud_warnings",
        fraud_warnings.listed,
        radar.EarlyFraudWarningListParams,
        fraud_warnings.LIST,
    ),
    Route(
        "GET",
        "/v1/radar/early_fraud_warnings/*",
        fraud_warnings.retrieve,
        radar.EarlyFraudWarningRetrieveParams,
    ),
    Route("GET", "/v1/events", events.listed, sdk.EventListParams, events.LIST),
    Route("GET", "/v1/events/*", events.retrieve, sdk.EventRetrieveParams),
    Route(
        "GET",
        webhook_endpoints.URL,
        webhook_endpoints.listed,
        sdk.WebhookEndpointListParams,
        webhook_endpoints.LIST,
    ),
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
