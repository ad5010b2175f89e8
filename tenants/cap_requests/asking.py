"""An organization asks for a higher cap."""

from datetime import datetime

from django.db import IntegrityError, transaction

from accounts.actors import Actor
from accounts.models import Provider, User
from tenants import audit
from tenants.cap_requests.mails import mail_asked
from tenants.cap_requests.models import CapRequest
from tenants.models import Organization


class AskingRefused(Exception):
    """The request can't be made; the text is for people."""


class AlreadyAsked(AskingRefused):
    """The organization's last request is not answered yet."""


class NothingToAsk(AskingRefused):
    """The organization may have as many users already."""


@transaction.atomic
def ask_for_cap(
    *,
    provider: Provider,
    organization: Organization,
    cap: int,
    reason: str,
    by: User,
    now: datetime,
) -> CapRequest:
    """Ask for a cap of `cap` users and mail those who may grant it.

    Raises `NothingToAsk` without a cap or for one that is not higher, and `AlreadyAsked` while an
    earlier request is open, also when two ask at the same instant.
    """
    present = Organization.objects.values_list("user_cap", flat=True).get(pk=organization.pk)
    if present is None:
        raise NothingToAsk("There is no user cap: you can add users as you need them.")
    if cap <= present:
        raise NothingToAsk(f"The user cap is {present:,} already: ask for more than that.")
    request = CapRequest(
        organization=organization,
        cap_when_asked=present,
        asked_cap=cap,
        reason=reason,
        asked_at=now,
        asked_by_id=by.pk,
        asked_by_name=by.name,
    )
    _save_as_only_one(request)
    audit.record(
        actor=Actor(id=by.pk, name=by.name),
        action="cap_request.made",
        subject=organization.name,
        organization=organization,
        before={"user_cap": present},
        after={"asked_cap": cap, "reason": reason},
        now=now,
    )
    mail_asked(request=request, provider=provider, now=now)
    return request


def _save_as_only_one(request: CapRequest) -> None:
    try:
        with transaction.atomic():
            request.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyAsked(
            "A request is open already. It has to be answered before you can ask again."
        ) from error
