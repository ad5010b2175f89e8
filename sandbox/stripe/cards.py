"""Stripe's test cards and their behavior."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sandbox.stripe.errors import Json, StripeError


class Answer(StrEnum):
    """The answer of the card's bank."""

    APPROVE = "approve"
    AUTHENTICATE = "authenticate"
    GENERIC_DECLINE = "generic_decline"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    LOST_CARD = "lost_card"
    STOLEN_CARD = "stolen_card"
    EXPIRED_CARD = "expired_card"
    INCORRECT_CVC = "incorrect_cvc"
    PROCESSING_ERROR = "processing_error"
    DO_NOT_HONOR = "do_not_honor"
    FRAUDULENT = "fraudulent"
    AUTHENTICATION_REQUIRED = "authentication_required"
    TEST_MODE_LIVE_CARD = "test_mode_live_card"
    STOP_PAYMENT_ORDER = "stop_payment_order"
    DO_NOT_TRY_AGAIN = "do_not_try_again"
    TRY_AGAIN_LATER = "try_again_later"
    RESTRICTED_CARD = "restricted_card"
    INVALID_ACCOUNT = "invalid_account"
    CARD_NOT_SUPPORTED = "card_not_supported"
    CURRENCY_NOT_SUPPORTED = "currency_not_supported"


@dataclass(frozen=True)
class Decline:
    """The texts of a refusal."""

    code: str
    message: str = "Your card was declined."
    param: str | None = None


