"""The client of a provider's Autotask: paced and bounded; only reads are repeated."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Self
from urllib.parse import urljoin, urlsplit

import httpx

from core.circuit_breakers import Service, ServiceAway, guarded_call
from integrations.autotask.api.budget import Budget
from integrations.autotask.api.credentials import Credentials
from integrations.autotask.api.errors import (
    BudgetSpent,
    Busy,
    NeverSent,
    NotUnderstood,
    PermissionMissing,
    Refused,
    SignInRefused,
    Unreachable,
)
from integrations.autotask.api.wire import Row, content_of, encode, number
from integrations.autotask.api.zones import Zone, discover

logger = logging.getLogger(__name__)

# Seconds. Autotask itself adds up to one where its limit is half used.
TIMEOUT = httpx.Timeout(25.0, connect=5.0)
READ_ATTEMPTS = 3
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 20.0
# The limit is three at once per endpoint and tracking identifier; one is left for pages.
CALLS_AT_ONCE = 2
LARGEST_PAGE = 500
USUAL_LIMIT = 10_000
# More than any customer has: a list whose pages lead in a circle must end.
MOST_PAGES = 2000


class Client:
    """The client of one provider's Autotask. Safe in several threads; close it after use.

    A read is tried up to three times, a write once.
    """

    def __init__(
        self,
        *,
        credentials: Credentials,
        zone: Zone | None = None,
        pause: Callable[[float], None] = time.sleep,
        timeout: httpx.Timeout | None = None,
    ) -> None:
        self._credentials = credentials
        self._zone = zone
        self._pause = pause
        self._http = httpx.Client(
            timeout=timeout or TIMEOUT, verify=_certificates(), follow_redirects=False
        )
        self._budget = Budget(customer_database=credentials.customer_database)
        self._lock, self._limits_lock = threading.Lock(), threading.Lock()
        self._gates: dict[str, threading.BoundedSemaphore] = {}
        self.calls = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def zone(self) -> Zone:
        """The user's zone, looked up if it is not known. Raises `AutotaskError`."""
        if self._zone is None:
            self._zone = self._discover()
        return self._zone

    @property
    def customer_database(self) -> str:
        """A key of the customer's database, from the user's domain."""
        return self._credentials.customer_database

    @property
    def known_zone(self) -> Zone | None:
        """The zone that answered last; makes no call."""
        return self._zone

    def read(self, method: str, path: str, body: Any = None) -> Row:
        """The answer to a request that changes nothing; temporary errors are tried again.

        Raises `AutotaskError`; `BudgetSpent` at once.
        """
        for attempt in range(1, READ_ATTEMPTS + 1):
            try:
                return self._read_once(method, path, body)
            except BudgetSpent:
                raise
            except (Unreachable, NotUnderstood, Busy) as error:
                if attempt == READ_ATTEMPTS:
                    raise
                wait = error.wait.total_seconds() if isinstance(error, Busy) else 0.0
                logger.info("Autotask, %s, attempt %s: %s", path, attempt, error)
                self._pause(min(max(wait, FIRST_PAUSE * 2 ** (attempt - 1)), LONGEST_PAUSE))
        raise AssertionError("unreachable")

    def write(self, method: str, path: str, body: Any) -> Row:
        """The answer to a request that changes something. It is sent once.

        Raises `AutotaskError`; after `Unreachable` or `NotUnderstood` it may have been applied.
        """
        return self._call(method, path, body)

    def query(
        self, entity: str, *conditions: dict[str, Any], fields: list[str] | None = None
    ) -> list[Row]:
        """Every row that meets all conditions, over all pages. Raises `AutotaskError`."""
        body: dict[str, Any] = {"MaxRecords": LARGEST_PAGE, "Filter": list(conditions)}
        if fields:
            body["IncludeFields"] = fields
        rows: list[Row] = []
        path = f"{entity}/query"
        for _ in range(MOST_PAGES):
            page = self.read("POST", path, body)
            items, details = page.get("items"), page.get("pageDetails")
            if not isinstance(items, list) or not isinstance(details, dict):
                raise NotUnderstood(f"Autotask's list of {entity} is not one.")
            rows += items
            following = details.get("nextPageUrl")
            if not following:
                return rows
            path = self._own(str(following))
        raise NotUnderstood(f"Autotask's list of {entity} does not end.")

    def _own(self, url: str) -> str:
        """The address of a next page. It receives our secrets, so it must lie in the zone."""
        page, ours = urlsplit(url), urlsplit(self.zone.api_url)
        if (page.scheme, page.netloc) != (ours.scheme, ours.netloc):
            raise NotUnderstood(f"Autotask's next page is somewhere else: {url[:100]!r}.")
        return url

    def _read_once(self, method: str, path: str, body: Any) -> Row:
        used = self.zone
        try:
            return self._call(method, path, body)
        except SignInRefused:
            # A database can move to another zone: look it up once, and retry only in another one.
            if not self._moved_from(used):
                raise
            if path.startswith("http"):
                raise Unreachable("The database moved to another zone while it was read.") from None
            return self._call(method, path, body)

    def _moved_from(self, used: Zone) -> bool:
        with self._lock:
            if self._zone == used:
                self._zone = self._discover()
            return self._zone != used

    def _discover(self) -> Zone:
        self.calls += 1
        try:
            return discover(http=self._http, user_name=self._credentials.user_name)
        except httpx.TransportError as error:
            raise Unreachable(f"Autotask can't be reached: {_error_text(error)}") from error

    def _call(self, method: str, path: str, body: Any) -> Row:
        url = urljoin(self.zone.api_url, path)
        with self._gate(urlsplit(url).path.partition("/V1.0/")[2].partition("/")[0]):
            self._keep_pace()
            return self._send(method, url, body)

    def _keep_pace(self) -> None:
        wait = self._budget.spend()
        if wait is None:
            # One thread queries for all: this endpoint has the same limit of calls at once.
            with self._limits_lock:
                wait = self._budget.spend()
                if wait is None:
                    self._query_limits()
                    wait = self._budget.spend()
        if wait:
            self._pause(wait)

    def _query_limits(self) -> None:
        try:
            limits = self._send("GET", urljoin(self.zone.api_url, "ThresholdInformation"), None)
            used = number(limits, "currentTimeframeRequestCount")
            limit = number(limits, "externalRequestThreshold")
        except (PermissionMissing, Refused, NotUnderstood):
            used, limit = 0, USUAL_LIMIT
        self._budget.learn(used=used, limit=limit)

    def _send(self, method: str, url: str, body: Any) -> Row:
        with self._lock:
            self.calls += 1
        headers = {**self._credentials.headers, "Content-Type": "application/json"}
        content = None if body is None else encode(body)
        try:
            with guarded_call(Service.AUTOTASK, is_silence=_is_silence):
                response = self._http.request(method, url, content=content, headers=headers)
        except ServiceAway as away:
            raise NeverSent(str(away)) from away
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NeverSent(f"Autotask can't be reached: {_error_text(error)}") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(f"Autotask did not answer: {_error_text(error)}") from error
        return content_of(response)

    @contextmanager
    def _gate(self, endpoint: str) -> Iterator[None]:
        with self._lock:
            gate = self._gates.setdefault(endpoint, threading.BoundedSemaphore(CALLS_AT_ONCE))
        with gate:
            yield


def _is_silence(error: Exception) -> bool:
    return isinstance(error, httpx.TransportError)


def _error_text(error: Exception) -> str:
    return str(error) or type(error).__name__


@cache
def _certificates() -> Any:
    """The certificates, loaded once: loading takes longer than a call."""
    return httpx.create_ssl_context()
