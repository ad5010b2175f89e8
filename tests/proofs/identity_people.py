"""The people of the proof of identities: who really has an account at which company, and when.

Nothing here is parsed. The companies are the truth that the product's counts are compared with.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from tests.proofs.identity_spellings import Mailbox

_FIRST = (
    *("Ann", "Bo", "Cy", "Di", "Éva", "Fritz", "Gül", "Håkon", "İnci", "Jürgen", "Kim", "Łukasz"),
    *("Mia", "Núria", "Olivia", "Pál", "Quinn", "René", "Siân", "Tim", "Ulli", "Wiki", "Zoë"),
)
_LAST = (
    *("Lee", "Diaz", "Smith", "Müller", "O'Brien", "Weiß", "Nowak", "Çelik", "Ito", "Kiss"),
    *("Van der Berg", "D'Amico", "Øst", "Fini", "Iversen", "Smith-Jones", "Sørensen", "Ili"),
)
# Letters whose Unicode and punycode forms are the same in every version of IDNA.
_DOMAIN_WORDS = ("contoso", "acme", "münchen", "zürich-it", "kørekort", "ñandu", "пример", "日本")


class Status(StrEnum):
    """How an account stands in its directory."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    LOCKED = "locked"
    ARCHIVED = "archived"
    DELETED = "deleted"
    STAGED = "staged"
    GUEST = "guest"
    UNLICENSED = "unlicensed"
    SHARED = "shared"
    SERVICE = "service"


# Accounts without sign-in; a shared mailbox is one.
_BLOCKED = frozenset({Status.SUSPENDED, Status.LOCKED, Status.ARCHIVED, Status.SHARED})
COUNTED = frozenset({Status.ACTIVE, Status.SUSPENDED, Status.LOCKED, Status.ARCHIVED})
APART = frozenset(
    {
        *(Status.STAGED, Status.GUEST, Status.UNLICENSED),
        *(Status.SHARED, Status.SERVICE),
    }
)


@dataclass(eq=False)
class Account:
    """A person's account; two accounts of one person are two, and one person again is one.

    `ids` are those that each directory has ever given to it, the present one last. `mail` is a
    second mailbox that tools with a user principal name show beside it. `known_ids` are the
    directories whose present id was reported to the product.
    """

    number: int
    first: str
    last: str
    mailbox: Mailbox
    mail: Mailbox | None = None
    status: Status = Status.ACTIVE
    ids: dict[str, list[str]] = field(default_factory=dict)
    known_ids: set[str] = field(default_factory=set)
    earlier: list[Mailbox] = field(default_factory=list)
    deleted_at: datetime | None = None

    @property
    def name(self) -> str:
        """The name as its directory shows it."""
        return f"{self.first} {self.last}"


@dataclass(frozen=True, slots=True)
class Reported:
    """What was reported to the product about a counted account."""

    address: str
    is_suspended: bool


