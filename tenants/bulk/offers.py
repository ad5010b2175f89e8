"""Which actions a person is offered for the rows of a list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from accounts.models import User
from accounts.roles import Permission
from tenants.models import BulkAction

Kind, Verb = BulkAction.Kind, BulkAction.Verb


@dataclass(frozen=True, slots=True)
class Offer:
    """A button above the rows. `permission` is needed on the provider's pages."""

    verb: BulkAction.Verb
    label: str
    permission: Permission
    # Also for the admins of an organization, in their own lists.
    is_for_own: bool = False


_MEMBERS, _ORGANIZATIONS = Permission.CHANGE_MEMBERS, Permission.CHANGE_ORGANIZATIONS
_OFFERS: Mapping[str, Sequence[Offer]] = {
    Kind.USERS: (
        Offer(Verb.SUSPEND, "Suspend", _MEMBERS, is_for_own=True),
        Offer(Verb.REACTIVATE, "Reactivate", _MEMBERS, is_for_own=True),
        Offer(Verb.MOVE, "Move", _MEMBERS),
        Offer(Verb.REMOVE, "Remove", _MEMBERS, is_for_own=True),
    ),
    Kind.DEVICES: (
        Offer(Verb.MOVE, "Move", _MEMBERS),
        Offer(Verb.REMOVE, "Remove", _MEMBERS, is_for_own=True),
    ),
    Kind.ORGANIZATIONS: (
        Offer(Verb.SET_CAP, "Set cap", Permission.CHANGE_CAPS),
        Offer(Verb.TAG, "Add tag", _ORGANIZATIONS),
        Offer(Verb.UNTAG, "Remove tag", _ORGANIZATIONS),
        Offer(Verb.ARCHIVE, "Archive", _ORGANIZATIONS),
        Offer(Verb.RESTORE, "Restore", _ORGANIZATIONS),
    ),
    Kind.INVITATIONS: (Offer(Verb.RESEND, "Send again", Permission.MANAGE_ORGANIZATION_ADMINS),),
}


def offers(kind: BulkAction.Kind, *, user: User, is_own: bool) -> list[Offer]:
    """The actions on such rows that the person may take, on their own pages or the provider's."""
    return [
        offer
        for offer in _OFFERS[kind]
        if (offer.is_for_own if is_own else user.may(offer.permission))
    ]


def offer_of(kind: BulkAction.Kind, verb: str, *, user: User, is_own: bool) -> Offer | None:
    """The offer of this verb, if the person may take it."""
    for offer in offers(kind, user=user, is_own=is_own):
        if offer.verb == verb:
            return offer
    return None
