"""Looking soon: a round a moment after something changed, not only by the clock.

Changes over the web are covered by `tenants.alerts.middleware`; work outside of a request that an
alert depends on calls `check_soon`.

Nothing is recorded for it: a wake-up that is lost, with Redis or with a worker, costs minutes,
because the beat sends every provider's round anyway (docs/decisions/0012).
"""

import logging
from functools import partial
from time import monotonic

from django.core.cache import caches
from django.db import transaction

from core.schema import HasSchema, connection, current_schema, provider_schema, send_provider_task

log = logging.getLogger(__name__)

# The task is sent by its name: its module imports the rounds.
WATCH_PROVIDER = "tenants.tasks.evaluate_alerts_of_provider"
# A round looks this many seconds after the first change, at all that changed meanwhile.
WAIT_SECONDS = 2
# Without Redis nobody is woken, and for so long nobody tries.
GIVE_UP_SECONDS = 30
# Until when (this process's clock) a round is sure to come that has not begun yet.
_coming: dict[str, float] = {}


def check_soon() -> None:
    """Have a round of the current provider run shortly after the transaction commits.

    Costs the change a look into a table of this process; one of very many in quick succession
    sends the wake-up for all. Does nothing outside of a provider's schema.
    """
    if current_schema() != "public":
        transaction.on_commit(partial(_wake, connection.tenant), robust=True)


def _wake(provider: HasSchema) -> None:
    schema = provider.schema_name
    now = monotonic()
    if _coming.get(schema, 0.0) > now:
        return
    # Before the wake-up is sent: the round begins when this is over, or later.
    _coming[schema] = now + WAIT_SECONDS
    try:
        with provider_schema(provider):
            if caches["provider"].add("alerts:round", 1, WAIT_SECONDS):
                send_provider_task(WATCH_PROVIDER, countdown=WAIT_SECONDS, retry=False)
    except Exception:
        _coming[schema] = now + GIVE_UP_SECONDS
        log.warning("No round of alerts was woken; the beat sends one.", exc_info=True)
