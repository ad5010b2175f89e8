"""Plays the companies' histories in the product and compares it with them after each moment."""

import heapq
import random
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tests.proofs.identity_comparison import Client, Comparison
from tests.proofs.identity_files import File, write
from tests.proofs.identity_history import (
    Kind,
    Moment,
    join_some,
    live,
    live_a_little,
    may_share_mailboxes,
    new_companies,
    schedule,
)
from tests.proofs.identity_people import Account, Status
from tests.proofs.identity_product import Product, owners_of, rows_of
from tests.proofs.identity_tools import Tool

YEAR = 2026
# From the upload to the confirmation; shorter than the time to the next moment.
_MEANWHILE = timedelta(seconds=25)
_DELAYS = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=14))


class NotChecked(Exception):
    """A file could not be read; the comparison has it, with the reason."""


@dataclass
class Stage:
    """All companies of one provider. Wrong ones are played no further."""

    product: Product
    dice: random.Random
    comparison: Comparison
    months: int

    @property
    def counts(self) -> Counter[str]:
        """What was played."""
        return self.product.counts

    def play(self, *, people: int, files: float) -> None:
        """Play all months of so many people, and compare."""
        from core.months import Month
        from tenants.models import Organization

        months = [Month(YEAR, number) for number in range(1, self.months + 1)]
        bounds = [
            (each.starts_at(self.comparison.zone), each.ends_at(self.comparison.zone))
            for each in months
        ]
        self.clients: list[Client] = []
        for company, tools in new_companies(self.dice, people):
            organization = Organization.objects.create(
                name=f"Client {company.number:04d}", created_at=bounds[0][0]
            )
            self.clients.append(Client(company, tools, organization, tools[0]))
        moments = heapq.merge(
            *(schedule(self.dice, number, bounds, files) for number in range(len(self.clients)))
        )
        closings = [
            (ends_at + timedelta(hours=self.dice.randint(1, 60)), month)
            for month, (_, ends_at) in zip(months, bounds, strict=True)
        ]
        for moment in moments:
            while closings and closings[0][0] <= moment.at:
                self._close(*closings.pop(0))
            self._happen(self.clients[moment.company], moment)
        for closing in closings:
            self._close(*closing)
        self.counts["people"] += sum(len(each.company.everyone) for each in self.clients)
        self.counts["companies"] += len(self.clients)

    def _close(self, at: datetime, month: Any) -> None:
        self.comparison.close(self.product.provider, self.clients, month, at)

    def _happen(self, client: Client, moment: Moment) -> None:
        if client.is_wrong:
            return
        at = moment.at
        ways: dict[Kind, Callable[[Client, datetime], datetime]] = {
            Kind.FIRST: self._first,
            Kind.SYNC: self._sync,
            Kind.RACED: self._raced,
            Kind.SAME: self._same,
            Kind.PARTIAL: self._partial,
            Kind.MISTAKE: self._mistake,
            Kind.API_ADD: self._api_add,
            Kind.API_AGAIN: self._api_again,
            Kind.API_RENAME: self._api_rename,
            Kind.API_REMOVE: self._api_remove,
            Kind.FORM_ADD: self._form_add,
            Kind.FORM_AGAIN: self._form_again,
        }
        self.counts[moment.kind] += 1
        with suppress(NotChecked):
            reported_at = ways[moment.kind](client, at)
            self.comparison.compare(client, moment.kind, reported_at)

    # Files.

    def _first(self, client: Client, at: datetime) -> datetime:
        file, run, applied_at = self._export(client, client.company.accounts, at)
        self.product.add_and_change(run, applied_at)
        self._hear(client, client.company.accounts, applied_at, is_all=True)
        client.file = file
        return applied_at

    def _sync(self, client: Client, at: datetime, *, is_raced: bool = False) -> datetime:
        company = client.company
        client.tool = self.dice.choice(client.tools)
        live(company, at, ids=_ids_of(client), may_share=may_share_mailboxes(client.tools))
        exported = list(company.accounts)
        if not any(each.status in client.tool.shows for each in exported):
            return at  # a file without a line is refused
        file, run, applied_at = self._export(client, exported, at)
        newcomers = []
        if is_raced:
            # They came after the export, so they are not missing in it.
            newcomers = [company.join()]
            self._report_by_api(client, newcomers[0], at + _MEANWHILE)
            self.comparison.compare(client, Kind.API_ADD, at + _MEANWHILE)
        self._is_synced(client, run, applied_at, may_confirm=True)
        self._hear(client, exported, applied_at, newcomers=newcomers, is_all=True)
        client.file = None if is_raced else file
        return applied_at

    def _raced(self, client: Client, at: datetime) -> datetime:
        return self._sync(client, at, is_raced=True)

    def _same(self, client: Client, at: datetime) -> datetime:
        """The last export again: it changes nothing."""
        if client.file is not None:
            run = self.product.check(client.company, client.organization, client.file, at)
            has_changed = self._is_synced(client, run, at + _DELAYS[0], may_confirm=False)
            self.comparison.equal(client, "changed by the same file", False, has_changed)
            self.counts["spellings"] += client.file.spellings
        return at + _DELAYS[0]

    def _partial(self, client: Client, at: datetime) -> datetime:
        """A part of the directory, which adds and changes only."""
        company = client.company
        named = live_a_little(company, ids=_ids_of(client))
        others = [each for each in company.known if each not in named]
        others = self.dice.sample(others, self.dice.randint(0, len(others)))
        if not any(each.status in client.tool.shows for each in [*named, *others]):
            return at
        _, run, applied_at = self._export(client, [*named, *others], at)
        self.product.add_and_change(run, applied_at)
        self._hear(client, [*named, *others], applied_at)
        client.file = None
        return applied_at

    def _mistake(self, client: Client, at: datetime) -> datetime:
        """A part of the directory, or another company's, as if it were the whole."""
        known = client.company.known
        other = self.dice.choice(self.clients)
        if other is not client and self.dice.random() < 0.3:
            accounts, tool = other.company.counted, other.tool
        else:
            accounts = self.dice.sample(known, len(known) * self.dice.randint(20, 70) // 100)
            tool = client.tool
        # Of users who are suspended already, fewer would be gone than of all.
        if not (accounts and known) or client.company.suspends_gone:
            return at
        _, run, applied_at = self._export(client, accounts, at, tool=tool)
        has_changed = self._is_synced(client, run, applied_at, may_confirm=False)
        self.comparison.equal(client, "stopped by the guard", None, has_changed)
        self.counts["mistakes stopped"] += has_changed is None
        return applied_at

    def _is_synced(
        self, client: Client, run: Any, at: datetime, *, may_confirm: bool
    ) -> bool | None:
        suspends = client.company.suspends_gone
        return self.product.is_synced(run, at, may_confirm=may_confirm, suspends=suspends)

    def _hear(
        self,
        client: Client,
        accounts: Sequence[Account],
        at: datetime,
        *,
        newcomers: Sequence[Account] = (),
        is_all: bool = False,
    ) -> None:
        """An export was reported to the product, which keeps newcomers that are not in it."""
        client.company.hear(accounts, newcomers, at=at, is_all=is_all, ids=_ids_of(client))

    def _export(
        self, client: Client, accounts: Sequence[Account], at: datetime, tool: Tool | None = None
    ) -> tuple[File, Any, datetime]:
        """Write and check a file; returns it with its run and when it is confirmed."""
        file = write(self.dice, tool or client.tool, accounts)
        self.counts["spellings"] += file.spellings
        run = self.product.check(client.company, client.organization, file, at)
        if run.state != "checked":
            beginning = file.content[:300]
            self.comparison.wrong(client, f"{run.problem}: {client.tool.name} {beginning!r}")
            raise NotChecked
        # A sync decides again whether an address is taken.
        decided_later = ["already_there", "twice_in_file", "address_taken"]
        faults = run.refused_lines.exclude(reason__in=decided_later)
        self.comparison.equal(
            client, "lines with a fault", [], list(faults.values_list("reason", "subject"))
        )
        return file, run, at + self.dice.choice(_DELAYS)

    # The API and forms.

    def _api_add(self, client: Client, at: datetime) -> datetime:
        for account in join_some(client.company):
            if account.status == Status.ACTIVE:
                self._report_by_api(client, account, at)
        client.file = None
        return at

    def _report_by_api(self, client: Client, account: Account, at: datetime) -> None:
        """With an id of the directory, one of the provider's own system, or none."""
        own = {"psa": [f"hr-{account.number}"]}
        system, ids = self.dice.choice([*account.ids.items(), *own.items(), ("", [""])])
        if system == "psa":
            account.ids.update(own)
        external_id = f"ad:{ids[-1]}" if system == "ad" else ids[-1]
        status = self.product.api_add(client.organization, account, external_id, at)
        self.comparison.expect(client, 201, status)
        client.company.hear([account], at=at, ids=system if system in account.ids else "")

    def _api_again(self, client: Client, at: datetime) -> datetime:
        """A user who is there, by the address alone: another spelling is no other person."""
        if known := client.company.known:
            account = self.dice.choice(known)
            status = self.product.api_add(client.organization, account, "", at)
            self.comparison.expect(client, 409, status)
        return at

    def _api_rename(self, client: Client, at: datetime) -> datetime:
        if known := client.company.known:
            account = self.dice.choice(known)
            pk = self._row_of(client, account)
            client.company.rename(account)
            status = self.product.api_rename(client.organization, pk, account, at)
            self.comparison.expect(client, 200, status)
            client.company.hear([account], at=at)
            client.file = None
        return at

    def _api_remove(self, client: Client, at: datetime) -> datetime:
        if len(known := client.company.known) > 1:
            account = self.dice.choice(known)
            pk = self._row_of(client, account)
            self.comparison.expect(
                client, 204, self.product.api_remove(client.organization, pk, at)
            )
            client.company.leave(account, at=at)
            client.company.forget(account, at=at)
            client.file = None
        return at

    def _form_add(self, client: Client, at: datetime) -> datetime:
        account = client.company.join()
        self.comparison.expect(client, 302, self.product.form_add(client.organization, account, at))
        client.company.hear([account], at=at)
        client.file = None
        return at

    def _form_again(self, client: Client, at: datetime) -> datetime:
        """A user who is there, written in another way."""
        if known := client.company.known:
            account = self.dice.choice(known)
            self.comparison.expect(
                client, 422, self.product.form_add(client.organization, account, at)
            )
        return at

    def _row_of(self, client: Client, account: Account) -> int:
        owners = owners_of(client.company, rows_of(client.organization))
        return next(pk for pk, number in owners.of_rows.items() if number == account.number)


def _ids_of(client: Client) -> str:
    """The directory whose ids the client's exports have now, or empty."""
    return client.tool.directory if client.tool.has_ids else ""
