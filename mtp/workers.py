"""The pools of worker processes and the queues that each consumes (docs/decisions/0034).

Has no import outside of the standard library, because the supervisor reads it before any package is
installed. `docker-compose.yml` has one service for each pool.
"""

from dataclasses import dataclass

# Tasks without another queue: scheduled work for all providers.
SCHEDULED = "scheduled"


@dataclass(frozen=True, slots=True)
class Pool:
    """A Celery worker: its queues and its number of child processes."""

    queues: tuple[str, ...]
    processes: int


POOLS = {
    "people": Pool(("people",), 2),
    "provisioning": Pool(("provisioning",), 1),
    "charges": Pool(("charges",), 2),
    "payments": Pool(("payments",), 1),
    "documents": Pool(("documents",), 1),
    "psa": Pool(("psa",), 1),
    # An import waits for at most one batch of scheduled work.
    "scheduled": Pool((SCHEDULED, "imports"), 2),
}

# What a person waits for, and what watches the others, does not wait for scheduled work.
TASK_QUEUES = {
    "tenants.tasks.evaluate_alerts_of_provider": "people",
    "core.operations.tasks.watch": "people",
    "accounts.tasks.watch_migrations": "people",
    # They call Stripe.
    "billing.tasks.reconcile_all": "charges",
    "billing.tasks.reconcile_payments_of": "charges",
}


def arguments(pool: str) -> list[str]:
    """The arguments of `celery -A mtp` that start this pool."""
    chosen = POOLS[pool]
    return [
        "worker",
        f"--queues={','.join(chosen.queues)}",
        f"--concurrency={chosen.processes}",
        f"--hostname={pool}@%h",
        # Gossip and mingle are for fleets; without them the start is a second faster.
        "--without-gossip",
        "--without-mingle",
        "--loglevel=INFO",
    ]
