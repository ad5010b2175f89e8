"""Helpers that upload, check and confirm files in the tests of imports."""

from datetime import UTC, datetime
from io import BytesIO

from django.core.files.uploadedfile import SimpleUploadedFile

from core.actors import SYSTEM_ACTOR, Actor
from tenants.imports.apply import apply_import
from tenants.imports.dry_run import check_import
from tenants.imports.runs import Sync, confirm_import, start_import
from tenants.models import ImportRun, ManagedUser, MeteringPolicy, Organization
from tenants.organizations.lifecycle import set_user_cap
from tenants.users.membership import Via, add_member
from usage.models import MonthlyUsage

NOW = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
ADAM = Actor(id=7, name="Adam Nordlicht")
USERS, DEVICES = ImportRun.Kind.USERS, ImportRun.Kind.DEVICES
# Of a directory, by one-letter name.
IDS = {name: f"7d5d2a3e-0000-4000-8000-{number:012d}" for number, name in enumerate("abcdefgh")}
ALL_OR_NOTHING, GOOD_LINES = ImportRun.Mode.ALL_OR_NOTHING, ImportRun.Mode.GOOD_LINES


def upload(text: str | bytes, name: str = "users.csv") -> dict[str, SimpleUploadedFile]:
    """The form's fields with a file of this text."""
    content = text.encode() if isinstance(text, str) else text
    return {"file": SimpleUploadedFile(name, content, content_type="text/csv")}


def lift_allowance() -> None:
    """A card is on file: organizations may have any number of users."""
    MeteringPolicy.objects.update(free_user_limit=None)


def directory(*names: str, new: str = "") -> str:
    """A file with ids of a directory, for these one-letter names."""
    lines = [f"{name}@acme.example,{name.upper()},{IDS[name]}" for name in names]
    return "\n".join(["Email,Display name,Object Id", *lines, *filter(None, [new])])


def peak(acme: Organization) -> int:
    """Its high-water mark of users, in the only month."""
    return MonthlyUsage.objects.get(organization=acme, metric="users").high_water_mark


def emails(count: int, start: int = 0) -> str:
    """A file of that many users."""
    lines = [f"user{number}@acme.example" for number in range(start, start + count)]
    return "\n".join(["email", *lines])


def checked(
    organization: Organization, text: str | bytes, kind: ImportRun.Kind = USERS
) -> ImportRun:
    """The file, uploaded and checked."""
    run = start_import(
        organization=organization,
        kind=kind,
        file_name="file.csv",
        file=BytesIO(text.encode() if isinstance(text, str) else text),
        actor=ADAM,
        now=NOW,
    )
    check_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    return run


def confirmed(run: ImportRun, mode: ImportRun.Mode = GOOD_LINES) -> ImportRun:
    """The checked file, confirmed and waiting for a worker."""
    confirm_import(run=run, mode=mode, actor=ADAM, now=NOW)
    run.refresh_from_db()
    return run


def applied(run: ImportRun, mode: ImportRun.Mode = GOOD_LINES) -> ImportRun:
    """The checked file, confirmed and imported."""
    confirmed(run, mode)
    apply_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    return run


def synced(
    organization: Organization,
    text: str | bytes,
    mode: ImportRun.Mode = GOOD_LINES,
    *,
    gone_are: ImportRun.Gone = ImportRun.Gone.REMOVE,
    gone_confirmed: int = 0,
) -> ImportRun:
    """The file, checked and the organization made equal to it."""
    run = checked(organization, text)
    sync = Sync(gone_are, gone_confirmed)
    confirm_import(run=run, mode=mode, sync=sync, actor=ADAM, now=NOW)
    apply_import({"run_id": run.pk}, NOW)
    run.refresh_from_db()
    return run


def refusals(run: ImportRun) -> list[tuple[int, str]]:
    """(line, reason) of each refused line."""
    return list(run.refused_lines.order_by("line").values_list("line", "reason"))


def add(organization: Organization, email: str) -> ManagedUser:
    """A user by form."""
    return add_member(
        member=ManagedUser(organization=organization, email=email, name=""),
        actor=ADAM,
        via=Via.FORM,
        now=NOW,
    )


def cap(organization: Organization, users: int | None) -> None:
    """A cap, or none."""
    set_user_cap(organization=organization, cap=users, actor=SYSTEM_ACTOR, now=NOW)


def living(organization: Organization) -> list[str]:
    """The addresses of the living users, in the order of their addition."""
    users = ManagedUser.objects.filter(organization=organization, removed_at=None)
    return list(users.order_by("id").values_list("email", flat=True))
