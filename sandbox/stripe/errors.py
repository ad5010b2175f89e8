"""Stripe's error shapes."""

from typing import Any

Json = dict[str, Any]


class StripeError(Exception):
    """An answer other than 200.

    `keeps_work` says whether what the request wrote before failing stays: a declined charge leaves
    its PaymentIntent and its failed charge behind, a refused parameter leaves nothing.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        keeps_work: bool = False,
        **details: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.keeps_work = keeps_work
        self.details: Json = {"message": message, "type": kind}
        self.details.update({name: value for name, value in details.items() if value is not None})
        if "code" in self.details:
            slug = str(self.details["code"]).replace("_", "-")
            self.details["doc_url"] = f"https://stripe.com/docs/error-codes/{slug}"

    def body(self, *, request_id: str) -> Json:
        """The JSON object Stripe answers with."""
        log = f"https://dashboard.stripe.com/test/logs/{request_id}"
        return {"error": {**self.details, "request_log_url": log}}


def missing(kind: str, identifier: str, *, param: str = "id", status: int = 404) -> StripeError:
    """The caller's account has no such object with this id."""
    name = kind.replace("_", " ").replace(" ", "") if kind != "payment_method" else "PaymentMethod"
    return StripeError(
        f"No such {name}: '{identifier}'", status=status, code="resource_missing", param=param
    )


def internal() -> StripeError:
    """Stripe's own failure."""
    return StripeError("An unknown error occurred. Please try again.", status=500, kind="api_error")
