"""What a person decides about reading a file, and what the reading asks. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from django.db import models


class Category(models.TextChoices):
    """What a line is, by the words of the tool that wrote the file (docs/decisions/0050).

    Lines that are COUNTED are imported, also suspended users. LEFT and NO_ACTIVITY never are. The
    others are shown apart, and imported if the person includes their category.
    """

    COUNTED = "counted", "Users"
    LEFT = "left", "Left"
    NOT_YET = "not_yet", "Not yet users"
    GUEST = "guest", "Guests"
    UNLICENSED = "unlicensed", "Without a license"
    SHARED_MAILBOX = "shared_mailbox", "Shared mailboxes"
    SERVICE_ACCOUNT = "service_account", "Service accounts"
    NO_ACTIVITY = "no_activity", "No activity"


# The categories that a person can include.
APART = (
    Category.NOT_YET,
    Category.GUEST,
    Category.UNLICENSED,
    Category.SHARED_MAILBOX,
    Category.SERVICE_ACCOUNT,
)


class DateOrder(models.TextChoices):
    """The order of day and month in dates such as 03/04/2026."""

    DAY_FIRST = "dmy", "Day first: 31/12/2026"
    MONTH_FIRST = "mdy", "Month first: 12/31/2026"


@dataclass(frozen=True)
class ReadingOptions:
    """How one organization's files of one source are read; None and empty are found in the file.

    `encoding` is a name that `Table.encoding` or a doubt's alternatives have. `columns` maps a
    field of `Columns.fields` to the title of its column. `zone` is an IANA name, for instants
    without a zone. `include` are the categories apart that are imported.
    """

    encoding: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    date_order: DateOrder | None = None
    zone: str | None = None
    include: frozenset[Category] = frozenset()

    def as_json(self) -> dict[str, Any]:
        """The options as JSON can hold them; `of_json` reads them back."""
        return {
            "encoding": self.encoding,
            "columns": dict(self.columns),
            "date_order": self.date_order and str(self.date_order),
            "zone": self.zone,
            "include": sorted(self.include),
        }

    @classmethod
    def of_json(cls, stored: Mapping[str, Any]) -> Self:
        """The options that `as_json` wrote; missing ones are the defaults."""
        order = stored.get("date_order")
        return cls(
            encoding=stored.get("encoding"),
            columns=dict(stored.get("columns") or {}),
            date_order=DateOrder(order) if order else None,
            zone=stored.get("zone"),
            include=frozenset(Category(name) for name in stored.get("include") or ()),
        )


class DoubtKind(models.TextChoices):
    """What a doubt is about, and so which option settles it."""

    ENCODING = "encoding", "Encoding"
    FOREIGN_BYTES = "foreign_bytes", "Characters of another encoding"
    DATE_ORDER = "date_order", "Order of day and month"
    ZONE = "zone", "Time zone"
    COLUMN = "column", "Column"
    WORDS = "words", "Unknown states"


@dataclass(frozen=True)
class Doubt:
    """Something about a file that its bytes leave open, in a sentence for the person.

    `must_ask` says that the file must not be imported before an option settles it. `alternatives`
    are values of that option, the likeliest first; `examples` show what each would make of the
    file, in the same order. `lines` are numbers of affected lines, at most 20.
    """

    kind: DoubtKind
    text: str
    must_ask: bool = False
    alternatives: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    lines: tuple[int, ...] = ()
