"""The files of ../shared/data/imports, each with the reading that its expected.md gives."""

from pathlib import Path

import pytest

from tests.architecture.test_words import ROOT
from tests.tenants.imports.test_sources import (
    ACTIVE,
    COUNTED,
    GUEST,
    LEFT,
    NOT_YET,
    SHARED,
    SUSPENDED,
    UNLICENSED,
    read,
)

FOLDER = ROOT.parent / "shared" / "data" / "imports"
DENTAL = "contoso-dental.example"
# The address, the state and the category of each line.
EXPECTED = {
    "m365-admin-center.csv": [
        (f"ada.example@{DENTAL}", ACTIVE, COUNTED),
        (f"lou@{DENTAL}", SUSPENDED, COUNTED),
        (f"frontdesk@{DENTAL}", SUSPENDED, SHARED),
        ("gwen@partner.example", ACTIVE, GUEST),
        (f"dan@{DENTAL}", ACTIVE, LEFT),
        (f"ada.example@{DENTAL}", ACTIVE, UNLICENSED),
    ],
    "m365-excel-semicolon-cp1252.csv": [
        (f"zoe@{DENTAL}", ACTIVE, COUNTED),
        (f"bo@{DENTAL}", SUSPENDED, COUNTED),
    ],
    "m365-rename-month1.csv": [("mia.smith@rename.example", ACTIVE, COUNTED)],
    "m365-rename-month2.csv": [("mia.jones@rename.example", ACTIVE, COUNTED)],
    "okta-rockstar-export.csv": [
        ("ann.lee@acme.example", ACTIVE, COUNTED),
        ("bo@acme.example", SUSPENDED, COUNTED),
        ("cy@acme.example", ACTIVE, LEFT),
        ("di@acme.example", SUSPENDED, COUNTED),
        ("ed@acme.example", ACTIVE, NOT_YET),
    ],
    "google-gam-print-users.csv": [
        ("ann@acme.example", ACTIVE, COUNTED),
        ("cy@acme.example", SUSPENDED, COUNTED),
        ("de@acme.example", SUSPENDED, LEFT),
    ],
    "google-workspace-admin.csv": [
        ("ann.lee@acme.example", ACTIVE, COUNTED),
        ("bo@acme.example", SUSPENDED, COUNTED),
        ("cy@acme.example", SUSPENDED, COUNTED),
    ],
    "jumpcloud-export.csv": [
        ("ann@acme.example", ACTIVE, COUNTED),
        ("bo@acme.example", SUSPENDED, COUNTED),
        ("cy@acme.example", ACTIVE, NOT_YET),
        ("lo@acme.example", SUSPENDED, COUNTED),
    ],
    "jumpcloud-portal-list.csv": [
        ("ann@acme.example", ACTIVE, COUNTED),
        ("bo@acme.example", SUSPENDED, COUNTED),
        ("cy@acme.example", ACTIVE, NOT_YET),
    ],
    "entra-download-users.csv": [
        ("ann@acme.example", ACTIVE, COUNTED),
        ("bo@acme.example", SUSPENDED, COUNTED),
        ("gwen@partner.example", ACTIVE, GUEST),
        ("ann.admin@acme.onmicrosoft.example", ACTIVE, COUNTED),
    ],
    "entra-bulk-create-template.csv": [
        ("ann@acme.example", ACTIVE, COUNTED),
        ("bo@acme.example", SUSPENDED, COUNTED),
    ],
    "powershell-typeinfo.csv": [
        ("ann@acme.example", ACTIVE, COUNTED),
        ("bo@acme.example", SUSPENDED, COUNTED),
    ],
    "idn-one-mailbox.csv": [("ann@münchen.example", ACTIVE, COUNTED)] * 2,
    "eai-addresses.csv": [
        (address, ACTIVE, COUNTED)
        for address in (
            *("jürgen@müller.example", "user@münchen.example", "o'brien@acme.example"),
            *("first.last+tag@acme.example", "john.@docomo.example", "john@acme.example"),
            *("svc@acme.local", "user@localhost", "gizem@acme.example"),
        )
    ],
    "whitespace-invisible.csv": [
        (f"{name}@acme.example", ACTIVE, COUNTED)
        for name in ("ann", "bo", "cy", "di", "ed", "ed.two", "fi")
    ],
    "name-newline.csv": [
        ("ann@acme.example", ACTIVE, COUNTED),
        ("bo@acme.example", ACTIVE, COUNTED),
    ],
}
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=f"{FOLDER} is not on this machine")


@pytest.mark.parametrize("name", EXPECTED)
def test_each_file_is_read_as_expected(name: str) -> None:
    columns, lines = read((FOLDER / name).read_bytes())
    read_lines = [(line.key, str(line.state), str(line.category)) for line in lines]
    assert read_lines == EXPECTED[name]
    assert columns.doubts_of_lines() == []


def test_every_file_is_expected() -> None:
    assert {path.name for path in Path(FOLDER).glob("*.csv")} == set(EXPECTED)
