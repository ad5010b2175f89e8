"""Removes rows whose period is over, in batches."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from accounts.models import Provider
from accounts.rounds import scheduled_round
from core.schema import provider_schema
from mtp.retention.periods import PLATFORM_RULES, PROVIDER_RULES, Rule

PRUNE = scheduled_round(
    "prune", title="Removing rows whose period is over", again="The next night tries again."
)
ROWS_A_BATCH = 1_000
# Of one rule in one schema. The next night does the rest.
MOST_BATCHES = 200
STATEMENT_LIMIT = "60s"


def prune_platform(*, now: datetime) -> Counter[str]:
    """Apply the rules of the public schema; returns the number of rows by rule."""
    return _prune(PLATFORM_RULES, now=now)


def prune_provider(*, provider: Provider, now: datetime) -> Counter[str]:
    """Apply the rules of a provider's schema; returns the number of rows by rule."""
    with provider_schema(provider):
        return _prune(PROVIDER_RULES, now=now)


def overdue_rows(rules: Iterable[Rule], *, now: datetime) -> Counter[str]:
    """The number of rows in the current schema whose period is over, by rule."""
    return Counter({rule.name: rule.overdue(now=now).count() for rule in rules})


def _prune(rules: Iterable[Rule], *, now: datetime) -> Counter[str]:
    counts: Counter[str] = Counter()
    for rule in rules:
        last: Any = None
        for _ in range(MOST_BATCHES):
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT set_config('statement_timeout', %s, true)", [STATEMENT_LIMIT]
                    )
                keys = _next_keys(rule, last=last, now=now)
                if keys:
                    counts[rule.name] += _apply(rule, keys, now=now)
            if len(keys) < ROWS_A_BATCH:
                break
            last = keys[-1]
    return counts


def _next_keys(rule: Rule, *, last: Any, now: datetime) -> list[Any]:
    """The next batch after the key `last`: the table is read once, however many batches."""
    rows = rule.overdue(now=now)
    rest = rows if last is None else rows.filter(pk__gt=last)
    return list(rest.order_by("pk").values_list("pk", flat=True)[:ROWS_A_BATCH])


def _apply(rule: Rule, keys: list[Any], *, now: datetime) -> int:
    if rule.work is not None:
        return rule.work(keys, rule.cutoff(now=now), now)
    # With the conditions again: a row may have changed since.
    rows: QuerySet[Any] = rule.overdue(now=now).filter(pk__in=keys)
    if rule.change is not None:
        return rows.update(**rule.change(now))
    return rows.delete()[1].get(rows.model._meta.label, 0)
