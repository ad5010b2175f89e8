"""Explains an organization's number of active users in a month: the users counted."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower

from core.addresses import search_key
from core.key_field import name_key_of
from core.months import Month
from core.names import name_key
from usage.models import ActiveUser
from usage.models.active_users import LateActivity

SORTS = ("name", "seen")


@dataclass(frozen=True, slots=True)
class ActiveRow:
    """An active user with current e-mail and name, the first sighting, and its report."""

    user_id: int
    email: str
    name: str
    first_seen_at: datetime
    reported_at: datetime
    reported_by: str
    via: str
    removed_at: datetime | None


@dataclass(frozen=True, slots=True)
class ActiveUsersExplanation:
    """A month's number, the user first seen last, and the number that was reported late."""

    count: int
    latest: ActiveRow | None
    late: int


_COLUMNS = (
    "user_id",
    "user__email",
    "user__name",
    "first_seen_at",
    "reported_at",
    "reported_by_name",
    "via",
    "user__removed_at",
)


def active_rows(
    *, organization_id: int, month: Month, search: str = "", sort: str = "seen"
) -> "QuerySet[ActiveUser, tuple[Any, ...]]":
    """The active users of a month as columns of `ActiveRow`; a minus before `sort`: descending."""
    rows = ActiveUser.objects.filter(organization_id=organization_id, month=month.first_day)
    if search:
        rows = rows.alias(name=name_key_of("user__name")).filter(
            Q(user__address_key__contains=search_key(search)) | Q(name__contains=name_key(search))
        )
    key = Lower("user__email") if sort.removeprefix("-") == "name" else F("first_seen_at")
    if sort.startswith("-"):
        return rows.order_by(key.desc(), "-pk").values_list(*_COLUMNS)
    return rows.order_by(key.asc(), "pk").values_list(*_COLUMNS)


def explain_active_users(*, organization_id: int, month: Month) -> ActiveUsersExplanation:
    """The month's explanation, in three statements."""
    rows = active_rows(organization_id=organization_id, month=month, sort="-seen")
    latest = rows.first()
    return ActiveUsersExplanation(
        count=rows.count() if latest else 0,
        latest=ActiveRow(*latest) if latest else None,
        late=LateActivity.objects.filter(
            organization_id=organization_id, month=month.first_day
        ).count(),
    )
