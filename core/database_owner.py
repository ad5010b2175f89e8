"""Work that changes tables, triggers or sequences: only the role that owns the database may."""

from django.db import connection

_OWNER = """
    SELECT pg_has_role(datdba, 'USAGE'), pg_get_userbyid(datdba), current_user
    FROM pg_database WHERE datname = current_database()
"""


class OwnerNeeded(Exception):
    """The connection's role is not the owner; the message says which is and how to use it."""


def require_owner() -> None:
    """Raise `OwnerNeeded` unless this connection's role owns the database (docs/decisions/0037)."""
    with connection.cursor() as cursor:
        cursor.execute(_OWNER)
        is_owner, owner, role = cursor.fetchone()
    if not is_owner:
        raise OwnerNeeded(
            f"This changes what the role {owner} owns, and {role} may not. Use the address of "
            f"{owner}: docker compose run --rm migrate python manage.py …, or "
            "DATABASE=database_owner_url sh deploy/systemd/manage.sh …"
        )
