"""An organization asks for a higher cap, or takes its question back."""

from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.models import Provider, User
from core.actors import Actor
from tenants import audit
from tenants.cap_requests.mails import mail_request
from tenants.models import CapRequest, Organization


class CapRequestRefused(Exception):
    """The request can't be made; the text is for people."""


class AlreadyRequested(CapRequestRefused):
    """The organization's last request is not answered yet."""


class NothingToRequest(CapRequestRefused):
    """The organization may have as many users already."""


class NothingToWithdraw(Exception):
    """No request is open: it was answered or withdrawn meanwhile."""


@transaction.atomic
def request_cap(
    *,
    provider: Provider,
    organization: Organization,
    cap: int,
    reason: str,
    by: User,
    now: datetime,
) -> CapRequest:
    """Ask for a cap of `cap` users and mail those who may grant it.

    Raises `NothingToRequest` without a cap or for one that is not higher, and `AlreadyRequested`
    while an earlier request is open, also when two ask at the same instant.
    """
    present = Organization.objects.values_list("user_cap", flat=True).get(pk=organization.pk)
    if present is None:
        raise NothingToRequest("There is no user cap: you can add users as you need them.")
    if cap <= present:
        raise NothingToRequest(f"The user cap is {present:,} already: ask for more than that.")
    request = CapRequest(
        organization=organization,
        cap_when_requested=present,
        requested_cap=cap,
        reason=reason,
        requested_at=now,
        requested_by_id=by.pk,
        requested_by_name=by.name,
    )
    _save_as_only_one(request)
    audit.record(
        actor=Actor(id=by.pk, name=by.name),
        action="cap_request.made",
        subject=organization.name,
        organization=organization,
        before={"user_cap": present},
        after={"requested_cap": cap, "reason": reason},
        now=now,
    )
    mail_request(request=request, provider=provider, now=now)
    return request


@transaction.atomic
def withdraw_request(*, organization: Organization, by: User, now: datetime) -> CapRequest:
    """Take the organization's open request back: the cap stays, and another may be made.

    Raises `NothingToWithdraw`, also when the answer came first.
    """
    # As the answer does: whoever comes second finds it decided.
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    request = CapRequest.objects.filter(organization=organization).open().first()
    if request is None:
        raise NothingToWithdraw
    request.state = CapRequest.State.WITHDRAWN
    request.decided_at = now
    request.decided_by_id, request.decided_by_name = by.pk, by.name
    request.save(update_fields=["state", "decided_at", "decided_by_id", "decided_by_name"])
    audit.record(
        actor=Actor(id=by.pk, name=by.name),
        action="cap_request.withdrawn",
        subject=organization.name,
        organization=organization,
        before={"requested_cap": request.requested_cap},
        now=now,
    )
    return request


def _save_as_only_one(request: CapRequest) -> None:
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyRequested(
            "A request is open already. It has to be answered before you can ask again."
        ) from error
