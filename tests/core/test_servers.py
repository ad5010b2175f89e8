"""Rules of several database servers that need no second one; `prove-servers` has the others."""

from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.test import override_settings

from core import servers
from core.servers import AnotherServersTransaction, enter, on_server

HERE, ELSEWHERE = "10.0.0.2:5432", "10.0.0.3:5432"


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("core.servers._away_until", {})
    with override_settings(DATABASE_SERVERS=[2]):
        yield


@pytest.mark.parametrize("enters", [enter, lambda server: on_server(server).__enter__()])
def test_a_transaction_stays_on_its_server(db: None, second: None, enters: object) -> None:
    with pytest.raises(AnotherServersTransaction):
        enters(2)
    # The one that it is on may be entered again.
    with on_server(1):
        pass


def test_a_server_that_is_away_is_left_alone_for_seconds_and_no_other_is(
    second: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.note_away(HERE)
    with pytest.raises(OperationalError, match="did not answer a moment ago"):
        servers.refuse_while_away(HERE)
    servers.refuse_while_away(ELSEWHERE)
    monkeypatch.setattr("core.servers.AWAY_SECONDS", 0.0)
    servers.note_away(HERE)
    servers.refuse_while_away(HERE)


def test_with_one_server_each_request_tries_it() -> None:
    servers.note_away(HERE)
    servers.refuse_while_away(HERE)
