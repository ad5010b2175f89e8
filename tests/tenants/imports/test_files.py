"""Reading uploaded files: encodings, separators and the columns of common exports."""

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.addresses import NotAnAddress, clean_address
from core.csv_files import csv_lines, read_cell, safe_cell
from core.names import clean_name
from tenants.imports.file_reading import MOST_LINES, read_table
from tenants.imports.kinds import Columns, ImportLine, import_kind
from tenants.imports.reading.options import ReadingOptions
from tenants.imports.reading.records import NotReadable

MICROSOFT_365 = (
    "Block credential,City,Country/Region,Department,Display name,First name,Last name,State,"
    "User principal name\n"
    "False,Denver,US,Ops,Ann Lee,Ann,Lee,CO,ann@acme.example\n"
    "True,Denver,US,Ops,Bo Diaz,Bo,Diaz,CO,bo@acme.example\n"
)
ENTRA = (
    "userPrincipalName,displayName,surname,mail,givenName,objectId,accountEnabled\n"
    "ann_x#EXT#@acme.onmicrosoft.example,Ann Lee,Lee,ann@acme.example,Ann,1,True\n"
    "bo@acme.example,Bo Diaz,Diaz,,Bo,2,False\n"
)
GOOGLE = (
    "First Name [Required],Last Name [Required],Email Address [Required],Password [Required],"
    "Org Unit Path [Required],Status [READ ONLY],Recovery Email\n"
    "Ann,Lee,ann@acme.example,****,/,Active,private@home.example\n"
    "Bo,Diaz,bo@acme.example,****,/,Suspended,\n"
)
JUMPCLOUD = (
    "username;email;firstname;lastname;suspended\n"
    "ann;ann@acme.example;Ann;Lee;false\n"
    "bo;bo@acme.example;Bo;Diaz;true\n"
)
PLAIN = "sep=\t\r\nE-mail\tName\tState\r\nANN@acme.example\tAnn Lee\tActive\r\n"
PLAIN += "bo@acme.example\tBo Diaz\tSuspended\r\n"


def columns_of(content: bytes, kind: str = "users") -> Columns:
    return import_kind(kind).columns_of(table=read_table(content), options=ReadingOptions())


def lines_of(content: bytes, kind: str = "users") -> list[ImportLine]:
    table = read_table(content)
    columns = columns_of(content, kind)
    return [
        import_kind(kind).read_line(number=number, cells=cells, columns=columns)
        for number, cells in table.lines()
    ]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (MICROSOFT_365, "Microsoft 365 admin center"),
        (ENTRA, "Microsoft Entra"),
        (GOOGLE, "Google Workspace"),
        (JUMPCLOUD, "JumpCloud"),
        (PLAIN, ""),
    ],
)
def test_common_exports_of_users_are_recognized(text: str, source: str) -> None:
    ann, bo = lines_of(text.encode())
    assert (ann.key, ann.name, ann.state) == ("ann@acme.example", "Ann Lee", "active")
    assert (bo.key, bo.name, bo.state) == ("bo@acme.example", "Bo Diaz", "suspended")
    assert columns_of(text.encode()).source == source


@pytest.mark.parametrize(
    ("text", "source"),
    [
        (
            "Device ID,Device name,Ownership,OS,Serial number\n1,Laptop,Corporate,Win,SN-1",
            "Microsoft Intune",
        ),
        ("deviceId,serialNumber,annotatedAssetId,orgUnitPath\n1,SN-1,Laptop,/", "Google Workspace"),
        ("displayName,hostname,serialNumber,os\nLaptop,lap.local,SN-1,Linux", "JumpCloud"),
        ("Name;Serial no.\nLaptop;SN-1", ""),
    ],
)
def test_common_exports_of_devices_are_recognized(text: str, source: str) -> None:
    (laptop,) = lines_of(text.encode(), kind="devices")
    assert (laptop.key, laptop.name) == ("SN-1", "Laptop")
    assert columns_of(text.encode(), "devices").source == source


@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-8", "UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16"),
        ("utf-16-be", "UTF-16"),
        ("cp1252", "Windows-1252"),
    ],
)
def test_encodings_are_recognized(codec: str, name: str) -> None:
    content = "email;name\nzoe@acme.example;Zoë Müller – Größe".encode(codec)
    assert read_table(content).encoding == name
    assert lines_of(content)[0].name == "Zoë Müller – Größe"


def test_names_in_any_script_and_over_several_lines_are_read() -> None:
    content = 'email,name,note\r\na@acme.example,"李, 雷","two\r\nlines"\r\n\r\nb@acme.example,ليلى'
    ann, bo = lines_of(content.encode())
    assert (ann.number, ann.name) == (2, "李, 雷")
    assert (bo.number, bo.name) == (4, "ليلى"), "as a spreadsheet numbers its rows"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \r\n\r\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"sep=;\n", "empty"),
        (b"email,name\n", "no line behind"),
        (b"name,phone\nAnn,1", "No column with the e-mail address"),
        (b"email\na@acme.example\0", "NUL"),
        (b"PK\x03\x04rest", "spreadsheet or an archive"),
        (b"\xd0\xcf\x11\xe0rest", "Excel"),
        (b"%PDF-1.7", "PDF"),
        (b'email\n"a@acme.example\nb@acme.example', "quotation mark"),
        (b'email,name\na@acme.example,"Ann" the boss', "quotation mark"),
        (b"email\n" + b"x" * 200_000, "longer than 131,072"),
        (b"\xff\xfea", "UTF-16"),
        (b"email\n" + b"a\n" * (MOST_LINES + 1), "more than 50,000 lines"),
    ],
)
def test_a_file_that_can_not_be_read_is_refused_with_the_reason(
    content: bytes, reason: str
) -> None:
    with pytest.raises(NotReadable, match=reason):
        lines_of(content)


def test_a_device_file_needs_both_columns() -> None:
    with pytest.raises(NotReadable, match="serial number"):
        lines_of(b"name\nLaptop", kind="devices")
    with pytest.raises(NotReadable, match="device’s name"):
        lines_of(b"serial number\nSN-1", kind="devices")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with suppress(NotReadable):
        lines_of(content)


cells = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(cells, cells.map(lambda text: text.replace("@", "at"))), min_size=1))
def test_an_exported_file_reads_back_equal(rows: list[tuple[str, str]]) -> None:
    content = "".join(csv_lines(header=["E-mail", "Name"], rows=rows)).encode()
    read = [(line.key, line.name) for line in lines_of(content)]
    assert read == [(_address(email), clean_name(name)) for email, name in rows]


def _address(text: str) -> str:
    """The text as an address, if it is one."""
    try:
        return clean_address(text)
    except NotAnAddress:
        return text


@given(st.text())
def test_an_escaped_cell_reads_back_equal(text: str) -> None:
    assert read_cell(str(safe_cell(text))) == text
    assert not str(safe_cell(text)).startswith(("=", "+", "-", "@", "\t", "\r"))
