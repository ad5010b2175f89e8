"""Stripe's events: accepted, refused, repeated, late and malformed ones."""

import json
import time
from datetime import timedelta

import pytest
import stripe
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import Provider
from billing.models import ChargeAttempt, Payment, PaymentMethod, WebhookEvent
from billing.payments.cards import adopt_card
from billing.payments.charging import charge_invoice
from billing.webhooks.inbox import LARGEST_BODY
from core.operations.models import OperationsAlert, UnmatchedEvent
from core.operations.unmatched_events import UNMATCHED
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.billing.conftest import NOVEMBER
from tests.billing.payments.test_cards import set_up

State = ChargeAttempt.State


def post(body, *, signature=None, sent=None):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    if signature is None:
        signature = stripe.WebhookSignature.generate_signature_header(
            raw.decode(errors="replace"), settings.STRIPE_WEBHOOK_SECRET, sent
        )
    return Client(raise_request_exception=False).post(
        "/webhooks/stripe/",
        raw,
        content_type="application/json",
        headers={"stripe-signature": signature},
    )


def event(subject, *, kind="payment_intent.succeeded", ident="evt_1"):
    return {
        "id": ident,
        "object": "event",
        "type": kind,
        "created": int(time.time()),
        "data": {"object": subject},
    }


@pytest.fixture
def payment(scenario):
    """The event's object of a payment whose answer was lost."""
    scenario.card()
    scenario.stripe.fault("commit_then_timeout", path="/v1/payment_intents")
    attempt = charge_invoice(invoice_id=scenario.invoice().pk, now=NOVEMBER)
    assert attempt.state == State.UNKNOWN
    api = scenario.stripe.client()
    return api.v1.payment_intents.list({"customer": scenario.customer()}).to_dict()["data"][0]


def deliver_events():
    OutboxMessage.objects.exclude(topic="billing.stripe_event").delete()
    deliver_due(now=timezone.now())


def test_an_event_settles_the_attempt_with_the_payment_read_from_stripe(scenario, payment):
    assert post(event(payment)).content == b"kept"
    deliver_events()

    with provider_schema(scenario.provider):
        assert ChargeAttempt.objects.get().state == State.SUCCEEDED
        assert Payment.objects.get().amount_minor == 33_000
        assert WebhookEvent.objects.get().applied_at


def test_a_repeated_event_changes_nothing(scenario, payment):
    post(event(payment))
    deliver_events()

    again = post(event(payment))
    deliver_events()

    assert (again.status_code, again.content) == (200, b"nothing to do")
    with provider_schema(scenario.provider):
        assert (WebhookEvent.objects.count(), Payment.objects.count()) == (1, 1)


def test_events_in_any_order_have_the_same_result(scenario, payment):
    failed = {**payment, "status": "requires_payment_method"}
    post(event(payment, ident="evt_2"))
    deliver_events()
    post(event(failed, kind="payment_intent.payment_failed", ident="evt_1"))
    deliver_events()

    with provider_schema(scenario.provider):
        assert ChargeAttempt.objects.get().state == State.SUCCEEDED
        assert Payment.objects.count() == 1


def test_a_card_entered_in_a_closed_tab_is_adopted_by_its_event(scenario):
    scenario.contract()
    intent = scenario.stripe.client().v1.setup_intents.retrieve(set_up(scenario)).to_dict()

    assert post(event(intent, kind="setup_intent.succeeded")).content == b"kept"
    deliver_events()

    with provider_schema(scenario.provider):
        card = PaymentMethod.objects.get()
        assert (card.last_four, card.added_by_name) == ("4242", "Bill")


def test_a_late_event_of_an_older_card_does_not_replace_the_newer(scenario):
    scenario.contract()
    intent = scenario.stripe.client().v1.setup_intents.retrieve(set_up(scenario)).to_dict()
    late = event(intent, kind="setup_intent.succeeded")
    newer = set_up(scenario, card="pm_card_mastercard")
    adopt_card(
        provider=scenario.provider,
        setup_intent_id=newer,
        now=timezone.now() + timedelta(seconds=1),
    )

    post(late)
    deliver_events()

    with provider_schema(scenario.provider):
        assert PaymentMethod.objects.current().brand == "mastercard"
        assert WebhookEvent.objects.get().applied_at


