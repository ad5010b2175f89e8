"""The API key: shown once, stored as a hash, replaced at once or after an overlap, revoked."""

import hashlib
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from accounts.api_keys import find_key, record_use
from accounts.models import ApiKey, Provider
from core.schema import provider_schema
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
    record_use(key=ApiKey.objects.get(), address="192.0.2.7", now=NOON)
    with django_assert_num_queries(1):
        key = find_key(secret=secret, now=NOON)
        assert key
        record_use(key=key, address="192.0.2.7", now=NOON + timedelta(seconds=59))
    record_use(key=key, address="192.0.2.8", now=NOON + timedelta(seconds=59))
    key = ApiKey.objects.get()
    assert (key.last_used_at, key.last_used_from) == (NOON + timedelta(seconds=59), "192.0.2.8")
    assert "from 192.0.2.8" in as_bill.get("/account/").text


@pytest.mark.parametrize("text", ["", "mtp_", "x" * 5000, "mtp_\0", "ключ"])
def test_any_other_text_is_refused_as_a_key(text: str, db: None) -> None:
    assert find_key(secret=text, now=NOON) is None
