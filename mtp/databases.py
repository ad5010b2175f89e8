"""The connections that the settings name: through a pooler or not, to the primary and a replica."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from environ import Env

from core.postgresql.addresses import DIRECT, REPLICA
from core.servers import DIRECTORY, alias_of
from mtp import database_limits

Address = dict[str, Any]
# The only value of DATABASE_POOLER; empty means that no pooler is in between.
TRANSACTION = "transaction"
_KEPT = {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
# A server that is no replica any more must not take a write; without a pooler for each transaction,
# with one for this transaction.
_READ_ONLY: dict[str, database_limits.Limits] = {
    "": {"default_transaction_read_only": "on"},
    TRANSACTION: {"transaction_read_only": "on"},
}
# Of the replica: a reader waits for it, while the primary could answer.
_REPLICA_CONNECT_SECONDS = 1


def databases(
    url: str,
    *,
    pooler: str,
    direct_url: str,
    replica_url: str,
    process: str,
    clock: str,
    servers: Mapping[int, str] = MappingProxyType({}),
) -> dict[str, Address]:
    """DATABASES for these addresses; an empty one is not set.

    With a pooler (docs/decisions/0008), `direct_url` is for what needs a session. `clock` is a day
    for tests (mtp/database_limits.py). `servers` are the addresses of further servers by number
    (docs/decisions/0046), which have neither pooler nor replica. Raises `ValueError` with the fault
    of the settings.
    """
    if pooler not in ("", TRANSACTION):
        raise ValueError(f"DATABASE_POOLER is {pooler!r}. Use transaction, or leave it empty.")
    limits = database_limits.limits(process, clock=clock)
    way = _pooled if pooler else _direct
    found = {"default": way(_address("DATABASE_URL", url, clock), limits) | _KEPT}
    if pooler:
        direct = _address("DATABASE_DIRECT_URL", direct_url, clock) if direct_url else {}
        if direct.get("NAME") != found["default"]["NAME"]:
            raise ValueError(
                "DATABASE_DIRECT_URL must name PostgreSQL itself, and the database of DATABASE_URL."
            )
        found[DIRECT] = _direct(direct, limits)
    if replica_url:
        replica = _address("DATABASE_REPLICA_URL", replica_url, clock)
        found[REPLICA] = way(replica, limits | _READ_ONLY[pooler]) | _KEPT
        found[REPLICA]["OPTIONS"] |= {"connect_timeout": _REPLICA_CONNECT_SECONDS}
    return found | _servers(servers, limits, is_alone=len(found) == 1, clock=clock)


def _servers(
    urls: Mapping[int, str], limits: database_limits.Limits, *, is_alone: bool, clock: str
) -> dict[str, Address]:
    if urls and not is_alone:
        raise ValueError(
            "DATABASE_SERVERS goes without DATABASE_POOLER and DATABASE_REPLICA_URL: a server's "
            "sessions are its own, and reports read the server of their provider."
        )
    for number, url in urls.items():
        if number <= DIRECTORY or not url:
            raise ValueError(
                f"DATABASE_SERVERS names {number}: the numbers begin with 2, and each has its "
                f"address in DATABASE_URL_{number}."
            )
    return {
        alias_of(number): _direct(_address(f"DATABASE_URL_{number}", url, clock), limits) | _KEPT
        for number, url in urls.items()
    }


def _address(name: str, url: str, clock: str) -> Address:
    found: Address = Env.db_url_config(url)
    if not clock and database_limits.CLOCK in str(found.get("OPTIONS")):
        raise ValueError(
            f"{name} sets {database_limits.CLOCK}, which only tests may: usage in the future would "
            "be counted."
        )
    return found | {"URL": name}


def _direct(address: Address, limits: database_limits.Limits) -> Address:
    options = {**database_limits.ALIVE, "options": database_limits.as_options(limits)}
    return {
        **address,
        "ENGINE": "core.postgresql",
        "OPTIONS": {**options, **address.get("OPTIONS", {})},
    }


def _pooled(address: Address, limits: database_limits.Limits) -> Address:
    return {
        **address,
        "ENGINE": "core.postgresql.pooled",
        "OPTIONS": {**database_limits.ALIVE, **address.get("OPTIONS", {})},
        # A pooler refuses options at login, so they travel with the statements.
        "LIMITS": limits,
    }
