"""Invitations: sent by mail, resent, revoked, and accepted once within seven days.

An inviter must not learn that an address already has a login with another provider. Such an address
is invited like any other; only the page behind the link reports it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.credentials import digest, new_secret
from accounts.models import Invitation, Provider, User
from accounts.roles import Role
from accounts.user_rules import lock_people
from core.actors import Actor
from core.addresses import clean_address
from core.mail import queue_mail
from core.mail_parts import Letterhead, mail_parts
from core.schema import provider_schema
from core.servers import joined_to_directory, with_directory
from tenants import audit
from tenants.models import Organization
from tenants.people.rules import AlreadyHere, ChangeRefused, begin, check_grant, limit_of

VALID_FOR = timedelta(days=7)
LONGEST_TOKEN = 100
AGAIN_AFTER = timedelta(minutes=10)


class InvitationOver(Exception):
    """The link was used, revoked or replaced, or it expired."""


class SentJustNow(ChangeRefused):
    """The invitation was sent a few minutes ago."""

    def __init__(self) -> None:
        minutes = AGAIN_AFTER // timedelta(minutes=1)
        super().__init__(f"It was sent less than {minutes} minutes ago. Give the mail some time.")


class AddressTaken(Exception):
    """The address already has a login in the portal."""


@dataclass(frozen=True, slots=True)
class Invitee:
    """The invited person and role; `organization` only for an organization admin."""

    email: str
    name: str
    role: Role
    organization: Organization | None = None
    limited_to: list[int] | None = None


@with_directory()
def invite(*, provider: Provider, invitee: Invitee, by: User, now: datetime) -> Invitation:
    """Invite a person and mail the link.

    Raises `RoleTooHigh`, `AlreadyHere` and `NotAnAddress`.
    """
    by = begin(provider=provider, by=by)
    check_grant(by=by, role=invitee.role)
    email = clean_address(invitee.email)
    _refuse_existing_login(provider=provider, email=email)
    _replace_unusable(provider=provider, email=email, by=by, now=now)
    secret = new_secret()
    invitation = Invitation(
        provider=provider,
        email=email,
        name=invitee.name,
        role=invitee.role,
        organization_id=invitee.organization.pk if invitee.organization else None,
        limited_to=limit_of(role=invitee.role, limited_to=invitee.limited_to),
        digest=digest(secret),
        sent_at=now,
        expires_at=now + VALID_FOR,
        invited_by_id=by.pk,
        invited_by_name=by.name,
    )
    invitation.save(force_insert=True)
    _mail(invitation, secret=secret, organization=invitee.organization, now=now)
    _record(
        invitation,
        action="invitation.sent",
        actor=Actor.of(by),
        organization=invitee.organization,
        now=now,
    )
    return invitation


@with_directory()
def resend(*, invitation: Invitation, by: User, now: datetime) -> None:
    """Mail a new link with a new validity; the old link stops working.

    Raises `RoleTooHigh`, `InvitationOver` when it was accepted or revoked in the meantime, and
    `SentJustNow`: an outside mailbox must not be filled from here.
    """
    by, current, organization = _locked_open(invitation, by=by)
    if now < current.sent_at + AGAIN_AFTER:
        raise SentJustNow
    secret = new_secret()
    current.digest = digest(secret)
    current.sent_at, current.expires_at = now, now + VALID_FOR
    # The sender becomes the inviter, because the first inviter may have been removed.
    current.invited_by_id, current.invited_by_name = by.pk, by.name
    current.save()
    _mail(current, secret=secret, organization=organization, now=now)
    actor = Actor.of(by)
    _record(current, action="invitation.resent", actor=actor, organization=organization, now=now)


@with_directory()
def revoke(*, invitation: Invitation, by: User, now: datetime) -> None:
    """Revoke the invitation. Raises `RoleTooHigh`, and `InvitationOver` when it was accepted."""
    by, current, organization = _locked_open(invitation, by=by)
    current.revoked_at = now
    current.save(update_fields=["revoked_at"])
    actor = Actor.of(by)
    _record(current, action="invitation.revoked", actor=actor, organization=organization, now=now)


def invitation_of(*, token: str, now: datetime) -> Invitation:
    """The open invitation of a link's token. Raises `InvitationOver` for any other text."""
    if len(token) > LONGEST_TOKEN:
        raise InvitationOver
    invitation = (
        Invitation.objects.open().select_related("provider").filter(digest=digest(token)).first()
    )
    if invitation is None or not invitation.is_open(now) or not invitation.provider.is_set_up:
        raise InvitationOver
    return invitation