DECLINES = {
    Answer.GENERIC_DECLINE: Decline("card_declined"),
    Answer.INSUFFICIENT_FUNDS: Decline("card_declined", "Your card has insufficient funds."),
    Answer.LOST_CARD: Decline("card_declined"),
    Answer.STOLEN_CARD: Decline("card_declined"),
    Answer.DO_NOT_HONOR: Decline("card_declined"),
    Answer.FRAUDULENT: Decline("card_declined"),
    Answer.EXPIRED_CARD: Decline("expired_card", "Your card has expired.", "exp_month"),
    Answer.INCORRECT_CVC: Decline(
        "incorrect_cvc", "Your card's security code is incorrect.", "cvc"
    ),
    Answer.PROCESSING_ERROR: Decline(
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    Answer.AUTHENTICATION_REQUIRED: Decline(
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
    ),
    Answer.TEST_MODE_LIVE_CARD: Decline(
        "card_declined",
        "Your card was declined. Your request was in test mode, but used a non test card. "
        "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
    ),
    **dict.fromkeys(
        (
            *(Answer.STOP_PAYMENT_ORDER, Answer.DO_NOT_TRY_AGAIN, Answer.TRY_AGAIN_LATER),
            *(Answer.RESTRICTED_CARD, Answer.INVALID_ACCOUNT),
        ),
        Decline("card_declined"),
    ),
    Answer.CARD_NOT_SUPPORTED: Decline("card_declined", "Your card is not supported."),
    Answer.CURRENCY_NOT_SUPPORTED: Decline(
        "card_declined", "Your card does not support this currency."
    ),
}


@dataclass(frozen=True)
class Advice:
    """What the issuer and its network advise after a decline."""

    advice_code: str | None = None
    network_advice_code: str | None = None
    network_decline_code: str | None = "01"


_NEVER = (
    *(Answer.LOST_CARD, Answer.STOLEN_CARD, Answer.FRAUDULENT, Answer.STOP_PAYMENT_ORDER),
    *(Answer.DO_NOT_TRY_AGAIN, Answer.RESTRICTED_CARD, Answer.INVALID_ACCOUNT),
    *(Answer.CARD_NOT_SUPPORTED, Answer.CURRENCY_NOT_SUPPORTED),
)


def usual_advice(answer: Answer) -> Advice:
    """The advice of a decline for which the control API set none."""
    return Advice("do_not_try_again" if answer in _NEVER else "try_again_later")


@dataclass(frozen=True)
class Behaviour:
    """The answers of a card's bank by occasion."""

    setup: Answer = Answer.APPROVE
    on_session: Answer = Answer.APPROVE
    off_session: Answer = Answer.APPROVE
    off_session_once_set_up: Answer | None = None
    once_authenticated: Answer = Answer.APPROVE

    def charged(self, *, off_session: bool, set_up: bool) -> Answer:
        """The answer to a charge; `set_up` says that its holder authenticated it for later."""
        if not off_session:
            return self.on_session
        if set_up and self.off_session_once_set_up is not None:
            return self.off_session_once_set_up
        return self.off_session


def _always(answer: Answer, *, setup: Answer | None = None) -> Behaviour:
    return Behaviour(
        setup=answer if setup is None else setup,
        on_session=answer,
        off_session=answer,
        once_authenticated=answer,
    )


FINE = Behaviour()
_AUTHENTICATE = Answer.AUTHENTICATE
_ONCE = Behaviour(
    setup=_AUTHENTICATE,
    on_session=_AUTHENTICATE,
    off_session=_AUTHENTICATE,
    off_session_once_set_up=Answer.APPROVE,
)
BEHAVIOURS: dict[str, Behaviour] = {
    "4000000000000002": _always(Answer.GENERIC_DECLINE),
    "4000000000009995": _always(Answer.INSUFFICIENT_FUNDS),
    "4000000000009987": _always(Answer.LOST_CARD),
    "4000000000009979": _always(Answer.STOLEN_CARD),
    "4000000000000069": _always(Answer.EXPIRED_CARD),
    "4000000000000127": _always(Answer.INCORRECT_CVC),
    "4000000000000119": _always(Answer.PROCESSING_ERROR),
    "4100000000000019": _always(Answer.FRAUDULENT),
    "4000000000000341": _always(Answer.GENERIC_DECLINE, setup=Answer.APPROVE),
    "4000002500003155": _ONCE,
    "4000000000003220": _ONCE,
    "4000002760003184": Behaviour(_AUTHENTICATE, _AUTHENTICATE, _AUTHENTICATE),
    "4000003800000446": Behaviour(on_session=_AUTHENTICATE),
    "4000008260003178": Behaviour(
        _AUTHENTICATE,
        _AUTHENTICATE,
        Answer.INSUFFICIENT_FUNDS,
        once_authenticated=Answer.INSUFFICIENT_FUNDS,
    ),
}
DISPUTED = "4000000000000259"
FINE_NUMBERS = (
    "4242424242424242",
    "4000056655665556",
    "5555555555554444",
    "2223003122003222",
    "5200828282828210",
    "378282246310005",
    "371449635398431",
    "6011111111111117",
    "3056930009020004",
    "3566002020360505",
    DISPUTED,
)
DEBIT = ("4000056655665556", "5200828282828210")
TOKENS = {
    "pm_card_visa": "4242424242424242",
    "pm_card_visa_debit": "4000056655665556",
    "pm_card_mastercard": "5555555555554444",
    "pm_card_amex": "378282246310005",
    "pm_card_discover": "6011111111111117",
    "pm_card_chargeDeclined": "4000000000000002",
    "pm_card_visa_chargeDeclined": "4000000000000002",
    "pm_card_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedInsufficientFunds": "4000000000009995",
    "pm_card_visa_chargeDeclinedLostCard": "4000000000009987",
    "pm_card_visa_chargeDeclinedStolenCard": "4000000000009979",
    "pm_card_chargeDeclinedExpiredCard": "4000000000000069",
    "pm_card_chargeDeclinedIncorrectCvc": "4000000000000127",
    "pm_card_chargeDeclinedProcessingError": "4000000000000119",
    "pm_card_chargeCustomerFail": "4000000000000341",
    "pm_card_createDispute": DISPUTED,
    "pm_card_authenticationRequiredOnSetup": "4000002500003155",
    "pm_card_authenticationRequired": "4000002760003184",
    "pm_card_authenticationRequiredSetupForOffSession": "4000003800000446",
    "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds": "4000008260003178",
    "pm_card_threeDSecure2Required": "4000000000003220",
}
BRANDS = (
    ("visa", r"4\d{15}"),
    ("mastercard", r"(5[1-5]\d{4}|2[2-7]\d{4})\d{10}"),
    ("amex", r"3[47]\d{13}"),
    ("discover", r"6(011|5\d\d)\d{12}"),
    ("diners", r"3(0[0-5]|[68]\d)\d{11}(\d\d)?"),
    ("jcb", r"35\d{14}"),
)


def brand(number: str) -> str | None:
    """The brand a whole number belongs to."""
    return next((name for name, shape in BRANDS if re.fullmatch(shape, number)), None)


def passes_luhn(number: str) -> bool:
    """Whether the check digit is right."""
    total = 0
    for place, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card_error(answer: Answer, **details: object) -> StripeError:
    """402 for a refusal; its work stays, as a declined charge is on record at Stripe."""
    decline = DECLINES[answer]
    return StripeError(
        decline.message,
        status=402,
        kind="card_error",
        keeps_work=True,
        code=decline.code,
        decline_code=answer.value,
        param=decline.param,
        **details,
    )


def _invalid(code: str, message: str, param: str) -> StripeError:
    return StripeError(message, status=402, kind="card_error", code=code, param=param)


def check_card(card: Json, *, now: int) -> Json:
    """The number, expiry and CVC as entered, checked in Stripe's order and words."""
    number = re.sub(r"[\s-]", "", str(card["number"]))
    name = brand(number)
    if name is None or not passes_luhn(number):
        raise _invalid("incorrect_number", "Your card number is incorrect.", "number")
    year = card["exp_year"] + (2000 if card["exp_year"] < 100 else 0)
    today = datetime.fromtimestamp(now, UTC)
    if not 1 <= card["exp_month"] <= 12:
        raise _invalid(
            "invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month"
        )
    if year > today.year + 50 or year < today.year:
        raise _invalid("invalid_expiry_year", "Your card's expiration year is invalid.", "exp_year")
    if has_expired(card["exp_month"], year, now=now):
        raise _invalid(
            "invalid_expiry_month", "Your card's expiration month is invalid.", "exp_month"
        )
    cvc = card.get("cvc")
    if cvc is not None and not re.fullmatch(r"\d{4}" if name == "amex" else r"\d{3}", cvc):
        raise _invalid("invalid_cvc", "Your card's security code is invalid.", "cvc")
    if number not in BEHAVIOURS and number not in FINE_NUMBERS:
        raise card_error(Answer.TEST_MODE_LIVE_CARD)
    return {"number": number, "exp_month": card["exp_month"], "exp_year": year, "cvc": cvc}


def has_expired(month: int, year: int, *, now: int) -> bool:
    """A card is good to the end of its month."""
    today = datetime.fromtimestamp(now, UTC)
    return (year, month) < (today.year, today.month)
