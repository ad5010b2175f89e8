"""What each verb does with one row, and how it is undone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.models import Invitation, User
from accounts.providers import current_provider
from core.actors import Actor
from tenants.bulk.refusals import Refused
from tenants.models import BulkAction, BulkItem, CountedRow, Device, ManagedUser, Organization
from tenants.organizations.archiving import archive_organization, restore_organization
from tenants.organizations.lifecycle import set_user_cap
from tenants.organizations.tags import add_tag, remove_tag
from tenants.people.invitations import resend
from tenants.users.membership import remove_member, set_user_state
from tenants.users.moving import move_member
from tenants.users.restoring import restore_member

Verb = BulkAction.Verb
CHANGED_SINCE = "It was changed since."


@dataclass(frozen=True, slots=True)
class Done:
    """What an undo of the row needs: the values before, and the row's version after the change."""

    before: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an action, with who changes it and when."""

    action: BulkAction
    item: BulkItem
    actor: Actor
    now: datetime

    def member(self) -> CountedRow:
        """The user or device, locked. Raises `Refused` if it is not in the organization."""
        model = ManagedUser if self.action.kind == BulkAction.Kind.USERS else Device
        rows = model.objects.select_for_update(of=("self",)).select_related("organization")
        row: CountedRow | None = rows.filter(
            pk=self.item.subject_id, organization=self.item.organization_id
        ).first()
        if row is None:
            raise Refused("It does not exist.")
        return row

    def living(self) -> CountedRow:
        """The user or device, locked. Raises `Refused` if it was removed."""
        row = self.member()
        if row.removed_at is not None:
            raise Refused("It was removed before.")
        return row

    def user(self) -> ManagedUser:
        """The living user, locked. Raises `Refused`."""
        row = self.living()
        if not isinstance(row, ManagedUser):
            raise Refused("Only users can be suspended.")
        return row

    def organization(self) -> Organization:
        """The organization, locked; archived or not. Raises `Refused` if it was removed."""
        rows = Organization.objects.select_for_update(no_key=True)
        row = rows.filter(pk=self.item.subject_id).first()
        if row is None or (row.removed_at is not None and row.archived_at is None):
            raise Refused("It was removed before.")
        return row


Change = Callable[[Row], Done]
Undo = Callable[[Row], None]


def _remove(row: Row) -> Done:
    remove_member(member=row.living(), actor=row.actor, now=row.now)
    return Done()


def _undo_remove(row: Row) -> None:
    restore_member(removed=row.member(), actor=row.actor, now=row.now)


def _set_state(row: Row, state: ManagedUser.State) -> Done:
    user = row.user()
    if user.state == state:
        raise Refused(f"It is {user.get_state_display().lower()} already.")
    before = user.state
    set_user_state(user=user, state=state, actor=row.actor, now=row.now)
    user.refresh_from_db(fields=["state_version"])
    return Done({"state": before}, str(user.state_version))


def _undo_state(row: Row) -> None:
    user = row.user()
    if str(user.state_version) != row.item.version:
        raise Refused(CHANGED_SINCE)
    state = ManagedUser.State(row.item.before["state"])
    set_user_state(user=user, state=state, actor=row.actor, now=row.now)


def _move(row: Row) -> Done:
    member = row.living()
    target = Organization.objects.living().filter(pk=row.action.options["organization"]).first()
    if target is None:
        raise Refused("The organization was removed.")
    if target.pk == member.organization_id:
        raise Refused("It is in this organization already.")
    move_member(member=member, to=target, actor=row.actor, now=row.now)
    return Done()


def _set_cap(row: Row) -> Done:
    organization, cap = row.organization(), row.action.options["cap"]
    if organization.removed_at is not None:
        raise Refused("It is archived.")
    before = organization.user_cap
    if before == cap:
        raise Refused("It has this cap already.")
    set_user_cap(organization=organization, cap=cap, actor=row.actor, now=row.now)
    organization.refresh_from_db(fields=["cap_version"])
    return Done({"cap": before}, str(organization.cap_version))


def _undo_cap(row: Row) -> None:
    organization = row.organization()
    if str(organization.cap_version) != row.item.version or organization.removed_at is not None:
        raise Refused(CHANGED_SINCE)
    set_user_cap(
        organization=organization, cap=row.item.before["cap"], actor=row.actor, now=row.now
    )


def _tag(row: Row) -> Done:
    text = row.action.options["tag"]
    add_tag(organization=row.organization(), text=text, actor=row.actor, now=row.now)
    return Done()


def _untag(row: Row) -> Done:
    text = row.action.options["tag"]
    remove_tag(organization=row.organization(), text=text, actor=row.actor, now=row.now)
    return Done()


def _archive(row: Row) -> Done:
    archived = archive_organization(organization=row.organization(), actor=row.actor, now=row.now)
    return Done(version=f"{archived.archived_at:%Y-%m-%dT%H:%M:%S.%f}")


def _undo_archive(row: Row) -> None:
    if f"{row.organization().archived_at or row.now:%Y-%m-%dT%H:%M:%S.%f}" != row.item.version:
        raise Refused(CHANGED_SINCE)
    _restore(row)


def _restore(row: Row) -> Done:
    restore_organization(
        organization=row.organization(),
        limit=current_provider().organization_limit,
        actor=row.actor,
        now=row.now,
    )
    return Done()


def _resend(row: Row) -> Done:
    """The sender becomes the inviter, with the sender's rights as they are now."""
    provider = current_provider()
    invitations = Invitation.objects.open().select_related("provider").filter(provider=provider)
    invitation = invitations.filter(pk=row.item.subject_id).first()
    sender = User.objects.filter(pk=row.actor.id or 0, provider=provider).first()
    if invitation is None or sender is None:
        raise Refused("It was accepted or revoked meanwhile.")
    resend(invitation=invitation, by=sender, now=row.now)
    return Done()


CHANGES: Mapping[str, Change] = {
    Verb.REMOVE: _remove,
    Verb.SUSPEND: lambda row: _set_state(row, ManagedUser.State.SUSPENDED),
    Verb.REACTIVATE: lambda row: _set_state(row, ManagedUser.State.ACTIVE),
    Verb.MOVE: _move,
    Verb.SET_CAP: _set_cap,
    Verb.TAG: _tag,
    Verb.UNTAG: _untag,
    Verb.ARCHIVE: _archive,
    Verb.RESTORE: _restore,
    Verb.RESEND: _resend,
}
# A move is not undone: where a user joined, the highest count may have risen, and it never falls.
UNDOS: Mapping[str, Undo] = {
    Verb.REMOVE: _undo_remove,
    Verb.SUSPEND: _undo_state,
    Verb.REACTIVATE: _undo_state,
    Verb.SET_CAP: _undo_cap,
    Verb.ARCHIVE: _undo_archive,
}
