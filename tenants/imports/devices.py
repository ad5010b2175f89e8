"""The import of devices."""

from collections.abc import Iterator, Mapping, Sequence

from tenants.imports.columns import Header, first_filled
from tenants.imports.file_reading import Table
from tenants.imports.kinds import Columns, ImportLine, register_import_kind
from tenants.imports.members import LONGEST_NAME, MemberImport, has_unseen
from tenants.imports.reading.options import ReadingOptions
from tenants.imports.reading.records import NotReadable
from tenants.models import Device, ImportRun
from tenants.models.imports import Reason

LONGEST_SERIAL_NUMBER = 100

_SERIAL_NUMBERS = ("serialnumber", "serial", "serialno", "serialnum")
_DEVICE_NAMES = (
    "devicename",
    "displayname",
    "hostname",
    "computername",
    "name",
    "annotatedassetid",
)
_SOURCES = (
    ("Microsoft Intune", frozenset({"devicename", "serialnumber", "ownership"})),
    ("Google Workspace", frozenset({"serialnumber", "annotatedassetid"})),
    ("JumpCloud", frozenset({"serialnumber", "hostname"})),
)
_MISSING = {"serial_number": "with the serial number", "name": "with the device’s name"}


class DeviceImport(MemberImport):
    """Devices are identified by serial number and have no limit."""

    model = Device

    @property
    def field_labels(self) -> Mapping[str, str]:
        """The serial number and the name."""
        return {"serial_number": "Serial number", "name": "Name"}

    def columns_of(self, *, table: Table, options: ReadingOptions) -> Columns:
        """The columns of serial numbers and names. Raises `NotReadable` without both."""
        titles = Header(table.header)
        fields = titles.fields(
            {"serial_number": _SERIAL_NUMBERS, "name": _DEVICE_NAMES}, chosen=options.columns
        )
        for name, missing in _MISSING.items():
            if not fields[name]:
                raise NotReadable(titles.no_column(missing))
        return Columns(
            titles=tuple(table.header),
            fields=fields,
            secrets=titles.secrets(),
            source=titles.source(_SOURCES),
            options=options,
        )

    def read_line(self, *, number: int, cells: Sequence[str], columns: Columns) -> ImportLine:
        """The device of the line."""
        return ImportLine(
            number,
            first_filled(cells, columns.of("serial_number")),
            first_filled(cells, columns.of("name")),
        )

    def flaws(self, line: ImportLine) -> Iterator[Reason]:
        """The reasons to refuse the line on its own."""
        if not line.key:
            yield Reason.NO_SERIAL_NUMBER
        if not line.name:
            yield Reason.NO_NAME
        if len(line.key) > LONGEST_SERIAL_NUMBER or len(line.name) > LONGEST_NAME:
            yield Reason.TOO_LONG
        if has_unseen(line.key) or has_unseen(line.name):
            yield Reason.UNSEEN_CHARACTERS


register_import_kind(ImportRun.Kind.DEVICES, DeviceImport())
