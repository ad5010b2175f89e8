"""Who is active, told by a provider's own systems, and how many that makes."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from django.utils import timezone
from ninja import Router, Schema
from pydantic import BeforeValidator, Field, model_validator

from accounts.api_access import ApiRequest, api_actor
from core.months import YEARS, Month
from core.problems import Problem
from tenants.access import organization_or_404
from tenants.api.fields import (
    LARGEST_BULK,
    LARGEST_ID,
    Body,
    Email,
    ExternalId,
    Page,
    PageQuery,
    Paging,
    Whole,
    page_of,
)
from tenants.api.refusals import CONFLICT, contact_of
from tenants.refusals import MauLimitReached
from tenants.users.membership import Via
from usage.active_users.explain import explain_active_users
from usage.active_users.identification import Refused, Sighting
from usage.active_users.months_table import activity_table
from usage.active_users.recording import ActivityRefused, Recorded, Reporter, record_activity
from usage.api.month_parameter import MonthText, asked_month
from usage.models import ActiveUser

router = Router(tags=["Activity"])
DETAILS = {
    Refused.UNKNOWN_USER: "The organization has no such user.",
    Refused.REMOVED_USER: "The user was removed by then.",
    Refused.IN_THE_FUTURE: "The instant has not come yet.",
    Refused.BEFORE_ORGANIZATION: "The organization was created in a later month.",
    Refused.OVER_THRESHOLD: "The organization is at its threshold of active users.",
}


def _instant(value: Any) -> datetime:
    if not isinstance(value, str):
        raise ValueError("An instant is a text like 2026-10-14T09:31:07Z.")
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise ValueError("An instant is a text like 2026-10-14T09:31:07Z.") from None
    if instant.tzinfo is None or instant.year not in YEARS[1:-1]:
        raise ValueError("An instant has its offset from UTC, and lies in this age.")
    return instant


Instant = Annotated[datetime, BeforeValidator(_instant)]


class ActivityIn(Body):
    """A user seen active: named by one of id, external id or e-mail; `at` left out is now."""

    user_id: Whole | None = Field(None, ge=1, le=LARGEST_ID)
    external_id: ExternalId | None = None
    email: Email | None = None
    at: Instant | None = None

    @model_validator(mode="after")
    def names_one_user(self) -> Self:
        """Two names could mean two users."""
        named = [self.user_id, self.external_id, self.email]
        if sum(name is not None for name in named) != 1:
            raise ValueError("Name the user by exactly one of user_id, external_id and email.")
        return self

    def sighting(self, now: datetime) -> Sighting:
        """As the domain takes it."""
        return Sighting(
            at=self.at or now,
            user_id=self.user_id,
            external_id=self.external_id,
            email=self.email,
        )


class ActivitiesIn(Body):
    """Up to 1,000 at once. `all_or_nothing`, or `good_ones`: what can't be recorded is left out and
    listed.
    """

    activities: list[ActivityIn] = Field(min_length=1, max_length=LARGEST_BULK)
    mode: Literal["all_or_nothing", "good_ones"] = "all_or_nothing"


class RefusedOut(Schema):
    """An activity that was not recorded: its place in the list, from 0."""

    place: int
    code: str
    detail: str


class RecordedOut(Schema):
    """What became of them: users counted by it, those counted before, and places of the rest.

    `late` are of a month that is closed: kept, and not counted in it.
    """

    new: int
    repeated: int
    late: list[int]
    refused: list[RefusedOut]


class ActiveMonthOut(Schema):
    """An organization's month; `threshold` null is any number. `late` were told after the close."""

    organization_id: int
    month: str
    is_over: bool
    active_users: int
    threshold: int | None
    late: int


class ActiveUserOut(Schema):
    """One who was counted. Pages go by `id`."""

    id: int
    user_id: int
    email: str
    first_seen_at: datetime


class ActiveOrganizationOut(Schema):
    """How many users of one organization were active in the month."""

    organization_id: int
    name: str
    is_removed: bool
    active_users: int
    threshold: int | None


def _refused_out(reasons: dict[int, Refused]) -> list[dict[str, Any]]:
    return [
        {"place": place, "code": reason.value, "detail": DETAILS[reason]}
        for place, reason in sorted(reasons.items())
    ]


