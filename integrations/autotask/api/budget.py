"""The hourly request limit of a customer database, shared with its other integrations."""

from datetime import timedelta

from django.core.cache import cache

from integrations.autotask.api.errors import BudgetSpent

# Autotask slows its answers from half of the limit on; we slow down as well.
SLOW_FROM = 0.5
STOP_AT = 0.95
SLOWEST_SECONDS = 2.0
# Autotask is queried for the requests of other integrations after so many seconds or calls.
KNOWN_SECONDS = 300
KNOWN_CALLS = 200
PAUSE = timedelta(minutes=10)


class Budget:
    """Requests used in the running hour, counted in Redis by all workers together.

    After Redis was emptied, Autotask is queried again.
    """

    def __init__(self, *, customer_database: str) -> None:
        self._used = f"autotask:{customer_database}:used"
        self._limit = f"autotask:{customer_database}:limit"
        self._calls_since_query = 0

    def spend(self) -> float | None:
        """Count one request. Returns the seconds to wait before it, None if the usage is unknown.

        Raises `BudgetSpent` at 95 % of the limit: the rest is left to other integrations.
        """
        limit = cache.get(self._limit)
        self._calls_since_query += 1
        if not limit or self._calls_since_query > KNOWN_CALLS:
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
        """Store the usage and the limit that Autotask reports."""
        self._calls_since_query = 0
        cache.set_many({self._used: used, self._limit: limit}, KNOWN_SECONDS)
