"""Making a draft of caps: one by one, by a rule, from a list; and applying it as a whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction

from core.actors import Actor
from tenants.models import LARGEST_USER_CAP, SMALLEST_USER_CAP, Organization
from tenants.organizations.bulk_caps import CapChange, set_user_caps
from usage.cap_simulation.simulation import SimulatedCap
from usage.models import DraftCap


class Base(StrEnum):
    """What a rule adds its room to."""

    THIS_MONTH = "this_month"
    TWELVE_MONTHS = "twelve_months"


class Target(StrEnum):
    """Which organizations a rule is for."""

    ALL = "all"
    UNCAPPED = "uncapped"
    CAPPED = "capped"


@dataclass(frozen=True, slots=True)
class Rule:
    """A cap for many: so many percent above a high-water mark."""

    base: Base
    percent: int
    whom: Target

    def cap(self, past: SimulatedCap) -> int:
        """Rounded up, within the range of caps."""
        mark = past.users[-1] if self.base is Base.THIS_MONTH else past.highest
        wanted = -(-mark * (100 + self.percent) // 100)
        return min(max(wanted, SMALLEST_USER_CAP), LARGEST_USER_CAP)


class NothingDrafted(Exception):
    """The draft is empty: there is nothing to apply."""


def draft_of(*, user_id: int) -> dict[int, DraftCap]:
    """An administrator's draft by organization."""
    return {draft.organization_id: draft for draft in DraftCap.objects.of(user_id=user_id)}


@transaction.atomic
def put(*, user_id: int, caps: Mapping[int, int | None]) -> int:
    """Take these caps into the draft; gives how many differ from the caps in force.

    A cap that is in force already is no draft. Organizations that are not to be seen are left out.
    """
    present = dict(Organization.objects.visible().filter(pk__in=caps).values_list("pk", "user_cap"))
    DraftCap.objects.filter(user_id=user_id, organization_id__in=present).delete()
    drafts = [
        DraftCap(user_id=user_id, organization_id=pk, cap=caps[pk], cap_when_drafted=present[pk])
        for pk in sorted(present)
        if caps[pk] != present[pk]
    ]
    DraftCap.objects.bulk_create(
        drafts,
        update_conflicts=True,
        unique_fields=["user_id", "organization"],
        update_fields=["cap", "cap_when_drafted"],
    )
    return len(drafts)


def put_by_rule(*, user_id: int, rule: Rule, pasts: Iterable[SimulatedCap]) -> int:
    """Draft a cap for every living organization that the rule is for; gives how many differ."""
    living = Organization.objects.visible()
    if rule.whom is not Target.ALL:
        living = living.filter(user_cap__isnull=rule.whom is Target.UNCAPPED)
    ids = set(living.values_list("pk", flat=True))
    caps: dict[int, int | None] = {
        past.organization_id: rule.cap(past) for past in pasts if past.organization_id in ids
    }
    return put(user_id=user_id, caps=caps)


def discard(*, user_id: int) -> None:
    """Throw the draft away; caps stay as they are."""
    DraftCap.objects.filter(user_id=user_id).delete()


def renew(*, user_id: int) -> int:
    """Keep the drafted caps and take the caps in force now as those they replace."""
    drafts = draft_of(user_id=user_id)
    return put(user_id=user_id, caps={pk: draft.cap for pk, draft in drafts.items()})


@transaction.atomic
def apply(*, user_id: int, actor: Actor, now: datetime) -> int:
    """Set every cap of the draft and empty it, or nothing at all; gives how many were changed.

    Raises `NothingDrafted`, and `CapsChanged` where a cap is no longer what it was when drafted.
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
