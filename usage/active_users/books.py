"""Whether the number of each month is that of its active users."""

from dataclasses import dataclass
from datetime import date

from django.db import connection

from mtp.schema import require_provider_schema

DIFFERENCES = """
    SELECT coalesce(m.organization_id, a.organization_id), coalesce(m.month, a.month),
           coalesce(a.count, 0), coalesce(m.count, 0)
    FROM usage_activemonth m
    FULL JOIN (
        SELECT organization_id, month, count(*) AS count FROM usage_activeuser GROUP BY 1, 2
    ) a ON a.organization_id = m.organization_id AND a.month = m.month
    WHERE coalesce(a.count, 0) <> coalesce(m.count, 0)
    ORDER BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class ActivityDifference:
    """A month whose stored number is not that of its rows."""

    organization_id: int
    month: date
    expected: int
    found: int

    def __str__(self) -> str:
        return (
            f"organization {self.organization_id}, active users of {self.month:%Y-%m}: "
            f"expected {self.expected}, found {self.found}"
        )


def activity_differences() -> list[ActivityDifference]:
    """Every difference in the current provider's schema; an empty list when there is none."""
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(DIFFERENCES)
        return [ActivityDifference(*row) for row in cursor.fetchall()]
