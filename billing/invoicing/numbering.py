"""Document numbers without gaps."""

from django.db import connection

TAKE_NUMBERS = """
    INSERT INTO billing_numbersequence AS s (name, last_number) VALUES (%(name)s, %(count)s)
    ON CONFLICT (name) DO UPDATE SET last_number = s.last_number + excluded.last_number
    RETURNING last_number
"""


def take_numbers(*, name: str, count: int) -> int:
    """Take `count` consecutive numbers of a kind of document; returns the first.

    The sequence is locked until the running transaction ends, so a rollback leaves no gap.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE_NUMBERS, {"name": name, "count": count})
        last: int = cursor.fetchone()[0]
    return last - count + 1
