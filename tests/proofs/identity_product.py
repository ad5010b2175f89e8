"""Tells the product what happens: by imports as its worker does them, by the API and by forms."""

import contextlib
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from tests.proofs.identity_files import File
from tests.proofs.identity_people import Account, Company, Status
from tests.proofs.identity_spellings import spelled

READ, ASKED_AGAIN = timedelta(seconds=5), timedelta(seconds=20)
_CATEGORIES = {
    Status.STAGED: "not_yet",
    Status.GUEST: "guest",
    Status.UNLICENSED: "unlicensed",
    Status.SHARED: "shared_mailbox",
    Status.SERVICE: "service_account",
}
# What Python calls an encoding, and what the product calls it.
_ENCODINGS = {"utf-8": "UTF-8", "utf-8-sig": "UTF-8", "utf-16": "UTF-16", "cp1252": "Windows-1252"}


@dataclass
class Product:
    """One provider's portal: `client` is signed in as an administrator, `system` uses the API."""

    provider: Any
    client: Any
    system: Any
    dice: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    asked: set[tuple[int, str]] = field(default_factory=set)

    def check(self, company: Company, organization: Any, file: File, at: datetime) -> Any:
        """Upload a file and have it checked; questions are answered as its maker would."""
        from core.actors import SYSTEM_ACTOR
        from tenants.imports.dry_run import check_import
        from tenants.imports.runs import check_again, start_import
        from tenants.models import ImportRun

        run = start_import(
            organization=organization,
            kind=ImportRun.Kind.USERS,
            file_name="users.csv",
            file=BytesIO(file.content),
            actor=SYSTEM_ACTOR,
            now=at,
        )
        check_import({"run_id": run.pk}, at + READ)
        run.refresh_from_db()
        self.counts["files"] += 1
        if (options := self._answers(company, run, file)) is not None:
            check_again(run=run, options=options, now=at + ASKED_AGAIN)
            check_import({"run_id": run.pk}, at + ASKED_AGAIN)
            run.refresh_from_db()
            self.counts["answers"] += 1
        return run

    def _answers(self, company: Company, run: Any, file: File) -> Any:
        """The options that answer the run's questions; None if there are none.

        Which categories a company counts is asked once for each of its tools.
        """
        from tenants.imports.reading.options import Category, ReadingOptions

        options = ReadingOptions.of_json(run.options)
        answered = options
        for doubt in run.report.get("doubts", []):
            if doubt["must_ask"] and doubt["kind"] == "encoding":
                answered = replace(answered, encoding=_ENCODINGS[file.encoding])
        included = frozenset(Category(_CATEGORIES[each]) for each in company.includes)
        if included and (company.number, run.source) not in self.asked:
            self.asked.add((company.number, run.source))
            answered = replace(answered, include=included)
        return answered if answered != options else None

    def add_and_change(self, run: Any, at: datetime) -> None:
        """Confirm a checked file that adds and changes only; no user leaves by it."""
        from core.actors import SYSTEM_ACTOR
        from tenants.imports.runs import NothingToImport, confirm_import
        from tenants.models import ImportRun

        good_lines = ImportRun.Mode.GOOD_LINES
        try:
            confirm_import(run=run, mode=good_lines, actor=SYSTEM_ACTOR, now=at)
        except NothingToImport:
            self._discard(run, at)
        else:
            self._apply(run, at)

    def is_synced(
        self, run: Any, at: datetime, *, may_confirm: bool, suspends: bool
    ) -> bool | None:
        """Make the organization equal to a checked file; returns whether something changed.

        Users who are not in it are removed or suspended. None if more than a fifth would be gone,
        and `may_confirm` says that this is a mistake.
        """
        from tenants.imports.runs import GoneNotConfirmed, NothingToImport

        try:
            self._confirm_sync(run, at, suspends=suspends)
        except NothingToImport:
            self._discard(run, at)
            return False
        except GoneNotConfirmed as asked:
            self.counts["asked again"] += 1
            if not may_confirm:
                self._discard(run, at)
                return None
            self._confirm_sync(run, at, suspends=suspends, gone=asked.gone)
        self._apply(run, at)
        self.counts["suspended" if suspends else "removed"] += run.gone
        return True

    def _confirm_sync(self, run: Any, at: datetime, *, suspends: bool, gone: int = 0) -> None:
        from core.actors import SYSTEM_ACTOR
        from tenants.imports.runs import Sync, confirm_import
        from tenants.models import ImportRun

        is_whole = not run.faulty and self.dice.random() < 1 / 2
        confirm_import(
            run=run,
            mode=ImportRun.Mode.ALL_OR_NOTHING if is_whole else ImportRun.Mode.GOOD_LINES,
            sync=Sync(
                gone_are=ImportRun.Gone.SUSPEND if suspends else ImportRun.Gone.REMOVE,
                gone_confirmed=gone,
            ),
            actor=SYSTEM_ACTOR,
            now=at,
        )

    def _discard(self, run: Any, at: datetime) -> None:
        from core.actors import SYSTEM_ACTOR
        from tenants.imports.runs import discard_import

        discard_import(run=run, actor=SYSTEM_ACTOR, now=at)

    def _apply(self, run: Any, at: datetime) -> None:
        from tenants.imports.apply import apply_import

        apply_import({"run_id": run.pk}, at)
        run.refresh_from_db()

    # By the API and by form. Each returns the status of the response.

    def api_add(self, organization: Any, account: Account, external_id: str, at: datetime) -> int:
        """Add a user by the API; without an id if it is empty."""
        body = {"email": self._spelled(account), "name": account.name}
        if external_id:
            body["external_id"] = external_id
        with self._requests(at):
            answer = self.system.post(f"/organizations/{organization.pk}/users", body)
        return int(answer.status_code)

    def api_rename(self, organization: Any, pk: int, account: Account, at: datetime) -> int:
        """Give a user another address and name by the API."""
        body = {"email": self._spelled(account), "name": account.name}
        with self._requests(at):
            answer = self.system.patch(f"/organizations/{organization.pk}/users/{pk}", body)
        return int(answer.status_code)

    def api_remove(self, organization: Any, pk: int, at: datetime) -> int:
        """Remove a user by the API."""
        with self._requests(at):
            answer = self.system.delete(f"/organizations/{organization.pk}/users/{pk}")
        return int(answer.status_code)

    def form_add(self, organization: Any, account: Account, at: datetime) -> int:
        """Add a user by the form, whatever it costs."""
        body = {"email": self._spelled(account), "name": account.name, "seen_peak": "999999"}
        with self._requests(at):
            answer = self.client.post(f"/organizations/{organization.pk}/users/add/", body)
        return int(answer.status_code)

    def _spelled(self, account: Account) -> str:
        self.counts["spellings"] += 1
        return spelled(self.dice, account.mailbox, name=account.first)

    @contextlib.contextmanager
    def _requests(self, at: datetime) -> Iterator[None]:
        """Send requests at this time; afterwards the provider's schema is entered again."""
        import time_machine

        from core.schema import provider_schema

        with provider_schema(self.provider), time_machine.travel(at, tick=False):
            yield


