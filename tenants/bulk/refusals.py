"""Why one row of an action is left as it is, in words for the person."""

from collections.abc import Callable, Mapping

from core.templating.values import plural
from tenants.organizations.archiving import NotArchived, StillInUse
from tenants.organizations.lifecycle import NameTaken, OrganizationLimitReached
from tenants.organizations.tags import NoChange, TooMany
from tenants.people.invitations import InvitationOver, SentJustNow
from tenants.people.rules import ChangeRefused as PeopleChangeRefused
from tenants.people.rules import RoleTooHigh
from tenants.refusals import (
    Because,
    CountedRowChangeRefused,
    OrganizationRemoved,
    ProviderLeft,
    UserCapReached,
)
from tenants.users.membership import AlreadyThere
from tenants.users.moving import NotThere
from tenants.users.restoring import MonthClosed, NamesErased


class Refused(Exception):
    """The row is left as it is; the text says why."""


def _cap(refusal: UserCapReached) -> str:
    if refusal.because == Because.CAP:
        return f"The organization has reached its cap of {refusal.cap:,} users."
    if refusal.because == Because.ACCOUNT_LIMIT:
        return "Your company has reached the most users of its agreement."
    return f"The organization has reached its free allowance of {refusal.cap:,} users."


def _in_use(refusal: StillInUse) -> str:
    if not (refusal.users or refusal.devices):
        return "Users or devices were added just now."
    users = f"{refusal.users:,} user{plural(refusal.users)}"
    devices = f"{refusal.devices:,} device{plural(refusal.devices)}"
    return f"It has {users} and {devices}, which count. Remove or move them first."


def _limit(refusal: OrganizationLimitReached) -> str:
    return f"All {refusal.limit:,} organizations of your agreement are in use."


_TEXTS: Mapping[type[Exception], Callable[..., str] | str] = {
    Refused: str,
    UserCapReached: _cap,
    StillInUse: _in_use,
    OrganizationLimitReached: _limit,
    AlreadyThere: "The organization has one with this address, serial number or external ID.",
    OrganizationRemoved: "The organization was removed.",
    ProviderLeft: "The account is read-only.",
    CountedRowChangeRefused: "The change would contradict the usage history.",
    NotThere: "It was removed or moved meanwhile.",
    NotArchived: "It is not archived, or was archived before.",
    NameTaken: "Another organization has its name. Rename that one first.",
    NoChange: "Nothing to change.",
    TooMany: "It has as many tags as it may have.",
    MonthClosed: "The month of the removal is closed and billed. Add it again instead.",
    NamesErased: "Its name was erased.",
    InvitationOver: "It was accepted or revoked meanwhile.",
    SentJustNow: str,
    RoleTooHigh: str,
    PeopleChangeRefused: str,
}
REFUSALS = tuple(_TEXTS)


def text_of(refusal: Exception) -> str:
    """The reason in words."""
    text = _TEXTS[type(refusal)]
    return text if isinstance(text, str) else text(refusal)
