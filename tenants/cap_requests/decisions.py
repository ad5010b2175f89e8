"""The provider's answer to a request, and the end of one that was approved until a day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import transaction

from core.actors import SYSTEM_ACTOR, Actor
from core.outbox.delivery import enqueue
from core.outbox.topics import handler
from tenants import audit
from tenants.alerts.schedule import check_soon
from tenants.cap_requests.mails import mail_decision, mail_ended
from tenants.models import CapRequest, Organization
from tenants.organizations.lifecycle import set_user_cap

END_TOPIC = "tenants.cap_request_end"


class AlreadyDecided(Exception):
    """Somebody else was first; `request` says who, when and how."""

    def __init__(self, request: CapRequest) -> None:
        super().__init__(f"{request.decided_by_name} {request.state} this request.")
        self.request = request


class CapAlreadyHigher(Exception):
    """The cap was raised or lifted meanwhile: approving would lower it. `cap` None is no cap."""

    def __init__(self, cap: int | None) -> None:
        super().__init__(f"the cap is {cap} already")
        self.cap = cap


@dataclass(frozen=True, slots=True)
class Until:
    """A temporary approval: its last day, and that day's end (aware) in the billing zone."""

    last_day: date
    ends_at: datetime


@transaction.atomic
def approve(
    *, request: CapRequest, until: Until | None, answer: str, actor: Actor, now: datetime
) -> CapRequest:
    """Set the cap that was asked for, for good or until a day, and mail who asked.

    Raises `AlreadyDecided` when somebody was first and `CapAlreadyHigher` when the cap is no lower.
    """
    organization, current = _locked_open(request)
    present = organization.user_cap
    if present is None or present >= current.requested_cap:
        raise CapAlreadyHigher(present)
    current.former_cap = _former_cap(organization, until=until, now=now)
    if until:
        current.last_day, current.ends_at = until.last_day, until.ends_at
        enqueue(
            topic=END_TOPIC,
            key=f"cap-request:{current.pk}",
            payload={"request_id": current.pk},
            now=now,
            due_at=until.ends_at,
        )
    set_user_cap(organization=organization, cap=current.requested_cap, actor=actor, now=now)
    _decide(current, CapRequest.State.APPROVED, answer=answer, actor=actor, now=now)
    return current


@transaction.atomic
def decline(*, request: CapRequest, answer: str, actor: Actor, now: datetime) -> CapRequest:
    """Leave the cap as it is and mail `answer` to who asked. Raises `AlreadyDecided`."""
    _, current = _locked_open(request)
    _decide(current, CapRequest.State.DECLINED, answer=answer, actor=actor, now=now)
    return current


@handler(END_TOPIC)
@transaction.atomic
def end_approval(payload: Mapping[str, Any], now: datetime) -> None:
    """Bring the former cap back, once, unless the cap was changed after the approval."""
    organization_id = CapRequest.objects.values_list("organization_id", flat=True).get(
        pk=payload["request_id"]
    )
    organization = _locked(organization_id)
    request = CapRequest.objects.get(pk=payload["request_id"])
    if request.ended_at is not None:
        return
    request.ended_at = now
    request.save(update_fields=["ended_at"])
    if organization.removed_at is not None or organization.user_cap != request.requested_cap:
        return
    set_user_cap(organization=organization, cap=request.former_cap, actor=SYSTEM_ACTOR, now=now)
    check_soon()
    mail_ended(request=request, now=now)


def _locked(organization_id: int) -> Organization:
    # One decision or end of an organization at a time; its requests need no lock of their own.
    return Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def _locked_open(request: CapRequest) -> tuple[Organization, CapRequest]:
    organization = _locked(request.organization_id)
    current = CapRequest.objects.get(pk=request.pk)
    current.organization = organization
    if current.state != CapRequest.State.OPEN:
        raise AlreadyDecided(current)
    return organization, current


def _former_cap(organization: Organization, *, until: Until | None, now: datetime) -> int | None:
    """The cap to come back to: not one that is itself to end before the new approval does.

    Earlier approvals that this one outlasts are ended here: their cap was overtaken.
    """
    former = organization.user_cap
    earlier_ones = organization.cap_requests.running_out()
    if until is not None:
        earlier_ones = earlier_ones.filter(ends_at__lte=until.ends_at)
    for earlier in earlier_ones.order_by("-ends_at"):
        if earlier.requested_cap == former:
            former = earlier.former_cap
        earlier.ended_at = now
        earlier.save(update_fields=["ended_at"])
    return former


def _decide(
    request: CapRequest, state: CapRequest.State, *, answer: str, actor: Actor, now: datetime
) -> None:
    request.state = state
    request.answer = answer
    request.decided_at = now
    request.decided_by_id, request.decided_by_name = actor.id, actor.name
    request.save()
    audit.record(
        actor=actor,
        action=f"cap_request.{state}",
        subject=request.organization.name,
        organization=request.organization,
        before={"user_cap": request.former_cap or request.cap_when_requested},
        after={
            "requested_cap": request.requested_cap,
            "until": request.last_day.isoformat() if request.last_day else None,
            "answer": answer,
        },
        now=now,
    )
    mail_decision(request=request, now=now)
