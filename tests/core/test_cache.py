"""Pages work while Redis is unreachable: sessions are in PostgreSQL, the cache acts as empty."""

import secrets
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import caches
from django.test import Client

from core.cache import SESSION_SECONDS, ForgivingClient, counted
from tests.personas import PASSWORD, Personas


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """`away()` points every cache of this process to a port on which nothing listens."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"

        def go() -> None:
            for cache in caches.all():
                monkeypatch.setattr(cache, "_servers", [address])
                cache.__dict__.pop("_cache", None)

        yield go
        for cache in caches.all():
            cache.__dict__.pop("_cache", None)
        ForgivingClient._away_until = 0.0  # noqa: SLF001 - as in a new process


def signed_in() -> Client:
    client = Client()
    answer = client.post(
        "/accounts/login/", {"login": "adam@nordlicht.example", "password": PASSWORD}
    )
    assert answer.status_code == 302
    return client


def test_a_user_stays_signed_in_while_redis_is_away(
    people: Personas, away: Callable[[], None]
) -> None:
    client = signed_in()
    away()
    for address in ("/dashboard/", "/alerts/", "/profile/", "/account/usage/", "/live"):
        assert client.get(address).status_code == 200, address
    client.post("/accounts/logout/")
    assert client.get("/dashboard/").status_code == 302


def test_sign_ins_that_cannot_be_counted_are_refused(
    people: Personas, away: Callable[[], None]
) -> None:
    away()
    address, form = "/accounts/login/", {"login": "adam@nordlicht.example", "password": PASSWORD}
    assert Client().get(address).status_code == 200
    assert Client().post(address, form).status_code == 429


def test_an_unreachable_cache_answers_as_an_empty_one(away: Callable[[], None]) -> None:
    away()
    cache = caches["default"]
    cache.set("a", 1)
    cache.set_many({"b": 2})
    assert cache.get("a", "nothing") == "nothing"
    assert cache.get_many(["a", "b"]) == {}
    assert cache.get_or_set("a", lambda: 7) == 7
    assert (cache.add("a", 1), cache.touch("a"), cache.delete("a")) == (False, False, False)
    assert "a" not in cache
    cache.delete_many(["a", "b"])
    with pytest.raises(ValueError, match="does not answer"):
        cache.incr("a")
    with pytest.raises(ValueError, match="does not answer"):
        counted("a", seconds=60)


def test_a_count_is_forgotten_so_long_after_the_last() -> None:
    key = f"counted-{secrets.token_hex(8)}"
    assert [counted(key, seconds=60) for _ in range(3)] == [1, 2, 3]
    assert counted(f"{key}-other", seconds=60) == 1
    assert counted(key, seconds=1) == 4
    time.sleep(1.1)
    assert counted(key, seconds=1) == 1


def test_no_command_is_sent_for_a_while_after_a_failure(
    away: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    away()
    caches["default"].get("a")
    sent: list[str] = []
    monkeypatch.setattr("redis.Redis.get", lambda _, key: sent.append(key))
    caches["default"].get("a")
    assert sent == []
    ForgivingClient._away_until = 0.0  # noqa: SLF001 - as after AWAY_SECONDS
    caches["default"].get("a")
    assert sent


def test_a_session_is_cached_for_a_minute_only(people: Personas) -> None:
    key = signed_in().session.session_key
    cache = caches["sessions"]
    name = cache.make_key(f"django.contrib.sessions.cached_db{key}")
    left = cache._cache.get_client().ttl(name)  # noqa: SLF001 - Django has no TTL
    assert 0 < left <= SESSION_SECONDS
