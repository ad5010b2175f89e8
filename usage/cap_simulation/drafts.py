"""Drafts of caps: filled one by one, by a rule or from a list, and applied as a whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django.db import transaction

from core.actors import Actor
from tenants.models import LARGEST_USER_CAP, SMALLEST_USER_CAP, Organization
from tenants.organizations.bulk_caps import CapChange, set_user_caps
from usage.cap_simulation.simulation import SimulatedCap
from usage.models import DraftCap


class Base(StrEnum):
    """The high-water mark that a rule starts from."""

    THIS_MONTH = "this_month"
    TWELVE_MONTHS = "twelve_months"


class Target(StrEnum):
    """The organizations that a rule applies to."""

    ALL = "all"
    UNCAPPED = "uncapped"
    CAPPED = "capped"


@dataclass(frozen=True, slots=True)
class Rule:
    """A cap for many organizations: so many percent above a high-water mark."""

    base: Base
    percent: int
    target: Target

    def cap(self, past: SimulatedCap) -> int:
        """The cap for an organization, rounded up and within the range of caps."""
        high_water_mark = past.users[-1] if self.base is Base.THIS_MONTH else past.highest
        cap = -(-high_water_mark * (100 + self.percent) // 100)
        return min(max(cap, SMALLEST_USER_CAP), LARGEST_USER_CAP)


class NothingDrafted(Exception):
    """The draft is empty: there is nothing to apply."""


class Drafted(NamedTuple):
    """A drafted cap, and the cap when it was drafted."""

    cap: int | None
    cap_when_drafted: int | None


def draft_of(*, user_id: int) -> dict[int, Drafted]:
    """An administrator's draft by organization."""
    rows = DraftCap.objects.of(user_id=user_id).values_list(
        "organization_id", "cap", "cap_when_drafted"
    )
    return {pk: Drafted(cap, before) for pk, cap, before in rows}


@transaction.atomic
def put(*, user_id: int, caps: Mapping[int, int | None]) -> int:
    """Add these caps to the draft; returns the number that differ from the current caps.

    A cap equal to the current one is not drafted. Organizations that the user may not see are
    skipped.
    """
    current = dict(Organization.objects.visible().filter(pk__in=caps).values_list("pk", "user_cap"))
    DraftCap.objects.filter(user_id=user_id, organization_id__in=current).delete()
    drafts = [
        DraftCap(user_id=user_id, organization_id=pk, cap=caps[pk], cap_when_drafted=current[pk])
        for pk in sorted(current)
        if caps[pk] != current[pk]
    ]
    DraftCap.objects.bulk_create(
        drafts,
        update_conflicts=True,
        unique_fields=["user_id", "organization"],
        update_fields=["cap", "cap_when_drafted"],
    )
    return len(drafts)


def put_by_rule(*, user_id: int, rule: Rule, pasts: Iterable[SimulatedCap]) -> int:
    """Draft a cap for every organization that the rule applies to; returns the number drafted."""
    organizations = Organization.objects.visible()
    if rule.target is not Target.ALL:
        organizations = organizations.filter(user_cap__isnull=rule.target is Target.UNCAPPED)
    ids = set(organizations.values_list("pk", flat=True))
    caps: dict[int, int | None] = {
        past.organization_id: rule.cap(past) for past in pasts if past.organization_id in ids
    }
    return put(user_id=user_id, caps=caps)


def discard(*, user_id: int) -> None:
    """Delete the draft; caps do not change."""
    DraftCap.objects.filter(user_id=user_id).delete()


def renew(*, user_id: int) -> int:
    """Keep the drafted caps, based on the current caps; returns the number that still differ."""
    drafts = draft_of(user_id=user_id)
    return put(user_id=user_id, caps={pk: draft.cap for pk, draft in drafts.items()})


@transaction.atomic
def apply(*, user_id: int, actor: Actor, now: datetime) -> int:
    """Set all caps of the draft and delete it, or change nothing; returns the number changed.

    Raises `NothingDrafted`, and `CapsChanged` when a cap has changed since it was drafted.
    """
    drafts = list(DraftCap.objects.of(user_id=user_id))
    if not drafts:
        raise NothingDrafted
    changes = [
        CapChange(draft.organization_id, expected=draft.cap_when_drafted, cap=draft.cap)
        for draft in drafts
    ]
    changed = set_user_caps(changes=changes, actor=actor, now=now)
    discard(user_id=user_id)
    return changed
