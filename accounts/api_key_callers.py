"""What uses an API key, so that a person knows what stops working when the key is replaced.

A request costs two commands of the cache. A row is written at most once a minute and caller: the
cache counts a caller's requests of a day, and the row gets that number.
"""

import hashlib
import logging
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from django.core.cache import caches
from django.db import IntegrityError, transaction
from django.db.models import F, Max, Sum
from django.db.models.functions import Greatest
from redis import RedisError

from accounts.models import ApiKey, ApiKeyCaller
from accounts.models.api_keys import LONGEST_CLIENT
from core.cache import counted

logger = logging.getLogger(__name__)

WRITTEN_EVERY_SECONDS = 60
# Longer than the day that is counted, in any zone.
COUNTED_FOR_SECONDS = 2 * 86_400
SHOWN_DAYS = 30
# A client that gives itself another name each time must not fill the table.
MOST_CALLERS_A_DAY = 100
OTHERS = "Other clients"


@dataclass(frozen=True, slots=True)
class Caller:
    """A client at an address, over the days that are shown."""

    client: str
    address: str
    last_used_at: datetime
    requests: int


@dataclass(frozen=True, slots=True)
class Seen:
    """A caller of a key on a day."""

    key: ApiKey
    day: date
    client: str
    address: str

    @property
    def name(self) -> str:
        """The name of its counter; what a client calls itself is no key of a cache."""
        text = f"{self.client}\n{self.address}".encode()
        return f"api-caller:{self.key.pk}:{self.day}:{hashlib.sha256(text).hexdigest()[:32]}"

    def is_due(self) -> bool:
        """Whether its row was not written in this minute; only the first caller hears so."""
        return bool(caches["default"].add(f"{self.name}:due", 1, timeout=WRITTEN_EVERY_SECONDS))

    def count(self) -> int:
        """Count this request; the number of the day so far, 1 while the cache does not answer."""
        try:
            return counted(self.name, seconds=COUNTED_FOR_SECONDS)
        except (RedisError, ValueError):
            logger.warning("The caller of an API key was not counted.", exc_info=True)
            return 1


def record_caller(*, key: ApiKey, client: str, address: str | None, now: datetime) -> bool:
    """Count a request of the key. Returns whether the caller's row was written now."""
    seen = Seen(key, now.astimezone(UTC).date(), _plain(client), address or "")
    number = seen.count()
    if not seen.is_due():
        return False
    _write(seen, number=number, now=now)
    return True


def _write(seen: Seen, *, number: int, now: datetime) -> None:
    of_day = ApiKeyCaller.objects.filter(key=seen.key, day=seen.day)
    values = {"requests": Greatest(F("requests"), number), "last_used_at": now}
    if of_day.filter(client=seen.client, address=seen.address).update(**values):
        return
    client, address = seen.client, seen.address
    if of_day.count() >= MOST_CALLERS_A_DAY:
        client, address, number = OTHERS, "", 1
        values["requests"] = F("requests") + 1
    row = {"client": client, "address": address}
    try:
        with transaction.atomic():
            of_day.create(**row, key=seen.key, day=seen.day, requests=number, last_used_at=now)
    except IntegrityError:  # made by another process meanwhile, or that of the other clients
        of_day.filter(**row).update(**values)


def _plain(client: str) -> str:
    """The name of a client without what can't be seen."""
    return "".join(filter(str.isprintable, client)).strip()[:LONGEST_CLIENT]


def callers_of(key: ApiKey, *, now: datetime) -> list[Caller]:
    """What used the key in the last 30 days, the latest first; one statement."""
    since = now.astimezone(UTC).date() - timedelta(days=SHOWN_DAYS)
    rows = ApiKeyCaller.objects.filter(key=key, day__gt=since).values("client", "address")
    found = rows.annotate(used=Max("last_used_at"), number=Sum("requests")).order_by("-used")
    return [Caller(row["client"], row["address"], row["used"], int(row["number"])) for row in found]
