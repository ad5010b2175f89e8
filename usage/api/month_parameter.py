"""The month in an address of the API."""

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from django.utils import timezone
from ninja import Path

from accounts.api_access import ApiRequest
from core.months import Month
from core.problems import Problem

MonthText = Annotated[
    str,
    Path(pattern=r"^(19[7-9][0-9]|2[0-9]{3})-(0[1-9]|1[0-2])$", description="Like 2026-10."),
]


def requested_month(request: ApiRequest, text: str) -> tuple[Month, ZoneInfo, datetime]:
    """The month, the billing zone and now; raises `Problem` for a month that has not begun."""
    zone, now = request.provider.billing_zone(), timezone.now()
    month = Month.parse(text)
    if month > Month.of(now, zone):
        raise Problem(404, "not-begun", "This month has not begun.")
    return month, zone, now
