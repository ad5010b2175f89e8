"""Importing users from a file, against COPY into the same table with its triggers.

The dry run of a directory's export into an organization that has these users takes at most 5 s of
CPU time and 200 MB of a separate process; so does that of the widest export.
"""

import io
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from django.db import connection

from accounts.models import Provider
from core.actors import SYSTEM_ACTOR
from core.schema import provider_schema
from tenants.imports.apply import apply_import
from tenants.imports.dry_run import check_import
from tenants.imports.runs import confirm_import, start_import
from tenants.models import ImportRun, ManagedUser, MeteringPolicy, Organization
from tests.benchmarks.result import Result
from tests.providers import open_provider
from tests.tenants.widest_file import widest_file

Measured = TypeVar("Measured")

LIMIT = 3.0
DRY_RUN_SECONDS, DRY_RUN_MB, COPY_SECONDS = 5.0, 200.0, 15.0
USERS = 50_000
ROUNDS = 3
NOW = datetime(2026, 10, 1, tzinfo=UTC)
COPY = """
    COPY tenants_manageduser (organization_id, email, name, state, added_at, added_by_id,
                              added_by_name, added_via) FROM STDIN
"""


def run(*, full: bool) -> list[Result]:
    """Import 50,000 users if `full`, else 10,000, from the stored file to the audit entry."""
    count = USERS if full else USERS // 5
    provider = open_provider(canary="Import", prefix="IMPORT")
    floors, results = [], []
    seconds: dict[str, list[float]] = {"dry_run": [], "good_lines": [], "all_or_nothing": []}
    for number in range(ROUNDS):
        now = NOW + timedelta(days=number)
        floors.append(_in(provider, lambda n=number, at=now: _copy(f"Floor {n}", count, at)))
        for mode in ImportRun.Mode:
            checked, applied = _in(
                provider, lambda n=number, at=now, m=mode: _import(f"{m} {n}", m, count, at)
            )
            seconds["dry_run"].append(checked)
            seconds[mode].append(applied)
    for name, measured in seconds.items():
        limit = None if name == "dry_run" else LIMIT
        results.append(
            Result(f"import_{name}_of_{count}_users", min(measured), min(floors), "s", limit)
        )
    # Where a trigger reads all users for each added one, this takes minutes.
    results.append(Result(f"copy_of_{count}_users", min(floors), COPY_SECONDS, "s", 1.0))
    return [
        *results,
        *_dry_run_alone(provider, "dry_run", _directory(count), count),
        *_dry_run_alone(provider, "dry_run_of_wide_lines", widest_file(count), count),
    ]


def _dry_run_alone(provider: Provider, name: str, content: bytes, count: int) -> list[Result]:
    """The dry run of a file with so many users, in a separate process."""
    with provider_schema(provider):
        organization = Organization.objects.get(name=f"{ImportRun.Mode.GOOD_LINES} 0")
        run = _start(organization, content, NOW)
    command = [sys.executable, "-m", "tests.benchmarks.dry_run_worker"]
    answer = subprocess.run(
        [*command, provider.schema_name, str(run.pk)], capture_output=True, text=True, check=True
    )
    cpu, seconds, megabytes = map(float, answer.stdout.split())
    with provider_schema(provider):
        run.refresh_from_db()
        if run.state != ImportRun.State.CHECKED or run.good_lines != count:
            raise RuntimeError(f"{run.good_lines} good lines of {count}: {run.problem}")
    return [
        Result(f"{name}_of_{count}_users", cpu, DRY_RUN_SECONDS, "s CPU", 1.0),
        # What passes depends on what else the machine does.
        Result(f"{name}_of_{count}_users_passing", seconds, DRY_RUN_SECONDS, "s"),
        Result(f"{name}_memory_of_{count}_users", megabytes, DRY_RUN_MB, "MB", 1.0),
    ]


def _directory(count: int) -> bytes:
    """An export with ids, in which one user in ten is new or has another name."""
    lines = ["User principal name,Display name,Object Id,Account enabled"]
    lines += [
        f"user{number + count // 20}@acme.example,Person {number},"
        f"7d5d2a3e-0000-4000-8000-{number:012d},{number % 7 != 0}"
        for number in range(count)
    ]
    return "\n".join(lines).encode()


def _start(organization: Organization, content: bytes, now: datetime) -> ImportRun:
    return start_import(
        organization=organization,
        kind=ImportRun.Kind.USERS,
        file_name="users.csv",
        file=io.BytesIO(content),
        actor=SYSTEM_ACTOR,
        now=now,
    )


def _in(provider: Provider, measure: Callable[[], Measured]) -> Measured:
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        measured = measure()
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE tenants_manageduser, usage_usageevent")
    return measured


def _copy(name: str, count: int, now: datetime) -> float:
    organization = Organization.objects.create(name=name)
    rows = "".join(
        f"{organization.pk}\tuser{number}@acme.example\tUser {number}\tactive\t{now.isoformat()}"
        "\t7\tOlive\timport\n"
        for number in range(count)
    )
    with connection.cursor() as cursor:
        began = time.perf_counter()
        with cursor.copy(COPY) as copy:
            copy.write(rows)
        measured = time.perf_counter() - began
    _check(organization, count)
    return measured


def _import(name: str, mode: ImportRun.Mode, count: int, now: datetime) -> tuple[float, float]:
    """Seconds of the dry run and of the import."""
    organization = Organization.objects.create(name=name)
    content = io.StringIO()
    content.write("E-mail,Name,State\n")
    for number in range(count):
        content.write(f"user{number}@acme.example,User {number},Active\n")
    run = _start(organization, content.getvalue().encode(), now)
    began = time.perf_counter()
    check_import({"run_id": run.pk}, now)
    checked = time.perf_counter()
    confirm_import(run=run, mode=mode, actor=SYSTEM_ACTOR, now=now)
    confirmed = time.perf_counter()
    apply_import({"run_id": run.pk}, now)
    applied = time.perf_counter()
    _check(organization, count)
    return checked - began, applied - confirmed


def _check(organization: Organization, count: int) -> None:
    there = ManagedUser.objects.filter(organization=organization).count()
    if there != count:
        raise RuntimeError(f"{there} users came in instead of {count}.")