@dataclass(eq=False)
class Company:
    """A client with its directory: the accounts that exist, and those reported to the product.

    `statuses` are those that its tools show, `includes` those apart that it chose to count too.
    `everyone` has those who left too. `reported` are the users that a perfect count has now, by
    account number. `levels` are the numbers that it had, each from an instant on. With
    `suspends_gone`, users who are not in a whole export any more are suspended, and so still count.
    """

    number: int
    dice: random.Random
    domain: str
    directories: tuple[str, ...]
    statuses: frozenset[Status]
    includes: frozenset[Status] = frozenset()
    keeps_deleted: bool = False
    suspends_gone: bool = False
    accounts: list[Account] = field(default_factory=list)
    everyone: dict[int, Account] = field(default_factory=dict)
    reported: dict[int, Reported] = field(default_factory=dict)
    levels: list[tuple[datetime, int]] = field(default_factory=list)
    addresses: set[str] = field(default_factory=set)

    def counts(self, account: Account) -> bool:
        """Whether the account is a user that is billed."""
        return account.status in COUNTED or account.status in self.includes

    @property
    def counted(self) -> list[Account]:
        """The accounts that are users now."""
        return [each for each in self.accounts if self.counts(each)]

    @property
    def known(self) -> list[Account]:
        """The users that were reported to the product, and that are users now."""
        return [each for each in self.counted if each.number in self.reported]

    def hear(
        self,
        accounts: Iterable[Account],
        newcomers: Iterable[Account] = (),
        *,
        at: datetime,
        is_all: bool = False,
        ids: str = "",
    ) -> None:
        """These accounts were reported to the product; `is_all` says that there are no others.

        `ids` is the directory whose ids were reported too. Newcomers stay as they were before.
        """
        before = dict(self.reported)
        stay = {each.number: before[each.number] for each in newcomers}
        if is_all and self.suspends_gone:
            gone = {
                number: replace(reported, is_suspended=True) for number, reported in before.items()
            }
            self.reported = gone | stay
        elif is_all:
            self.reported = stay
        for account in accounts:
            if self.counts(account):
                is_suspended = account.status in _BLOCKED
                self.reported[account.number] = Reported(account.mailbox.address, is_suspended)
                if not ids and before.get(account.number) != self.reported[account.number]:
                    # Without ids, another address may be another row, which has none.
                    account.known_ids.clear()
                account.known_ids |= {ids} - {""}
        self.levels.append((at, len(self.reported)))

    def forget(self, account: Account, *, at: datetime) -> None:
        """It was reported to the product that the account is no user any more."""
        del self.reported[account.number]
        self.levels.append((at, len(self.reported)))

    def peak(self, starts_at: datetime, ends_at: datetime) -> tuple[int, datetime | None, int]:
        """The month's highest number, when it was first reached, and the number carried in.

        The instant is None for the number carried in.
        """
        carried_in = next((level for at, level in reversed(self.levels) if at < starts_at), 0)
        best, when = carried_in, None
        for at, level in self.levels:
            if starts_at <= at < ends_at and level > best:
                best, when = level, at
        return best, when, carried_in

    # Changes of the directory. Each returns the accounts that an import has to name to tell it.

    def join(self, status: Status = Status.ACTIVE, at_mailbox: Mailbox | None = None) -> Account:
        """A new account with ids of all directories."""
        first, last = self.dice.choice(_FIRST), self.dice.choice(_LAST)
        account = Account(
            number=len(self.everyone),
            first=first,
            last=last,
            mailbox=at_mailbox or self._mailbox(first, last, status),
            status=status,
        )
        self.everyone[account.number] = account
        if self.dice.random() < 0.2 and status != Status.GUEST:
            account.mail = self._mailbox(f"mail.{first}", last, status)
        self.give_ids(account)
        self.accounts.append(account)
        return account

    def give_ids(self, account: Account) -> None:
        """A new id in each directory."""
        account.known_ids.clear()
        for directory in self.directories:
            account.ids.setdefault(directory, []).append(_new_id(self.dice, directory))

    def leave(self, account: Account, *, at: datetime) -> None:
        """The account is deleted; its directory shows it for a while, or not at all."""
        if self.keeps_deleted and self.dice.random() < 0.6:
            account.status, account.deleted_at = Status.DELETED, at
        else:
            self.accounts.remove(account)

    def rename(self, account: Account) -> None:
        """The person has another name and address from now on."""
        account.earlier.append(account.mailbox)
        account.last = self.dice.choice(_LAST)
        account.mailbox = self._mailbox(account.first, account.last, account.status)

    def swap(self, one: Account, other: Account) -> None:
        """Two people exchange their addresses."""
        for account in (one, other):
            account.earlier.append(account.mailbox)
        one.mailbox, other.mailbox = other.mailbox, one.mailbox

    def create_again(self, account: Account, *, at: datetime) -> None:
        """The directory deletes the account and creates it again: new ids, the same address.

        Some directories show the deleted one too.
        """
        if self.keeps_deleted and self.dice.random() < 0.5:
            deleted = Account(
                number=-account.number - 1,
                first=account.first,
                last=account.last,
                mailbox=account.mailbox,
                status=Status.DELETED,
                ids={directory: ids[-1:] for directory, ids in account.ids.items()},
                deleted_at=at,
            )
            self.accounts.append(deleted)
        self.give_ids(account)

    def _mailbox(self, first: str, last: str, status: Status) -> Mailbox:
        """A new mailbox, which no account had; some differ from another only by a dot or a tag."""
        domain = self.domain
        if status == Status.GUEST:
            domain = f"partner{self.dice.randint(1, 9)}.example"
        given, surname = _as_local(self.dice, first), _as_local(self.dice, last)
        local = self.dice.choice(
            (f"{given}.{surname}", f"{given}{surname}", f"{given[0]}.{surname}")
        )
        for suffix in ("", "+2", "2", *(str(number) for number in range(3, 10_000))):
            mailbox = Mailbox(f"{local}{suffix}", domain)
            if mailbox.address not in self.addresses:
                self.addresses.add(mailbox.address)
                return mailbox
        raise AssertionError(local)


_ASCII = str.maketrans(
    {
        "é": "e",
        "É": "e",
        "ü": "u",
        "å": "a",
        "İ": "i",
        "Ł": "l",
        "ú": "u",
        "á": "a",
        "â": "a",
        "ë": "e",
        "ß": "ss",
        "ç": "c",
        "Ç": "c",
        "Ø": "o",
        "ø": "o",
        " ": "",
    }
)


def _as_local(dice: random.Random, name: str) -> str:
    """A name as a part of an address, now and then with its letters outside of ASCII."""
    if dice.random() < 0.1 and not set(name) & set("İß "):
        return name.lower()
    return name.translate(_ASCII).lower()


def _new_id(dice: random.Random, directory: str) -> str:
    match directory:
        case "entra" | "ad":
            digits = f"{dice.getrandbits(128):032x}"
            cuts = ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32))
            return "-".join(digits[begin:end] for begin, end in cuts)
        case "okta":
            letters = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
            return "00u" + "".join(dice.choices(letters, k=17))
        case "google":
            return "1" + "".join(dice.choices("0123456789", k=20))
        case "jumpcloud":
            return f"{dice.getrandbits(96):024x}"
        case _:
            return ""


def new_domain(dice: random.Random, number: int) -> str:
    """A company's domain; every third has letters outside of ASCII."""
    return f"{dice.choice(_DOMAIN_WORDS)}{number}.example"
