"""Where a number's explanation stands."""

from datetime import date

from django.urls import reverse

from core.metrics import Metric


def explanation_path(*, organization_id: int, month: date, metric: str) -> str:
    """The address, without the site, of why an organization's number of a month is what it is.

    `month` is its first day. Devices and active users have explanations; any other metric is
    explained by its users.
    """
    if metric == Metric.ACTIVE_USERS:
        return reverse("active_users_explanation", args=[organization_id, f"{month:%Y-%m}"])
    path = reverse("usage_explanation", args=[organization_id, f"{month:%Y-%m}"])
    return f"{path}?metric={metric}" if metric == Metric.DEVICES else path
