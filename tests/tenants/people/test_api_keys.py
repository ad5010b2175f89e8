"""The API key: shown once, stored as a hash, replaced at once or after an overlap, revoked."""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from accounts import api_key_callers
from accounts.api_key_callers import callers_of
from accounts.api_keys import find_key, record_use
from accounts.models import ApiKey, ApiKeyCaller, Provider
from core.schema import provider_schema
from mtp.retention.prune import prune_platform
from tenants.models import AuditEntry
from tests.personas import Personas

SignIn = Callable[..., Client]
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.fixture
def as_bill(client: Client, sign_in: SignIn, people: Personas) -> Client:
    return sign_in(client, people.bill)


def generate(client: Client, overlap: str = "none") -> str:
    page = client.post("/account/api-key/", {"overlap": overlap}).text
    found = re.search(r'id="api-key">(mtp_[\w-]{43})<', page)
    assert found
    return found[1]


def test_a_key_is_shown_once_and_stored_as_a_hash(as_bill: Client, north: Provider) -> None:
    secret = generate(as_bill)
    key = ApiKey.objects.get()
    assert key.provider == north
    assert key.digest == hashlib.sha256(secret.encode()).hexdigest()
    kept = " ".join(str(value) for value in ApiKey.objects.values().get().values())
    assert secret not in kept
    overview = as_bill.get("/account/").text
    assert secret[:12] in overview
    assert secret not in overview
    with provider_schema(north):
        entry = AuditEntry.objects.get(action="api_key.generated")
        assert secret not in str(entry.after) + str(entry.before) + entry.subject
    assert entry.actor_name == "Bill Nordlicht"


def test_the_page_with_the_secret_is_not_cached(as_bill: Client) -> None:
    response = as_bill.post("/account/api-key/", {})
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize(
    ("overlap", "lives"),
    [
        ("none", timedelta(0)),
        ("hour", timedelta(hours=1)),
        ("day", timedelta(hours=24)),
        ("week", timedelta(days=7)),
    ],
)
def test_the_old_key_works_for_the_chosen_time(
    overlap: str, lives: timedelta, as_bill: Client
) -> None:
    with time_machine.travel(NOON, tick=False):
        old = generate(as_bill)
        new = generate(as_bill, overlap)
    assert find_key(secret=new, now=NOON + timedelta(days=400))
    assert not find_key(secret=old, now=NOON + lives)
    if lives:
        assert find_key(secret=old, now=NOON + lives - timedelta(microseconds=1))


def test_generating_again_needs_the_choice(as_bill: Client) -> None:
    old = generate(as_bill)
    assert "refused as soon as it stops" in as_bill.get("/account/api-key/").text
    assert as_bill.post("/account/api-key/", {}).status_code == 422
    assert as_bill.post("/account/api-key/", {"overlap": "for ever"}).status_code == 422
    assert find_key(secret=old, now=datetime.now(UTC))


def test_a_revoked_key_stops_at_once(as_bill: Client, north: Provider) -> None:
    secret = generate(as_bill)
    key = ApiKey.objects.get()
    assert "was never used" in as_bill.get(f"/account/api-key/{key.pk}/revoke/").text
    for _ in range(2):
        as_bill.post(f"/account/api-key/{key.pk}/revoke/")
    assert find_key(secret=secret, now=datetime.now(UTC)) is None
    with provider_schema(north):
        assert AuditEntry.objects.filter(action="api_key.revoked").count() == 1
    assert "No API key" in as_bill.get("/account/").text


def test_another_providers_key_can_not_be_revoked(
    as_bill: Client, sign_in: SignIn, people: Personas
) -> None:
    secret = generate(as_bill)
    key = ApiKey.objects.get()
    sofia = sign_in(Client(), people.sofia)
    assert sofia.post(f"/account/api-key/{key.pk}/revoke/").status_code == 404
    assert find_key(secret=secret, now=datetime.now(UTC))


@pytest.mark.parametrize("name", ["adam", "rita"])
def test_the_keys_need_the_permission(
    name: str, client: Client, sign_in: SignIn, people: Personas
) -> None:
    sign_in(client, getattr(people, name))
    page = client.get("/account/").text
    assert str(people.north.provider_id) in page
    assert "API key" not in page
    assert client.post("/account/api-key/", {}).status_code == 403


def test_the_provider_id_is_masked_and_can_be_copied_without_opening_it(
    as_bill: Client, north: Provider
) -> None:
    page = as_bill.get("/account/").text
    whole = str(north.provider_id)
    before, _, rest = page.partition('<details class="group">')
    inside, _, after = rest.partition("</details>")
    assert "••••••••</span>" + whole[-4:] in inside
    assert f'<code class="hidden group-open:inline">{whole}</code>' in inside
    assert "Show or hide the full Provider ID" in inside
    assert whole not in before
    assert f'data-copy="{whole}"' in after
    assert after.count(whole) == 1