@router.post(
    "/organizations/{organization_id}/activity", response=RecordedOut, summary="Report activity"
)
def report_activity(
    request: ApiRequest, organization_id: int, body: ActivitiesIn
) -> dict[str, Any]:
    """Each user counts once a month; telling it again changes nothing. The first instant is kept.

    409 when a new user would pass the organization's threshold (with it and whom to contact), and
    when any can't be recorded, unless only the good ones are asked for.
    """
    organization = organization_or_404(organization_id=organization_id)
    now = timezone.now()
    recorded: Recorded = record_activity(
        organization=organization,
        sightings=[one.sighting(now) for one in body.activities],
        reporter=Reporter(name=api_actor(request).name, via=Via.API),
        is_whole=body.mode == "all_or_nothing",
        now=now,
    )
    return {
        "new": len(recorded.new),
        "repeated": len(recorded.repeated),
        "late": list(recorded.late),
        "refused": _refused_out(recorded.refused),
    }


@router.get(
    "/organizations/{organization_id}/activity/{month}",
    response=ActiveMonthOut,
    summary="One organization's active users of a month",
)
def active_month(request: ApiRequest, organization_id: int, month: MonthText) -> dict[str, Any]:
    """How many, beside the threshold."""
    organization = organization_or_404(organization_id=organization_id)
    asked, zone, now = asked_month(request, month)
    told = explain_active_users(organization_id=organization.pk, month=asked)
    return {
        "organization_id": organization.pk,
        "month": str(asked),
        "is_over": asked.ends_at(zone) <= now,
        "active_users": told.count,
        "threshold": organization.mau_limit,
        "late": told.late,
    }


@router.get(
    "/organizations/{organization_id}/activity/{month}/users",
    response=Page[ActiveUserOut],
    summary="Who was active in a month",
)
def active_users_of(
    request: ApiRequest, organization_id: int, month: MonthText, paging: Paging
) -> dict[str, Any]:
    """Everyone counted, and first seen when."""
    organization = organization_or_404(organization_id=organization_id)
    asked, _, _ = asked_month(request, month)
    rows = ActiveUser.objects.filter(organization=organization, month=asked.first_day)
    page = page_of(rows.select_related("user"), paging)
    page["items"] = [
        {
            "id": row.pk,
            "user_id": row.user_id,
            "email": row.user.email,
            "first_seen_at": row.first_seen_at,
        }
        for row in page["items"]
    ]
    return page


@router.get(
    "/activity/{month}",
    response=Page[ActiveOrganizationOut],
    summary="Active users of all organizations",
)
def active_month_of_all(request: ApiRequest, month: MonthText, paging: Paging) -> dict[str, Any]:
    """In order of organization id; removed ones where anybody was active."""
    asked, _, _ = asked_month(request, month)
    return _page(asked, paging)


def _page(month: Month, paging: PageQuery) -> dict[str, Any]:
    table = activity_table(months=[month], sort="id", behind=paging.after, limit=paging.limit + 1)
    items = [
        {
            "organization_id": row.organization_id,
            "name": row.name,
            "is_removed": row.is_removed,
            "active_users": row.active,
            "threshold": row.threshold,
        }
        for row in table.rows[: paging.limit]
    ]
    more = len(table.rows) > paging.limit
    return {"items": items, "next": items[-1]["organization_id"] if more else None}


def _threshold_reached(request: ApiRequest, refusal: MauLimitReached) -> Problem:
    provider = request.provider
    return Problem(
        CONFLICT,
        "mau-threshold-reached",
        f"The organization has {refusal.count} active users in {refusal.month:%Y-%m} and its "
        f"threshold is {refusal.threshold}: {refusal.asked} more are refused. Contact "
        f"{provider.contact_name}, {provider.contact_email}.",
        organization_id=refusal.organization_id,
        month=f"{refusal.month:%Y-%m}",
        threshold=refusal.threshold,
        count=refusal.count,
        asked=refusal.asked,
        contact=contact_of(provider),
    )


def _activity_refused(_request: ApiRequest, refusal: ActivityRefused) -> Problem:
    return Problem(
        CONFLICT,
        "activity-refused",
        "Nothing was recorded: some of it can't be.",
        refused=_refused_out(refusal.reasons),
    )


PROBLEMS = {MauLimitReached: _threshold_reached, ActivityRefused: _activity_refused}
