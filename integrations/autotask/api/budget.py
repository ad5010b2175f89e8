"""The hourly limit of a customer database, shared with every other integration of it."""

from datetime import timedelta

from django.core.cache import cache

from integrations.autotask.api.errors import BudgetSpent

# From half of the limit on Autotask itself slows down; we leave room before it does.
SLOW_FROM = 0.5
STOP_AT = 0.95
SLOWEST_SECONDS = 2.0
# Others use the same limit: what they used is asked for this often.
KNOWN_SECONDS = 300
KNOWN_CALLS = 200
PAUSE = timedelta(minutes=10)


class Budget:
    """Requests used in the running hour, as all our workers know it together.

    Redis holds it and may be emptied: then Autotask is asked anew.
    """

    def __init__(self, *, customer_database: str) -> None:
        self._used = f"autotask:{customer_database}:used"
        self._limit = f"autotask:{customer_database}:limit"
        self._calls_since_asked = 0

    def spend(self) -> float | None:
        """Count one request. Gives the seconds to wait before it, None where nothing is known.

        Raises `BudgetSpent` where the little that is left belongs to others.
        """
        limit = cache.get(self._limit)
        self._calls_since_asked += 1
        if not limit or self._calls_since_asked > KNOWN_CALLS:
            return None
        try:
            share = float(cache.incr(self._used) / limit)
        except ValueError:
            return None
        if share >= STOP_AT:
            raise BudgetSpent(
                f"Autotask's limit of {limit} requests an hour is nearly used up, by all of the "
                "integrations of this database together. The run goes on later.",
                wait=PAUSE,
            )
        return max(0.0, (share - SLOW_FROM) / (STOP_AT - SLOW_FROM)) * SLOWEST_SECONDS

    def learn(self, *, used: int, limit: int) -> None:
        """What Autotask itself counts."""
        self._calls_since_asked = 0
        cache.set_many({self._used: used, self._limit: limit}, KNOWN_SECONDS)
