"""No upload costs a web worker more than 100 MB or 2 s, and each ends with an answer."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from django.db import connection

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.imports import export
from tenants.imports.dry_run import check_import
from tenants.imports.reading.stored_bytes import pieces_of
from tenants.imports.runs import start_import
from tenants.models import ImportRun, Organization, RefusedLine
from tests.database_url import database_url
from tests.tenants.import_files import NOW, checked, lift_allowance
from tests.tenants.widest_file import widest_file

MOST_MB, MOST_SECONDS = 100, 2.0
State = ImportRun.State


pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")


@pytest.fixture
def acme(own_provider: Callable[..., Provider]) -> Iterator[Organization]:
    with provider_schema(own_provider(canary="Bombe", prefix="BOMB")):
        lift_allowance()
        yield Organization.objects.create(name="Acme Bombe")


def measured(*arguments: object) -> dict[str, tuple[float, float, str]]:
    """CPU seconds, MB and refusal of each request, by name."""
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "tests.tenants.upload_worker", connection.schema_name),
            *map(str, arguments),
        ],
        env={
            **os.environ,
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "mtp.settings",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    results: dict[str, tuple[float, float, str]] = json.loads(answer.stdout)
    sys.stdout.write(answer.stdout)
    return results


def dear(results: dict[str, tuple[float, float, str]]) -> dict[str, tuple[float, float]]:
    return {
        name: (round(seconds, 2), round(mb))
        for name, (seconds, mb, _) in results.items()
        if seconds > MOST_SECONDS or mb > MOST_MB
    }


def test_no_upload_costs_a_web_worker_much(acme: Organization) -> None:
    results = measured("upload", acme.pk)
    assert len(results) == 20
    assert dear(results) == {}
    refusals = {name: refusal for name, (_, _, refusal) in results.items() if refusal}
    assert refusals["too large"].startswith("The file is larger than 40 MB.")
    assert refusals["what can't be compressed"] == refusals["too large"]
    assert "not a CSV file" in refusals["a workbook"]
    assert "Delete the column “password”" in refusals["passwords and wide lines"]
    assert not any(name.startswith("widest") for name in refusals)
    runs = list(ImportRun.objects.order_by("pk"))
    assert not any(b"pa55" in piece for run in runs for piece in pieces_of(bytes(run.content)))
    for run in runs[1:3]:
        check_import({"run_id": run.pk}, NOW)
        run.refresh_from_db()
        assert (run.state, run.lines, run.good_lines) == (State.CHECKED, 50_000, 50_000)


def test_no_list_of_refused_lines_costs_a_web_worker_much(acme: Organization) -> None:
    wide = b"email" + b",t" * 700 + b"\n" + (b"a" + b",b" * 390 + b"\n") * 50_000
    runs = []
    for content in (widest_file(), wide):
        run = start_import(
            organization=acme,
            kind=ImportRun.Kind.USERS,
            file_name="users.csv",
            file=BytesIO(content),
            actor=SYSTEM_ACTOR,
            now=NOW,
        )
        RefusedLine.objects.bulk_create(
            RefusedLine(run=run, line=number, reason="bad_email", subject=f"user {number}")
            for number in range(2, 50_002)
        )
        runs.append(run.pk)
    results = measured("refused", *runs)
    assert len(results) == 4
    assert dear(results) == {}


def test_behind_the_bound_a_refused_line_has_its_number_and_address(
    acme: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "_MOST_CELLS_WRITTEN", 4)
    monkeypatch.setattr(export, "_MOST_ROWS", 3)
    run = checked(acme, "email,name\nx,1\na@acme.example,2\ny,3\nz,4\nu,5\nv,6")
    header, rows = export.refused_rows(run=run)
    reason = "Not an e-mail address"
    assert [header, *rows] == [
        ["Line", "Reason", "email", "name"],
        [2, reason, "x", "1"],
        [4, reason, "y", "3"],
        [5, f"{reason}. See this line in your file.", "z"],
        ["", "2 more lines are refused. Correct these first.", ""],
    ]
