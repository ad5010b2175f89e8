"""Without Redis pages work as with it: sessions are in PostgreSQL, and nothing else is missed."""

import socket
from collections.abc import Callable, Iterator

import pytest
from django.core.cache import caches
from django.test import Client

from core.cache import SESSION_SECONDS, ForgivingClient
from tests.personas import PASSWORD, Personas


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """`away()`: from then on every cache of this process looks for Redis where nobody listens."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"

        def go() -> None:
            for cache in caches.all():
                monkeypatch.setattr(cache, "_servers", [address])
                cache.__dict__.pop("_cache", None)

        yield go
        for cache in caches.all():
            cache.__dict__.pop("_cache", None)
        ForgivingClient._away_until = 0.0  # noqa: SLF001 - as a new process has it


def signed_in() -> Client:
    client = Client()
    answer = client.post(
        "/accounts/login/", {"login": "adam@nordlicht.example", "password": PASSWORD}
    )
    assert answer.status_code == 302
    return client


def test_whoever_is_signed_in_stays_so_while_redis_is_away(
    people: Personas, away: Callable[[], None]
) -> None:
    client = signed_in()
    away()
    for address in ("/dashboard/", "/alerts/", "/profile/", "/account/usage/", "/health/"):
        assert client.get(address).status_code == 200, address
    client.post("/accounts/logout/")
    assert client.get("/dashboard/").status_code == 302


def test_nobody_signs_in_uncounted(people: Personas, away: Callable[[], None]) -> None:
    """Attempts that can't be counted are refused, not let through."""
    away()
    address, asked = "/accounts/login/", {"login": "adam@nordlicht.example", "password": PASSWORD}
    assert Client().get(address).status_code == 200
    assert Client().post(address, asked).status_code == 429


def test_an_empty_cache_is_what_is_left(away: Callable[[], None]) -> None:
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


def test_after_a_failure_nobody_asks_for_a_while(
    away: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    away()
    caches["default"].get("a")
    asked: list[str] = []
    monkeypatch.setattr("redis.Redis.get", lambda _, key: asked.append(key))
    caches["default"].get("a")
    assert asked == []
    ForgivingClient._away_until = 0.0  # noqa: SLF001 - as if the while were over
    caches["default"].get("a")
    assert asked


def test_a_session_is_remembered_for_a_minute_only(people: Personas) -> None:
    key = signed_in().session.session_key
    cache = caches["sessions"]
    name = cache.make_key(f"django.contrib.sessions.cached_db{key}")
    left = cache._cache.get_client().ttl(name)  # type: ignore[attr-defined]  # noqa: SLF001
    assert 0 < left <= SESSION_SECONDS
