"""The rows of an action with their present names, which are nowhere else."""

from collections.abc import Collection
from dataclasses import dataclass

from accounts.models import Invitation
from accounts.providers import current_provider
from tenants.models import BulkAction, BulkItem, Device, ManagedUser, Organization


@dataclass(frozen=True, slots=True)
class NamedRow:
    """One row: its name, its organization's name, and why it was not changed or not undone."""

    name: str
    organization: str
    problem: str


def named_rows(
    action: BulkAction, *, outcomes: Collection[BulkItem.Outcome] = (), limit: int = 200
) -> list[NamedRow]:
    """The first rows of the action, or of these outcomes, in three statements."""
    items = action.items.order_by("position")
    if outcomes:
        items = items.filter(outcome__in=outcomes)
    listed = list(items[:limit])
    names = _names(action, [item.subject_id for item in listed])
    organizations = dict(
        Organization.objects.filter(pk__in={item.organization_id for item in listed}).values_list(
            "pk", "name"
        )
    )
    return [
        NamedRow(
            names.get(item.subject_id, ""),
            organizations.get(item.organization_id, ""),
            item.problem,
        )
        for item in listed
    ]


def _names(action: BulkAction, ids: Collection[int]) -> dict[int, str]:
    if action.kind == BulkAction.Kind.USERS:
        return dict(ManagedUser.objects.filter(pk__in=ids).values_list("pk", "email"))
    if action.kind == BulkAction.Kind.DEVICES:
        return dict(Device.objects.filter(pk__in=ids).values_list("pk", "name"))
    if action.kind == BulkAction.Kind.INVITATIONS:
        invitations = Invitation.objects.filter(provider=current_provider(), pk__in=ids)
        return dict(invitations.values_list("pk", "email"))
    return dict(Organization.objects.filter(pk__in=ids).values_list("pk", "name"))
