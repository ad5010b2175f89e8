"""An organization's request for a higher cap, and its withdrawal."""

from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.models import Provider, User
from core.actors import Actor
from tenants import audit
from tenants.cap_requests.mails import mail_request
from tenants.models import CapRequest, Organization


class CapRequestRefused(Exception):
    """The request can't be made; the text is shown on the page."""


class AlreadyRequested(CapRequestRefused):
    """The organization's last request is still open."""


class NothingToRequest(CapRequestRefused):
    """The organization has no cap, or one that is as high as requested."""


class NothingToWithdraw(Exception):
    """No request is open: it was answered or withdrawn in the meantime."""


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
    """Request a cap of `cap` users and mail the administrators who may change caps.

    Raises `NothingToRequest` without a cap or for one that is not higher, and `AlreadyRequested`
    while another request is open, also when two are sent at the same instant.
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
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyRequested(
            "A request is open already. It has to be answered before you can ask again."
        ) from error
    audit.record(
        actor=Actor.of(by),
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
    """Withdraw the organization's open request; the cap is unchanged.

    Raises `NothingToWithdraw`, also when the request was answered at the same instant.
    """
    # The same lock as for an answer: the second transaction finds the request decided.
    Organization.objects.select_for_update(no_key=True).get(pk=organization.pk)
    request = CapRequest.objects.filter(organization=organization).open().first()
    if request is None:
        raise NothingToWithdraw
    request.state = CapRequest.State.WITHDRAWN
    request.decided_at = now
    request.decided_by_id, request.decided_by_name = by.pk, by.name
    request.save(update_fields=["state", "decided_at", "decided_by_id", "decided_by_name"])
    audit.record(
        actor=Actor.of(by),
        action="cap_request.withdrawn",
        subject=organization.name,
        organization=organization,
        before={"requested_cap": request.requested_cap},
        now=now,
    )
    return request
