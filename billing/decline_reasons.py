"""Declined charges and failed refunds: what they mean for another attempt, in our own words.

The words of Stripe and of banks are kept for operations only (docs/facts/stripe.md, Declines).
"""

from datetime import timedelta

# Our code of a payment that we cancelled before it was confirmed.
WITHDRAWN = "withdrawn"
# Our code of a request that Stripe certainly never received.
NEVER_ARRIVED = "never_arrived"
DO_NOT_TRY_AGAIN = "do_not_try_again"

# The amount is the problem: no card can pay it, and the bank refused nothing.
AMOUNT_REFUSED = frozenset({"amount_too_small", "amount_too_large"})
# The bank will not accept the card, or the request can't succeed. Retries harm our acceptance rate
# and are fined by the networks.
NEVER_AGAIN = AMOUNT_REFUSED | {
    "card_not_supported",
    "currency_not_supported",
    DO_NOT_TRY_AGAIN,
    "fraudulent",
    "highest_risk_level",
    "incorrect_number",
    "invalid_account",
    "invalid_number",
    "lost_card",
    "merchant_blacklist",
    "new_account_information_available",
    "not_permitted",
    "payment_method_unactivated",
    "pickup_card",
    "resource_missing",
    "restricted_card",
    "revocation_of_all_authorizations",
    "revocation_of_authorization",
    "security_violation",
    "service_not_allowed",
    "stolen_card",
    "stop_payment_order",
    "transaction_not_allowed",
    # Only the holder can confirm it, with the mailed link.
    "authentication_required",
    WITHDRAWN,
}
NEVER_BY_ADVICE = frozenset({DO_NOT_TRY_AGAIN, "confirm_card_data"})
# Advice of the card network: update the card (01), do not try again (03), payments stopped (21).
NEVER_BY_NETWORK = frozenset({"01", "03", "21"})
# The network's shortest wait before another attempt.
_WAITS = {
    "24": timedelta(hours=1),
    "25": timedelta(days=1),
    "26": timedelta(days=2),
    "27": timedelta(days=4),
    "28": timedelta(days=6),
    "29": timedelta(days=8),
    "30": timedelta(days=10),
}


def is_final(decline_code: str, *, advice_code: str = "", network_advice_code: str = "") -> bool:
    """Whether this card must not be charged for this again; advice comes before the code."""
    return (
        advice_code in NEVER_BY_ADVICE
        or network_advice_code in NEVER_BY_NETWORK
        or decline_code in NEVER_AGAIN
    )


def shortest_wait(network_advice_code: str) -> timedelta:
    """How long the card network wants us to wait before another attempt."""
    return _WAITS.get(network_advice_code, timedelta(0))


_NO_REASON = "Your bank declined the charge without a reason. Ask your bank, or use another card."
_WRONG_DATA = "The card's number, expiry date or security code is wrong. Enter the card again."
_NOT_FOR_THIS = "This card can't be used for this kind of payment. Use another card."
_STOPPED = "Charges to this card were stopped at your bank. Use another card, or ask your bank."
_LATER = "Your bank could not process the charge just then."
_LIMIT = "The limit of your card is reached."
_GONE = "The card on file can no longer be charged. Enter it again, or use another card."
_AMOUNT = "This amount can't be charged to a card."
_OTHER = "The charge could not be made. We are looking into it."

_REASONS = {
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired. Use another card.",
    "authentication_required": "Your bank wants you to confirm the payment.",
    "payment_intent_authentication_failure": "The confirmation with your bank did not succeed.",
    WITHDRAWN: "Withdrawn before it was paid.",
    NEVER_ARRIVED: "The charge did not reach your bank.",
    **dict.fromkeys(
        (
            *("incorrect_cvc", "incorrect_number", "incorrect_zip", "invalid_cvc"),
            *("invalid_expiry_month", "invalid_expiry_year", "invalid_number"),
            "new_account_information_available",
        ),
        _WRONG_DATA,
    ),
    **dict.fromkeys(
        (
            *("card_not_supported", "currency_not_supported", "invalid_account", "not_permitted"),
            *("restricted_card", "service_not_allowed", "transaction_not_allowed"),
        ),
        _NOT_FOR_THIS,
    ),
    **dict.fromkeys(
        ("stop_payment_order", "revocation_of_authorization", "revocation_of_all_authorizations"),
        _STOPPED,
    ),
    **dict.fromkeys(
        (
            *("issuer_not_available", "processing_error", "try_again_later"),
            *("reenter_transaction", "approve_with_id"),
        ),
        _LATER,
    ),
    **dict.fromkeys(("card_velocity_exceeded", "withdrawal_count_limit_exceeded"), _LIMIT),
    **dict.fromkeys(("resource_missing", "payment_method_unactivated"), _GONE),
    **dict.fromkeys(AMOUNT_REFUSED, _AMOUNT),
}


def reason_of_decline(decline_code: str, *, advice_code: str = "") -> str:
    """The reason of a bank's decline as a sentence for the customer.

    That a card is reported lost or suspected of fraud is not said: only its holder's bank may.
    """
    if not decline_code:
        return ""
    if decline_code not in _REASONS and advice_code == "confirm_card_data":
        return _WRONG_DATA
    return _REASONS.get(decline_code, _NO_REASON)


def reason_of_refusal(code: str) -> str:
    """The reason of a request that Stripe refused, as a sentence for the customer."""
    return _REASONS.get(code, _OTHER)


_REFUND_LATER = "It could not be carried out just then."
_REFUND_REFUSED = "The bank of the card did not accept it."
_REFUND_CONTESTED = "The payment is contested at the bank."
_REFUND_OTHER = "It could not be carried out. We are looking into it."
_REFUND_REASONS = {
    NEVER_ARRIVED: "It did not reach the bank.",
    "amount_too_large": "It was above what was left of the payment.",
    "charge_already_refunded": "The payment was refunded already.",
    "expired_or_canceled_card": "The card has expired or was closed.",
    "merchant_request": "It was cancelled.",
    **dict.fromkeys(("declined", "lost_or_stolen_card"), _REFUND_REFUSED),
    **dict.fromkeys(("charge_for_pending_refund_disputed", "charge_disputed"), _REFUND_CONTESTED),
    **dict.fromkeys(("insufficient_funds", "balance_insufficient"), _REFUND_LATER),
}


def reason_of_failed_refund(code: str) -> str:
    """The reason of a failed refund as a sentence for the customer, by Stripe's code or ours."""
    return _REFUND_REASONS.get(code, _REFUND_OTHER)