@pytest.mark.parametrize("has_key", [False, True])
def test_the_button_generates_a_new_api_key(
    as_bill: Client, north: Provider, *, has_key: bool
) -> None:
    if has_key:
        as_bill.post("/account/api-key/", {})
    for address in ("/account/", "/account/api-key/"):
        page = as_bill.get(address).text
        assert "Generate New API Key" in page
        assert "Regenerate" not in page


def test_the_last_use_is_stored_at_most_once_a_minute(
    as_bill: Client, django_assert_num_queries: Callable[..., object]
) -> None:
    secret = generate(as_bill)
    record_use(key=ApiKey.objects.get(), client="", address="192.0.2.7", now=NOON)
    with django_assert_num_queries(1):
        key = find_key(secret=secret, now=NOON)
        assert key
        later = NOON + timedelta(seconds=59)
        record_use(key=key, client="", address="192.0.2.7", now=later)
    record_use(key=key, client="", address="192.0.2.8", now=later)
    key = ApiKey.objects.get()
    assert (key.last_used_at, key.last_used_from) == (later, "192.0.2.8")
    assert "from 192.0.2.8" in as_bill.get("/account/").text


@pytest.mark.parametrize("text", ["", "mtp_", "x" * 5000, "mtp_\0", "ключ"])
def test_any_other_text_is_refused_as_a_key(text: str, db: None) -> None:
    assert find_key(secret=text, now=NOON) is None


def test_before_a_key_is_replaced_the_page_lists_what_uses_it(as_bill: Client) -> None:
    secret = generate(as_bill)
    for agent, times in (("backup-script/2.1", 3), ("curl/8.5.0", 1)):
        for _ in range(times):
            headers = {"x-api-key": secret, "user-agent": agent}
            assert Client().get("/api/v1/organizations", headers=headers).status_code == 200
    for address in ("/account/api-key/", f"/account/api-key/{ApiKey.objects.get().pk}/revoke/"):
        page = as_bill.get(address).text
        assert "What uses the key now" in page
        assert "backup-script/2.1" in page
        assert "curl/8.5.0" in page
        assert "127.0.0.1" in page


def test_a_caller_costs_one_write_a_minute_and_its_number_is_right(
    as_bill: Client, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Callable[..., Any]
) -> None:
    generate(as_bill)
    record_use(key=ApiKey.objects.get(), client="cron", address="192.0.2.7", now=NOON)
    key = ApiKey.objects.get()
    with django_assert_num_queries(0):
        for _ in range(40):
            record_use(key=key, client="cron", address="192.0.2.7", now=NOON)
    assert [one.requests for one in callers_of(key, now=NOON)] == [1]
    # A minute later: the cache has let the caller be written again.
    monkeypatch.setattr(api_key_callers.Seen, "is_due", lambda _: True)
    later = NOON + timedelta(minutes=2)
    record_use(key=key, client="cron", address="192.0.2.7", now=later)
    [caller] = callers_of(key, now=later)
    assert (caller.client, caller.address) == ("cron", "192.0.2.7")
    assert (caller.requests, caller.last_used_at) == (42, later)


def test_days_are_added_up_for_thirty_days_and_then_gone(
    as_bill: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(as_bill)
    key = ApiKey.objects.get()
    for days in (0, 10, 40):
        now = NOON + timedelta(days=days)
        record_use(key=key, client="cron", address=None, now=now)
    [caller] = callers_of(key, now=NOON + timedelta(days=12))
    assert (caller.requests, caller.address) == (3, "")
    assert [one.requests for one in callers_of(key, now=NOON + timedelta(days=35))] == [2]
    prune_platform(now=NOON + timedelta(days=36))
    assert ApiKeyCaller.objects.count() == 2


def test_a_client_with_many_names_does_not_fill_the_table(
    as_bill: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate(as_bill)
    key = ApiKey.objects.get()
    monkeypatch.setattr(api_key_callers, "MOST_CALLERS_A_DAY", 3)
    for number in range(9):
        record_use(key=key, client=f"\0\u202ebot {number}" + "x" * 500, address=None, now=NOON)
    callers = callers_of(key, now=NOON)
    assert len(callers) == 4
    assert sum(one.requests for one in callers) == 9
    assert all(one.client.isprintable() for one in callers)


def test_a_provider_sees_nothing_of_anothers_callers(
    as_bill: Client, sign_in: SignIn, people: Personas
) -> None:
    generate(as_bill)
    record_use(key=ApiKey.objects.get(), client="only-north", address=None, now=NOON)
    sofia = sign_in(Client(), people.sofia)
    sofia.post("/account/api-key/", {})
    assert "only-north" not in sofia.get("/account/api-key/").text
