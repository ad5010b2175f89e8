"""Early fraud warnings at Stripe: a card network expects that a payment will be contested."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.gateway import client as gateway
from billing.gateway.objects import id_of


@dataclass(frozen=True, slots=True)
class FraudWarningFacts:
    """An early fraud warning. Once refunded or disputed, it is not actionable any more."""

    payment_intent_id: str
    fraud_type: str
    is_actionable: bool


def fraud_warning(*, stripe_warning_id: str) -> FraudWarningFacts:
    """The state of a warning. Raises `gateway.Refused` (resource_missing) for an unknown one."""
    warnings = gateway.client().v1.radar.early_fraud_warnings
    return _facts(gateway.call(warnings.retrieve, stripe_warning_id))


def _facts(warning: Mapping[str, Any]) -> FraudWarningFacts:
    return FraudWarningFacts(
        payment_intent_id=id_of(warning.get("payment_intent")),
        fraud_type=str(warning.get("fraud_type") or "").replace("_", " "),
        is_actionable=bool(warning.get("actionable")),
    )
