"""The provider's answer to a cap request, and the end of a temporary approval."""

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
    """The request is decided; `request` has the decision, its time and its administrator."""

    def __init__(self, request: CapRequest) -> None:
        super().__init__(f"{request.decided_by_name} {request.state} this request.")
        self.request = request


class CapAlreadyHigher(Exception):
    """The cap was raised or removed since the request; `cap` is the present one, None for none."""

    def __init__(self, cap: int | None) -> None:
        super().__init__(f"the cap is {cap} already")
        self.cap = cap


@dataclass(frozen=True, slots=True)
class Until:
    """The end of a temporary approval: its last day, and that day's end in the billing zone."""

    last_day: date
    ends_at: datetime


@transaction.atomic
def approve(
    *, request: CapRequest, until: Until | None, answer: str, actor: Actor, now: datetime
) -> CapRequest:
    """Set the requested cap, permanently or until a day, and mail the requester.

    Raises `AlreadyDecided`, and `CapAlreadyHigher` when the present cap is as high or higher.
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
    """Leave the cap unchanged and mail `answer` to the requester. Raises `AlreadyDecided`."""
    _, current = _locked_open(request)
    _decide(current, CapRequest.State.DECLINED, answer=answer, actor=actor, now=now)
    return current


@handler(END_TOPIC)
@transaction.atomic
def end_approval(payload: Mapping[str, Any], now: datetime) -> None:
    """Restore the former cap, once, unless the cap was changed after the approval."""
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
    # The organization's lock serializes its decisions and ends; its requests need no lock.
    return Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def _locked_open(request: CapRequest) -> tuple[Organization, CapRequest]:
    organization = _locked(request.organization_id)
    current = CapRequest.objects.get(pk=request.pk)
    current.organization = organization
    if current.state != CapRequest.State.OPEN:
        raise AlreadyDecided(current)
    return organization, current


def _former_cap(organization: Organization, *, until: Until | None, now: datetime) -> int | None:
    """The cap to restore when the new approval ends.

    An earlier approval that ends first is ended here, and the cap before it is taken instead.
    """
    former = organization.user_cap
    replaced = organization.cap_requests.temporary()
    if until is not None:
        replaced = replaced.filter(ends_at__lte=until.ends_at)
    for earlier in replaced.order_by("-ends_at"):
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
