"""When the high-water mark of a month starts from the count there is: once, or twice."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection

from core.months import Month

_COUNTED_FROM = """
    SELECT month, counted_from FROM usage_month_counted_from WHERE month = ANY (%s)
"""


def counting_begins(*, months: Sequence[Month], zone: ZoneInfo) -> list[tuple[datetime, int]]:
    """The instants, in order, at which a month's mark starts from the count then.

    Each with the month's position: its first instant, and the one inside it from which it is billed
    (docs/decisions/0031).
    """
    positions = {month.first_day: position for position, month in enumerate(months)}
    begins = [(month.starts_at(zone), position) for position, month in enumerate(months)]
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED_FROM, [list(positions)])
        begins += [(at, positions[day]) for day, at in cursor.fetchall()]
    return sorted(begins)