def accept(*, token: str, name: str, password: str, now: datetime) -> User:
    """Create the invited login with this name and password.

    The link works once, also when it is opened twice at the same instant. Raises `InvitationOver`
    and `AddressTaken`.
    """
    provider = invitation_of(token=token, now=now).provider
    with transaction.atomic():
        lock_people(provider_id=provider.pk)
        invitation = invitation_of(token=token, now=now)
        if User.objects.filter(email=invitation.email).exists():
            raise AddressTaken
        with joined_to_directory(provider.server), provider_schema(provider):
            organization = _organization(invitation)
            if invitation.organization_id is not None and organization is None:
                raise InvitationOver
            user = User.objects.create_user(
                email=invitation.email,
                password=password,
                name=name,
                provider=provider,
                role=invitation.role,
                organization_id=invitation.organization_id,
                limited_to=invitation.limited_to,
            )
            invitation.accepted_at = now
            invitation.save(update_fields=["accepted_at"])
            _record(
                invitation,
                action="invitation.accepted",
                actor=Actor.of(user),
                organization=organization,
                now=now,
            )
    return user


def _refuse_existing_login(*, provider: Provider, email: str) -> None:
    known = User.objects.filter(provider=provider, email=email).first()
    if known is not None and known.is_active:
        raise AlreadyHere("An administrator of your provider already signs in with this address.")
    if known is not None:
        raise AlreadyHere("The login of this address was removed. It can be reinstated instead.")


def _replace_unusable(*, provider: Provider, email: str, by: User, now: datetime) -> None:
    """Revoke the address's invitation when it expired or its organization was removed.

    Raises `AlreadyHere` for one that still works, with the organization if the inviter may see it.
    """
    former = Invitation.objects.open().filter(provider=provider, email=email).first()
    if former is None:
        return
    organization = _organization(former)
    is_orphaned = former.organization_id is not None and organization is None
    if former.is_open(now) and not is_orphaned:
        visible = Organization.objects.visible()
        is_visible = organization is not None and visible.filter(pk=organization.pk).exists()
        target = f" to {organization}" if is_visible else ""
        raise AlreadyHere(
            f"This address is invited already{target}. Send that invitation again, or revoke it."
        )
    former.revoked_at = now
    former.save(update_fields=["revoked_at"])
    actor = Actor.of(by)
    _record(former, action="invitation.revoked", actor=actor, organization=organization, now=now)


def _locked_open(
    invitation: Invitation, *, by: User
) -> tuple[User, Invitation, Organization | None]:
    by = begin(provider=invitation.provider, by=by)
    check_grant(by=by, role=Role(invitation.role))
    current = Invitation.objects.open().filter(pk=invitation.pk).first()
    if current is None:
        raise InvitationOver
    organization = _organization(current)
    if current.organization_id is not None and organization is None:
        raise ChangeRefused("This organization has been removed.")
    return by, current, organization


def _organization(invitation: Invitation) -> Organization | None:
    """The living organization that an admin is invited to; call it in the provider's schema."""
    if invitation.organization_id is None:
        return None
    return Organization.objects.living().filter(pk=invitation.organization_id).first()


def _record(
    invitation: Invitation,
    *,
    action: str,
    actor: Actor,
    organization: Organization | None,
    now: datetime,
) -> None:
    audit.record(
        actor=actor,
        action=action,
        subject=f"{invitation.name} <{invitation.email}>",
        organization=organization,
        after={"role": invitation.role, "limited_to": invitation.limited_to},
        now=now,
    )


def _mail(
    invitation: Invitation, *, secret: str, organization: Organization | None, now: datetime
) -> None:
    inviting = organization.name if organization else invitation.provider.name
    subject = f"{invitation.invited_by_name} invites you to {inviting}"
    why = (
        f"You get this mail because {invitation.invited_by_name} entered your address. If you "
        "don’t know who this is, you need not do anything: without the link there is no login."
    )
    contact = invitation.provider.contact_email if organization else settings.SUPPORT_EMAIL
    context = {
        "subject": subject,
        "invitation": invitation,
        "inviting": inviting,
        "role": Role(invitation.role).label,
        "url": settings.SITE_URL + reverse("invitation_accept", kwargs={"token": secret}),
        "days": VALID_FOR.days,
    }
    queue_mail(
        # The hash of the link: each link is mailed once.
        key=f"invitation:{invitation.digest}",
        to=[invitation.email],
        subject=subject,
        **mail_parts(
            "tenants/mail/invitation",
            letterhead=Letterhead(invitation.provider.name, why, contact),
            context=context,
        ),
        now=now,
    )
