"""Active users in the API: reports by a provider's systems, and the numbers by month."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from django.utils import timezone
from ninja import Router, Schema
from pydantic import BeforeValidator, Field, model_validator

from accounts.api_access import ApiRequest, api_actor
from core.months import YEARS
from core.problems import Problem
from tenants.access import metered_organization_or_404, organization_or_404
from tenants.api.fields import (
    LARGEST_BULK,
    LARGEST_ID,
    Body,
    Email,
    ExternalId,
    Page,
    Paging,
    Whole,
    page_of,
)
from tenants.api.refusals import CONFLICT, contact_of
from tenants.refusals import MauLimitReached
from tenants.users.membership import Via
from usage.active_users.explain import explain_active_users
from usage.active_users.identification import RefusalReason, Sighting
from usage.active_users.months_table import activity_table
from usage.active_users.recording import ActivityRefused, Recorded, Reporter, record_activity
from usage.api.month_parameter import MonthText, requested_month
from usage.models import ActiveUser

router = Router(tags=["Activity"])
DETAILS = {
    RefusalReason.UNKNOWN_USER: "The organization has no such user.",
    RefusalReason.REMOVED_USER: "The user was removed by then.",
    RefusalReason.IN_THE_FUTURE: "The instant is in the future.",
    RefusalReason.BEFORE_ORGANIZATION: "The organization was created in a later month.",
    RefusalReason.OVER_LIMIT: "The organization is at its active-user limit.",
}


def _instant(value: Any) -> datetime:
    try:
        instant = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("An instant is a text like 2026-10-14T09:31:07Z.") from None
    if instant.tzinfo is None or instant.year not in YEARS[1:-1]:
        raise ValueError("An instant needs an offset from UTC and a year from 1971 to 2998.")
    return instant


Instant = Annotated[datetime, BeforeValidator(_instant)]


class ActivityIn(Body):
    """A user seen active, named by id, external id or e-mail; `at` is now by default."""

    user_id: Whole | None = Field(None, ge=1, le=LARGEST_ID)
    external_id: ExternalId | None = None
    email: Email | None = None
    at: Instant | None = None

    @model_validator(mode="after")
    def names_one_user(self) -> Self:
        """Require exactly one name: two names could belong to two users."""
        named = [self.user_id, self.external_id, self.email]
        if sum(name is not None for name in named) != 1:
            raise ValueError("Name the user by exactly one of user_id, external_id and email.")
        return self

    def sighting(self, now: datetime) -> Sighting:
        """The sighting to record."""
        return Sighting(
            at=self.at or now,
            user_id=self.user_id,
            external_id=self.external_id,
            email=self.email,
        )


class ActivitiesIn(Body):
    """Up to 1,000 activities; `good_ones` skips and lists those that can't be recorded."""

    activities: list[ActivityIn] = Field(min_length=1, max_length=LARGEST_BULK)
    mode: Literal["all_or_nothing", "good_ones"] = "all_or_nothing"


class RefusedOut(Schema):
    """An activity that was not recorded; `place` is its index in the list, from 0."""

    place: int
    code: str
    detail: str


class RecordedOut(Schema):
    """The numbers of users newly counted and counted before, and the places of the others.

    `late` are activities of a closed month: stored, and not counted in it.
    """

    new: int
    repeated: int
    late: list[int]
    refused: list[RefusedOut]


class ActiveMonthOut(Schema):
    """An organization's month; `threshold` is its active-user limit, null without one.

    `late` users were reported after the month was closed.
    """

    organization_id: int
    month: str
    is_over: bool
    active_users: int
    threshold: int | None
    late: int


class ActiveUserOut(Schema):
    """A user who was counted. Pages are by `id`."""

    id: int
    user_id: int
    email: str
    first_seen_at: datetime


class ActiveOrganizationOut(Schema):
    """The number of active users of one organization in the month."""

    organization_id: int
    name: str
    is_removed: bool
    active_users: int
    threshold: int | None


def _refused_out(reasons: dict[int, RefusalReason]) -> list[dict[str, Any]]:
    return [
        {"place": position, "code": reason.value, "detail": DETAILS[reason]}
        for position, reason in sorted(reasons.items())
    ]


@router.post(
    "/organizations/{organization_id}/activity", response=RecordedOut, summary="Report activity"
)
def report_activity(
    request: ApiRequest, organization_id: int, body: ActivitiesIn
) -> dict[str, Any]:
    """Each user counts once a month; a repeated report changes nothing. Stores the first instant.

    409 when a new user would exceed the organization's active-user limit (with the limit and a
    contact), and when any activity can't be recorded, except in the mode `good_ones`.
    """
    organization = organization_or_404(organization_id=organization_id)
    now = timezone.now()
    recorded: Recorded = record_activity(
        organization=organization,
        sightings=[one.sighting(now) for one in body.activities],
        reporter=Reporter(name=api_actor(request).name, via=Via.API),
        is_all_or_nothing=body.mode == "all_or_nothing",
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
    """The number of active users and the active-user limit; of a removed organization too."""
    organization = metered_organization_or_404(organization_id=organization_id)
    requested, zone, now = requested_month(request, month)
    explanation = explain_active_users(organization_id=organization.pk, month=requested)
    return {
        "organization_id": organization.pk,
        "month": str(requested),
        "is_over": requested.ends_at(zone) <= now,
        "active_users": explanation.count,
        "threshold": organization.mau_limit,
        "late": explanation.late,
    }


@router.get(
    "/organizations/{organization_id}/activity/{month}/users",
    response=Page[ActiveUserOut],
    summary="Who was active in a month",
)
def active_users_of(
    request: ApiRequest, organization_id: int, month: MonthText, paging: Paging
) -> dict[str, Any]:
    """The users counted in the month, and when each was first seen."""
    organization = metered_organization_or_404(organization_id=organization_id)
    requested, _, _ = requested_month(request, month)
    rows = ActiveUser.objects.filter(organization=organization, month=requested.first_day)
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
    """By organization id; includes removed organizations that had active users."""
    requested, _, _ = requested_month(request, month)
    table = activity_table(
        months=[requested], sort="id", after=paging.after, limit=paging.limit + 1
    )
    items = [
        {
            "organization_id": row.organization_id,
            "name": row.name,
            "is_removed": row.is_removed,
            "active_users": row.active,
            "threshold": row.mau_limit,
        }
        for row in table.rows[: paging.limit]
    ]
    has_more = len(table.rows) > paging.limit
    return {"items": items, "next": items[-1]["organization_id"] if has_more else None}


def _limit_reached(request: ApiRequest, refusal: MauLimitReached) -> Problem:
    provider = request.provider
    return Problem(
        CONFLICT,
        "mau-threshold-reached",
        f"The organization has {refusal.count} active users in {refusal.month:%Y-%m} and its limit "
        f"is {refusal.threshold}: {refusal.asked} more are refused. Contact "
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
        "Nothing was recorded: some activities can't be recorded.",
        refused=_refused_out(refusal.reasons),
    )


PROBLEMS = {MauLimitReached: _limit_reached, ActivityRefused: _activity_refused}
