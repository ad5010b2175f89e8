"""The actions that a provider's log has, without reading the log."""

from django.db import connection

from core.schema import require_provider_schema

# One step of the index for each action: DISTINCT would read every row.
_ACTIONS = """
    WITH RECURSIVE found AS (
        (SELECT action FROM tenants_auditentry ORDER BY action LIMIT 1)
        UNION ALL
        SELECT (SELECT e.action FROM tenants_auditentry e WHERE e.action > f.action
                ORDER BY e.action LIMIT 1)
        FROM found f WHERE f.action IS NOT NULL
    )
    SELECT action FROM found WHERE action IS NOT NULL
"""


def known_actions() -> list[str]:
    """All actions of the current provider's log, in their order; one statement."""
    require_provider_schema()
    with connection.cursor() as cursor:
        cursor.execute(_ACTIONS)
        return [action for (action,) in cursor.fetchall()]
