"""The address of a number's explanation."""

from datetime import date

from django.urls import reverse

from core.metrics import Metric


def explanation_path(*, organization_id: int, month: date, metric: str) -> str:
    """The path of the page that explains an organization's number of a month.

    `month` is its first day. Seats (`Metric.GREATER`) lead to the explanation of users.
    """
    if metric == Metric.ACTIVE_USERS:
        return reverse("active_users_explanation", args=[organization_id, f"{month:%Y-%m}"])
    path = reverse("usage_explanation", args=[organization_id, f"{month:%Y-%m}"])
    return f"{path}?metric={metric}" if metric == Metric.DEVICES else path


def combined_explanation_path(*, month: date, metric: str = "") -> str:
    """The path of the page that explains the peak of all organizations together.

    Without a metric, of the one that the month was billed by.
    """
    path = reverse("combined_explanation", args=[f"{month:%Y-%m}"])
    return f"{path}?metric={metric}" if metric else path