def rows_of(organization: Any) -> list[tuple[int, str, str | None, str]]:
    """The organization's living users: key, address, directory id, state."""
    from tenants.models import ManagedUser

    living = ManagedUser.objects.filter(organization=organization, removed_at=None)
    return list(living.order_by("pk").values_list("pk", "email", "external_id", "state"))


@dataclass(frozen=True, slots=True)
class Owners:
    """Whose account each living row is, and the rows without one."""

    of_rows: dict[int, int]
    strangers: list[int]


def owners_of(company: Company, rows: Iterable[tuple[int, str, str | None, str]]) -> Owners:
    """Find the account of each row by the ids and addresses that the company ever gave out."""
    of_ids = {
        given: account.number
        for account in company.everyone.values()
        for ids in account.ids.values()
        for given in ids
    }
    of_addresses: dict[str, list[int]] = {}
    for account in company.everyone.values():
        for mailbox in (account.mailbox, *account.earlier):
            of_addresses.setdefault(mailbox.address, []).append(account.number)
    # Those who were reported last have the address now.
    for number, reported in company.reported.items():
        of_addresses.setdefault(reported.address, []).insert(0, number)
    of_rows: dict[int, int] = {}
    strangers = []
    for pk, email, external_id, _ in rows:
        number = of_ids.get((external_id or "").rpartition(":")[2])
        if number not in company.reported:
            # A person who left may have left the address to a newcomer.
            possible = of_addresses.get(email.replace("\u0131", "i"), [])
            unused = [each for each in possible if each not in of_rows.values()]
            by_address = next(iter(unused or possible), None)
            number = by_address if by_address in company.reported or number is None else number
        if number is None:
            strangers.append(pk)
        else:
            of_rows[pk] = number
    return Owners(of_rows, strangers)