@pytest.mark.parametrize("changes", [{"amount": "much"}, {"id": None}])
def test_an_event_that_cannot_be_read_is_refused(scenario, payment, changes):
    refused = post(event({**payment, **changes}))

    assert refused.status_code == 400
    assert "cannot be read" in refused.content.decode()
    assert_nothing_stored(scenario)
    assert not UnmatchedEvent.objects.exists()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"customer": "cus_other"}, "not one of ours"),
        ({"customer": None}, "not one of ours"),
        ({"amount": 1}, "not those of the attempt"),
        ({"currency": "eur"}, "not those of the attempt"),
        ({"metadata": {"provider": "other"}}, "another provider"),
        ({"metadata": {"attempt": "charge-none"}}, "attempt that does not exist"),
    ],
)
def test_an_authentic_event_that_is_not_ours_is_kept_for_operations(
    scenario, payment, changes, reason
):
    assert post(event({**payment, **changes})).status_code == 200
    assert_kept(scenario, payment, reason)


def test_an_event_of_an_inactive_provider_is_kept_for_operations(scenario, payment):
    Provider.objects.filter(pk=scenario.provider.pk).update(state=Provider.State.RESTORING)

    assert post(event(payment)).status_code == 200
    assert_kept(scenario, payment, "not one of ours")


def test_another_providers_customer_with_our_attempt_is_kept_for_operations(
    scenario, south, payment
):
    Provider.objects.filter(pk=south.pk).update(stripe_customer_id="cus_south")

    assert post(event({**payment, "customer": "cus_south"})).status_code == 200
    assert_kept(scenario, payment, "another provider")


def test_unmatched_events_are_kept_once_with_one_alert_per_reason(scenario, payment):
    foreign = {**payment, "customer": "cus_other"}

    for ident in ("evt_1", "evt_1", "evt_2"):
        assert post(event(foreign, ident=ident)).status_code == 200

    assert UnmatchedEvent.objects.count() == 2
    alert = OperationsAlert.objects.get(kind=UNMATCHED)
    assert (alert.times_seen, alert.schema_name) == (2, "")
    assert "resend the event" in alert.next_step
    assert alert.link == "/operations/operations/unmatchedevent/"


def test_an_unmatched_event_that_is_resent_and_matches_is_settled(scenario, payment):
    providers = Provider.objects.filter(pk=scenario.provider.pk)
    providers.update(state=Provider.State.RESTORING)
    post(event(payment))
    providers.update(state=Provider.State.ACTIVE)

    assert post(event(payment)).content == b"kept"

    assert UnmatchedEvent.objects.get().settled_at
    assert OperationsAlert.objects.get(kind=UNMATCHED).settled_at
    with provider_schema(scenario.provider):
        assert WebhookEvent.objects.get().event_id == "evt_1"


def test_a_resent_event_without_a_customer_is_searched_for_again(scenario):
    scenario.card()
    attempt = charge_invoice(invoice_id=scenario.invoice().pk, now=timezone.now())
    refund = {"id": "re_1", "payment_intent": attempt.stripe_payment_intent_id}
    providers = Provider.objects.filter(pk=scenario.provider.pk)
    providers.update(state=Provider.State.RESTORING)
    connection.set_schema_to_public()
    post(event(refund, kind="refund.created"))
    deliver_due(now=timezone.now(), schema="")
    assert UnmatchedEvent.objects.get().settled_at is None

    assert post(event(refund, kind="refund.created")).content == b"kept"
    assert UnmatchedEvent.objects.get().settled_at is None
    providers.update(state=Provider.State.ACTIVE)
    deliver_due(now=timezone.now(), schema="")

    assert UnmatchedEvent.objects.get().settled_at
    with provider_schema(scenario.provider):
        assert WebhookEvent.objects.get(object_id="re_1").event_id == "evt_1"


def test_a_refund_of_a_charge_without_a_payment_is_kept_for_operations(db):
    assert post(event({"id": "re_1"}, kind="refund.created")).status_code == 200
    assert UnmatchedEvent.objects.get().object_id == "re_1"


def test_operations_list_unmatched_events_and_settle_them(client, people, scenario, payment):
    post(event({**payment, "customer": "cus_other"}))
    kept = UnmatchedEvent.objects.get()
    client.force_login(people.staff)
    address = "/operations/operations/unmatchedevent/"

    assert "not one of ours" in client.get(address).content.decode()
    assert client.get(f"{address}{kept.pk}/change/").status_code == 200
    assert client.get(f"{address}add/").status_code == 403
    client.post(address, {"action": "settle", "_selected_action": [kept.pk]})

    kept.refresh_from_db()
    assert kept.settled_at
    assert OperationsAlert.objects.get(kind=UNMATCHED).settled_at
    assert "not one of ours" not in client.get(address).content.decode()


