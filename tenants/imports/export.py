"""The export of users and devices as CSV, and of an import's refused lines."""

from collections.abc import Iterable, Iterator

from tenants.imports.file_reading import NotReadable
from tenants.imports.reading.stored_file import read_as_chosen
from tenants.models import Device, ImportRun, ManagedUser, Organization, RefusedLine

# The columns that files of each kind need or may have; those of users and devices are exported.
COLUMNS = {
    ImportRun.Kind.USERS: ("E-mail", "Name", "State"),
    ImportRun.Kind.DEVICES: ("Name", "Serial number"),
    ImportRun.Kind.ACTIVITY: ("E-mail, External ID or User ID", "Last active"),
}


def exported_rows(
    *, kind: ImportRun.Kind, organization: Organization
) -> Iterable[tuple[object, ...]]:
    """The organization's present users or devices, in the columns that an import reads."""
    if kind == ImportRun.Kind.USERS:
        users = ManagedUser.objects.living().filter(organization=organization)
        rows = users.order_by("email", "id").values_list("email", "name", "state")
        return (
            (email, name, ManagedUser.State(state).label) for email, name, state in rows.iterator()
        )
    devices = Device.objects.living().filter(organization=organization)
    return devices.order_by("name", "id").values_list("name", "serial_number").iterator()


def refused_rows(*, run: ImportRun) -> tuple[list[str], Iterator[list[object]]]:
    """Header and rows of an import's refused lines: number, reason and the cells of the file.

    A corrected copy can be imported. A file that can't be read has no rows.
    """
    try:
        table = read_as_chosen(run).table
    except NotReadable:
        return ["Line", "Reason"], iter(())
    refused = {line.line: line for line in RefusedLine.objects.filter(run=run)}

    def rows() -> Iterator[list[object]]:
        for number, cells in table.lines():
            if line := refused.get(number):
                yield [number, line.explanation, *cells]

    return ["Line", "Reason", *table.header], rows()
