"""Users and devices as CSV that can be imported again."""

from collections.abc import Iterable, Iterator

from tenants.imports.file_reading import read_table
from tenants.models import Device, ImportRun, ManagedUser, Organization, RefusedLine

USER_COLUMNS = ("E-mail", "Name", "State")
DEVICE_COLUMNS = ("Name", "Serial number")
# What files of each kind need or may have.
COLUMNS = {
    ImportRun.Kind.USERS: USER_COLUMNS,
    ImportRun.Kind.DEVICES: DEVICE_COLUMNS,
    ImportRun.Kind.ACTIVITY: ("E-mail, External ID or User ID", "Last active"),
}


def user_rows(*, organization: Organization) -> Iterator[tuple[str, str, str]]:
    """The organization's users as they are now, in the columns that an import reads."""
    users = ManagedUser.objects.filter(organization=organization, removed_at=None)
    for email, name, state in users.order_by("email", "id").values_list("email", "name", "state"):
        yield email, name, ManagedUser.State(state).label


def device_rows(*, organization: Organization) -> Iterable[tuple[str, str]]:
    """The organization's devices as they are now, in the columns that an import reads."""
    devices = Device.objects.filter(organization=organization, removed_at=None)
    return devices.order_by("name", "id").values_list("name", "serial_number")


def refused_rows(*, run: ImportRun) -> tuple[list[str], Iterator[list[object]]]:
    """Header and rows of an import's refused lines: number and reason before what the file said.

    A corrected copy can be imported as it is.
    """
    table = read_table(bytes(run.content))
    refused = {line.line: line for line in RefusedLine.objects.filter(run=run)}

    def rows() -> Iterator[list[object]]:
        for number, cells in table.lines():
            if line := refused.get(number):
                yield [number, line.explanation, *cells]

    return ["Line", "Reason", *table.header], rows()
