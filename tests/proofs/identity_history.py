"""The random histories of the proof of identities: what happens at a company, and who tells it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tests.proofs.identity_people import (
    APART,
    COUNTED,
    Account,
    Company,
    Status,
    new_domain,
)
from tests.proofs.identity_tools import OKTA_API, ROCKSTAR, USES, Tool

SLOT = timedelta(minutes=15)
_KEPT_FOR = timedelta(days=30)
_SIZES = (3, 6, 12, 25, 25, 50, 50, 80, 120, 200)
_JOINERS, _LEAVERS, _RENAMES, _CHANGES = 0.02, 0.015, 0.015, 0.02


class Kind(StrEnum):
    """What reaches the product: a whole or a partial export, a wrong one, the API, a form."""

    FIRST = "first"
    SYNC = "sync"
    RACED = "raced"
    SAME = "same"
    PARTIAL = "partial"
    MISTAKE = "mistake"
    API_ADD = "api add"
    API_AGAIN = "api again"
    API_RENAME = "api rename"
    API_REMOVE = "api remove"
    FORM_ADD = "form add"
    FORM_AGAIN = "form again"


_BETWEEN = (
    *(Kind.PARTIAL, Kind.PARTIAL, Kind.MISTAKE, Kind.API_ADD, Kind.API_ADD, Kind.API_AGAIN),
    *(Kind.API_RENAME, Kind.API_REMOVE, Kind.FORM_ADD, Kind.FORM_AGAIN),
)


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """Something about a company is reported to the product at an instant."""

    at: datetime
    company: int
    kind: Kind


def new_companies(dice: random.Random, people: int) -> list[tuple[Company, tuple[Tool, ...]]]:
    """Companies with so many people together, each with the tools whose exports it makes."""
    companies: list[tuple[Company, tuple[Tool, ...]]] = []
    order = dice.sample(USES, len(USES))
    largest = max(_SIZES[0], 2 * people // len(USES))
    while people > 0:
        number = len(companies)
        tools = order[number % len(order)]
        size = min(people, largest, dice.choice(_SIZES))
        people -= size
        company = _new_company(dice, number, tools)
        for _ in range(size):
            # Sorted: with another order of sets, the same seed would make another run.
            company.join(dice.choice((Status.ACTIVE, *sorted(company.statuses))))
        companies.append((company, tools))
    return companies


def _new_company(dice: random.Random, number: int, tools: tuple[Tool, ...]) -> Company:
    statuses = frozenset.intersection(*(tool.shows for tool in tools))
    if len({tool.name for tool in tools}) > 1:
        # Other tools of the maker show these as users, or do not show that they are not.
        statuses -= {Status.UNLICENSED, Status.SHARED}
    apart = sorted(statuses & APART - {Status.STAGED})
    company = Company(
        number=number,
        dice=dice,
        domain=new_domain(dice, number),
        directories=tuple(sorted({tool.directory for tool in tools} - {""})),
        statuses=statuses - {Status.DELETED},
        keeps_deleted=Status.DELETED in statuses,
    )
    if apart and dice.random() < 0.3:
        company.includes = frozenset({dice.choice(apart)})
    if len(company.directories) == 1 and all(tool.has_ids for tool in tools):
        company.suspends_gone = dice.random() < 0.4
    return company


def schedule(
    dice: random.Random,
    company: int,
    months: Sequence[tuple[datetime, datetime]],
    files: float,
) -> list[Moment]:
    """What is reported about a company: `files` exports a month, and other things between them."""
    moments: list[Moment] = []
    for number, (starts_at, ends_at) in enumerate(months):
        slots = _Slots(dice, starts_at, ends_at)
        exports = max(1, int(files) + (dice.random() < files % 1))
        for _ in range(exports):
            at = slots.take()
            moments.append(Moment(at, company, Kind.RACED if dice.random() < 0.08 else Kind.SYNC))
            if dice.random() < 0.25:
                moments.append(Moment(slots.after(at), company, Kind.SAME))
        moments += [
            Moment(slots.take(), company, dice.choice(_BETWEEN))
            for _ in range(dice.choice((1, 2, 3, 4)))
        ]
        if number == 0:
            moments.sort()
            moments[0] = Moment(moments[0].at, company, Kind.FIRST)
    return sorted(moments)


class _Slots:
    """Distinct instants of a month, a quarter of an hour apart; many are near its ends."""

    def __init__(self, dice: random.Random, starts_at: datetime, ends_at: datetime) -> None:
        self._dice, self._starts_at = dice, starts_at
        self._count = (ends_at - starts_at) // SLOT
        self._taken: set[int] = set()

    def take(self) -> datetime:
        """An instant that nothing else happens at."""
        while True:
            match self._dice.randrange(4):
                case 0:
                    slot = self._dice.randrange(8)
                case 1:
                    slot = self._count - 1 - self._dice.randrange(8)
                case _:
                    slot = self._dice.randrange(self._count)
            if slot not in self._taken:
                return self._at(slot)

    def after(self, at: datetime) -> datetime:
        """The next free instant."""
        slot = (at - self._starts_at) // SLOT + 1
        while slot in self._taken:
            slot += 1
        return self._at(slot)

    def _at(self, slot: int) -> datetime:
        self._taken.add(slot)
        return self._starts_at + slot * SLOT


def live(company: Company, at: datetime, *, ids: str, may_share: bool) -> None:
    """Anything happens in the directory that the next whole export, with these ids, will tell."""
    dice, counted = company.dice, company.counted
    for account in list(company.accounts):
        if account.deleted_at and at - account.deleted_at > _KEPT_FOR:
            company.accounts.remove(account)
    people = dice.sample(counted, len(counted))

    def some(share: float) -> list[Account]:
        return [people.pop() for _ in range(min(_number(dice, len(counted) * share), len(people)))]

    for account in some(_RENAMES):
        # Without its id, a renamed user is another one, and the earlier row is gone.
        if not company.suspends_gone or ids in account.known_ids:
            company.rename(account)
    for account in some(_CHANGES):
        _change(company, account)
    for account in company.accounts:
        if account.status in APART and dice.random() < 0.03:
            _become_user(company, account)
    for account in some(_LEAVERS):
        company.leave(account, at=at)
    _seldom(company, people, at, ids=ids, may_share=may_share)
    join_some(company)


def _seldom(
    company: Company, people: list[Account], at: datetime, *, ids: str, may_share: bool
) -> None:
    """Addresses and accounts that are used again."""
    dice = company.dice
    # A guest's address is at another company.
    known = [each for each in people if ids in each.known_ids and each.status != Status.GUEST]
    if len(known) > 1 and dice.random() < 0.1:
        # Without ids, a file of the same addresses says nothing of it.
        for account in known[:2]:
            people.remove(account)
        company.swap(*known[:2])
    if people and dice.random() < 0.2:
        company.create_again(people.pop(), at=at)
    if people and not company.suspends_gone and dice.random() < 0.1:
        # A newcomer gets the address of a person who leaves.
        leaver = people.pop()
        company.leave(leaver, at=at)
        company.join(at_mailbox=leaver.mailbox)
    if people and may_share and dice.random() < 0.2:
        company.join(at_mailbox=people.pop().mailbox)


def live_a_little(company: Company, *, ids: str) -> list[Account]:
    """What a partial export can tell too; returns the accounts that it has to name.

    A rename is reported by the id, where the product knows that of the directory `ids`.
    """
    dice = company.dice
    people = dice.sample(company.known, len(company.known))
    named = join_some(company)
    for _ in range(_number(dice, len(people) * _RENAMES)):
        if people and ids in people[-1].known_ids:
            named.append(people.pop())
            company.rename(named[-1])
    for _ in range(_number(dice, len(people) * _CHANGES)):
        if people:
            account = people.pop()
            account.status = dice.choice(sorted(company.statuses & COUNTED))
            named.append(account)
    return named


def join_some(company: Company) -> list[Account]:
    """New accounts, users or not."""
    dice = company.dice
    number = _number(dice, 0.5 + len(company.accounts) * _JOINERS)
    statuses = (*[Status.ACTIVE] * 4, *sorted(company.statuses))
    return [company.join(dice.choice(statuses)) for _ in range(number)]


def may_share_mailboxes(tools: Sequence[Tool]) -> bool:
    """Whether two accounts of these tools can have one address: Okta's logins are separate."""
    return {tool.name for tool in tools} <= {ROCKSTAR.name, OKTA_API.name}


def _change(company: Company, account: Account) -> None:
    statuses = company.statuses - {Status.GUEST, Status.SHARED, Status.SERVICE}
    account.status = company.dice.choice(sorted(statuses - {Status.STAGED}))


def _become_user(company: Company, account: Account) -> None:
    """A person begins, gets a license, or a guest becomes an employee with another address."""
    if account.status == Status.GUEST:
        account.status = Status.ACTIVE
        company.rename(account)
    elif account.status in {Status.STAGED, Status.UNLICENSED}:
        account.status = Status.ACTIVE


def _number(dice: random.Random, mean: float) -> int:
    return sum(dice.random() < mean / 8 for _ in range(8)) if mean < 4 else round(mean)
