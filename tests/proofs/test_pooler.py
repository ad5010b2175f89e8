"""A short run of the pooler proof, and one without the search path in the statements."""

from collections.abc import Iterator

import pytest

from core.postgresql.pooled.base import DatabaseWrapper
from tests.pgbouncer import MISSING, PROGRAM, pgbouncer
from tests.pooled import POOLED, pooled_addresses
from tests.proofs.pooler import is_refused_without_the_mode, race
from tests.proofs.pooler_clients import KINDS, READS, Owned
from tests.proofs.test_cap import database_url
from tests.providers import close_provider

pytestmark = [
    pytest.mark.proof,
    pytest.mark.skipif(PROGRAM is None, reason=MISSING),
]


@pytest.fixture
def owned(committed: None) -> Iterator[list[Owned]]:
    opened = [Owned.open(number) for number in range(3)]
    yield opened
    for each in opened:
        close_provider(each.provider)


def test_no_client_meets_rows_of_another_provider(owned: list[Owned]) -> None:
    with (
        pgbouncer(database_url(), servers=3) as url,
        pooled_addresses(url, direct_url=database_url()),
    ):
        result = race(owned, clients=6, times=240, seed=20261129, alias=POOLED)
        assert is_refused_without_the_mode(url)
    assert [result[name] for name in ("foreign", "wrong_counters", "errors")] == [0, 0, 0]
    assert set(KINDS) <= set(result)


def test_the_proof_detects_statements_without_their_path(
    owned: list[Owned], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the other backend sets it: in the session, by a statement apart."""

    def in_the_session(wrapper: DatabaseWrapper) -> list[str]:
        path = ",".join(wrapper._get_cursor_search_paths())  # noqa: SLF001 - as it does
        wrapper.connection.pgconn.exec_(f"SET search_path = {path}".encode())
        return []

    monkeypatch.setattr(DatabaseWrapper, "first_statements", in_the_session)
    with (
        pgbouncer(database_url(), servers=2) as url,
        pooled_addresses(url, direct_url=database_url()),
    ):
        result = race(owned, clients=6, times=240, seed=1, alias=POOLED, only=READS)
    assert result["foreign"] > 0
