"""The bearer token with which Prometheus reads the figures."""

from django.conf import settings
from django.utils.crypto import constant_time_compare


def is_metrics_token(authorization: str) -> bool:
    """Whether the header carries METRICS_TOKEN; never while no token is set."""
    token: str = settings.METRICS_TOKEN
    return bool(token) and constant_time_compare(authorization.removeprefix("Bearer "), token)
