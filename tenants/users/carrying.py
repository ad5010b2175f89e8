"""What a new row of a known user or device takes over from the earlier one."""

from tenants.models import CountedRow, Device, ManagedUser, Organization, UserAlias


def copy_of(member: CountedRow, *, organization: Organization) -> CountedRow:
    """An unsaved row with the names, ids and state of the member, for this organization."""
    if isinstance(member, ManagedUser):
        return ManagedUser(
            organization=organization,
            external_id=member.external_id,
            email=member.email,
            name=member.name,
            state=member.state,
        )
    if isinstance(member, Device):
        return Device(
            organization=organization,
            external_id=member.external_id,
            name=member.name,
            serial_number=member.serial_number,
        )
    raise TypeError(type(member).__name__)


def carry_aliases(earlier: CountedRow, later: CountedRow) -> None:
    """Let the later row of a user be known by the other addresses and ids of the earlier one."""
    if not isinstance(earlier, ManagedUser) or not isinstance(later, ManagedUser):
        return
    UserAlias.objects.bulk_create(
        UserAlias(
            organization_id=later.organization_id,
            user=later,
            kind=alias.kind,
            text=alias.text,
            key=alias.key,
            since=alias.since,
        )
        for alias in earlier.aliases.filter(ended_at=None)
    )