def test_a_dashboard_payment_is_ignored(scenario, payment):
    assert post(event({**payment, "metadata": {}})).content == b"nothing to do"
    assert_nothing_stored(scenario)


def test_unused_event_types_are_ignored(scenario):
    assert post(event({"id": "ch_1"}, kind="charge.updated")).content == b"nothing to do"


def test_unsigned_wrongly_signed_and_stale_events_are_refused(scenario, payment):
    body = event(payment)

    assert post(body, signature="").status_code == 400
    assert post(body, signature="t=1,v1=ünsigned").status_code == 400
    assert post(body, signature=f"t={int(time.time())},v1={'0' * 64}").status_code == 400
    stale = post(body, sent=int(time.time()) - 301)
    assert (stale.status_code, stale.content) == (400, b"The event is too old.")
    future = post(body, sent=int(time.time()) + 400)
    assert (future.status_code, future.content) == (400, b"The event is dated in the future.")
    assert post(body, sent=int(time.time()) + 200).status_code == 200


def test_refused_events_change_nothing(scenario, payment):
    post(event(payment), signature="")
    post(event(payment), sent=int(time.time()) - 301)
    post(event(payment), sent=int(time.time()) + 400)

    assert_nothing_stored(scenario)


def test_a_body_too_large_is_refused(scenario):
    assert post(b" " * (LARGEST_BODY + 1)).content == b"The event is too large."
    assert b"too large" in post(b" " * 5_000_000).content
    assert post(b" " * 5_000_000).status_code == 400


@pytest.mark.parametrize("character", ["\x00", "\ud800"])
@pytest.mark.parametrize("place", ["event", "subject", "customer", "attempt"])
def test_characters_that_postgresql_cannot_store_are_refused(scenario, payment, place, character):
    bad = f"evt_{character}"
    sent_event = {
        "event": event(payment, ident=bad),
        "subject": event({**payment, "id": bad}),
        "customer": event({**payment, "customer": bad}),
        "attempt": event({**payment, "metadata": {**payment["metadata"], "attempt": bad}}),
    }[place]

    assert post(sent_event).content == b"The event cannot be read."
    assert_nothing_stored(scenario)


def test_the_webhook_accepts_only_post(client, db):
    assert client.get("/webhooks/stripe/").status_code == 405


def assert_kept(scenario, payment, reason):
    kept = UnmatchedEvent.objects.get()
    assert (kept.event_id, kept.type) == ("evt_1", "payment_intent.succeeded")
    assert (kept.object_id, kept.settled_at) == (payment["id"], None)
    assert reason in kept.reason
    assert reason in OperationsAlert.objects.open().get(kind=UNMATCHED).summary
    assert_nothing_stored(scenario)


def assert_nothing_stored(scenario):
    with provider_schema(scenario.provider):
        assert WebhookEvent.objects.count() == 0
        assert ChargeAttempt.objects.get().state == State.UNKNOWN
    assert not OutboxMessage.objects.filter(topic="billing.stripe_event").exists()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["\x00", "\ud800", "9" * 400, "payment_intent.succeeded"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
SUBJECTS = st.dictionaries(
    st.sampled_from(
        ["id", "status", "amount", "currency", "customer", "metadata", "last_payment_error"]
    ),
    JSON | st.sampled_from(["cus_fuzz", {"attempt": "x", "provider": "y"}, "succeeded"]),
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "id": JSON,
        "type": JSON | st.sampled_from(["payment_intent.succeeded", "setup_intent.succeeded"]),
        "created": JSON,
        "data": st.fixed_dictionaries({"object": JSON | SUBJECTS}) | JSON,
    },
)
REAL_SHAPE = st.builds(
    lambda subject: event(subject) | {"created": 1}, SUBJECTS.map(lambda s: {"id": "pi_1", **s})
)


@given(body=EVENTS | REAL_SHAPE | JSON)
@hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_signed_body_causes_a_server_error(north, body):
    Provider.objects.filter(pk=north.pk).update(stripe_customer_id="cus_fuzz")

    assert post(body).status_code in (200, 400)


@given(raw=st.binary(max_size=400), signature=st.text(st.characters(max_codepoint=255)))
@hypothesis_settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_unsigned_bytes_cause_a_server_error(db, raw, signature):
    signature = signature.replace("\n", "").replace("\r", "").replace("\x00", "")

    assert post(raw, signature=signature).status_code == 400
