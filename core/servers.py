"""The PostgreSQL servers of the portal, each with whole schemas of some providers.

Server 1 is the directory: it has the logins, what is shared by all providers, and the table that
says on which server each provider is. Every server has the outbox of its providers beside them, so
a provider's transaction stays on its server (docs/decisions/0046). Code names no server: "default"
is the server that is entered, and `ServerRouter` sends shared tables to the directory. With one
server none of this is installed.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connection,
    connections,
    transaction,
)
from django.db.utils import ConnectionHandler

if TYPE_CHECKING:
    from django.db.models import Model

logger = logging.getLogger(__name__)

DIRECTORY = 1
# The alias of the directory from within another server.
DIRECTORY_ALIAS = "directory"
# After a connection failed, the process tries no other one to this server for so long: each try
# takes a thread until its time limit, which requests of other providers need.
AWAY_SECONDS = 5.0

T = TypeVar("T")

_entered: ContextVar[int] = ContextVar("server", default=DIRECTORY)
# Everything is of the entered server, its copies of shared tables too: migrations and moves.
_is_whole: ContextVar[bool] = ContextVar("whole_server", default=False)
_joins_directory: ContextVar[bool] = ContextVar("joins_directory", default=False)
_away_until: dict[str, float] = {}


class AnotherServersTransaction(RuntimeError):
    """A transaction is open on one server, and another one was entered: they are not one."""


def alias_of(server: int) -> str:
    """The name of a server in `DATABASES`."""
    return DEFAULT_DB_ALIAS if server == DIRECTORY else f"server{server}"


def servers() -> list[int]:
    """The numbers of all servers, the directory first."""
    return [DIRECTORY, *settings.DATABASE_SERVERS]


def has_many() -> bool:
    """Whether there is another server beside the directory."""
    return bool(settings.DATABASE_SERVERS)


def current_server() -> int:
    """The number of the server that "default" is."""
    return _entered.get()


def enter(server: int) -> None:
    """Make "default" this server until the next call; for a request, whose middleware leaves it.

    Raises `AnotherServersTransaction` where a transaction is open on another one.
    """
    _refuse_two_transactions(server)
    _entered.set(server)


@contextmanager
def on_server(server: int, *, whole: bool = False) -> Iterator[None]:
    """Make "default" this server in the block.

    With `whole`, shared tables are this server's copies too. Raises `AnotherServersTransaction`.
    """
    _refuse_two_transactions(server)
    tokens = _entered.set(server), _is_whole.set(whole)
    try:
        yield
    finally:
        _entered.reset(tokens[0])
        _is_whole.reset(tokens[1])


def from_each_server(read: Callable[[], T]) -> dict[int, T]:
    """Call `read` on each server; a server that does not answer is logged and left out."""
    answers = {}
    for server in servers():
        with on_server(server):
            try:
                answers[server] = read()
            except (OperationalError, InterfaceError):
                if server == DIRECTORY:
                    raise
                logger.warning("Database server %s does not answer.", server, exc_info=True)
                # Its session may have ended long ago: the next call opens another one.
                connection.close_if_unusable_or_obsolete()
    return answers


@contextmanager
def with_directory() -> Iterator[None]:
    """A transaction of the entered server and one of the directory around it.

    For changes of logins, which are recorded beside their provider. The entered server commits
    first, so no change is without its record; a crash between both leaves a record of a change
    that the person has to repeat. On the directory itself it is one transaction.
    """
    token = _joins_directory.set(True)
    outer: AbstractContextManager[Any] = nullcontext()
    if current_server() != DIRECTORY:
        outer = transaction.atomic(using=DIRECTORY_ALIAS)
    try:
        with outer, transaction.atomic():
            yield
    finally:
        _joins_directory.reset(token)


@contextmanager
def joined_to_directory(server: int) -> Iterator[None]:
    """A transaction of this server inside one of the directory, which commits after it.

    The caller is right if a crash comes between both: what the server has is found again.
    """
    token = _joins_directory.set(True)
    try:
        with on_server(server), transaction.atomic() if server != DIRECTORY else nullcontext():
            yield
    finally:
        _joins_directory.reset(token)


def directory_alias() -> str:
    """The alias of the directory from here."""
    return DEFAULT_DB_ALIAS if current_server() == DIRECTORY else DIRECTORY_ALIAS


def _refuse_two_transactions(server: int) -> None:
    if server == current_server() or _joins_directory.get():
        return
    if connection.in_atomic_block:
        raise AnotherServersTransaction(
            f"A transaction is open on server {current_server()}; server {server} has another one."
        )


def refuse_while_away(place: str) -> None:
    """Raise `OperationalError` for a server to which a connection failed a moment ago."""
    if _away_until.get(place, 0.0) > time.monotonic():
        raise OperationalError(f"PostgreSQL at {place} did not answer a moment ago.")


def note_away(place: str) -> None:
    """Where there are several servers, try no connection to this one for `AWAY_SECONDS`."""
    if has_many():
        _away_until[place] = time.monotonic() + AWAY_SECONDS


class ServerConnections(ConnectionHandler):
    """As Django's, with "default" for the entered server and "directory" for the directory."""

    def __getitem__(self, alias: str) -> Any:
        if alias == DEFAULT_DB_ALIAS:
            alias = alias_of(_entered.get())
        elif alias == DIRECTORY_ALIAS:
            alias = DEFAULT_DB_ALIAS
        return super().__getitem__(alias)

    def create_connection(self, alias: str) -> Any:
        """A connection that calls itself "default", which it is while it is used."""
        created = super().create_connection(alias)
        created.alias = DEFAULT_DB_ALIAS
        return created

    def all(self, initialized_only: bool = False) -> Sequence[Any]:
        """The connections of all servers, each once."""
        token = _entered.set(DIRECTORY)
        try:
            return super().all(initialized_only)
        finally:
            _entered.reset(token)


class ServerRouter:
    """Where the rows of a model are while a provider's server is entered.

    Those of provider schemas, and of `MODELS_BESIDE_PROVIDERS`, are on the server; all others in
    the directory.
    """

    def __init__(self) -> None:
        self._beside = frozenset(settings.MODELS_BESIDE_PROVIDERS)
        self._provider_apps = frozenset(app.rpartition(".")[2] for app in settings.TENANT_APPS)

    def db_for_read(self, model: type["Model"], **_: Any) -> str:
        """The alias of the model's rows."""
        meta = model._meta
        if (
            _entered.get() == DIRECTORY
            or _is_whole.get()
            or meta.app_label in self._provider_apps
            or meta.label in self._beside
        ):
            return DEFAULT_DB_ALIAS
        return DIRECTORY_ALIAS

    db_for_write = db_for_read

    def allow_relation(self, *_: Any, **__: Any) -> bool:
        """Always: a provider's rows name those of the directory by id."""
        return True


def install() -> None:
    """Have Django use `ServerConnections`, where there are several servers."""
    if has_many():
        connections.__class__ = ServerConnections
