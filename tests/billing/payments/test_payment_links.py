"""Payment links: their page, their expiry, and no double payment."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.models import Provider
from billing.documents.fingerprint import fingerprint
from billing.documents.invoice_pdf import invoice_html
from billing.documents.store import pay_url, render_documents
from billing.gateway import client as gateway
from billing.models import ChargeAttempt, Invoice, InvoiceDocument, Payment, PaymentMethod
from billing.payment_links import LinkIsDead, link_in_documents, linked_invoice, payment_link
from billing.payments.charging import charge_invoice
from billing.payments.mails import queue_charge_failed_mail
from billing.payments.on_session import settle_return
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.billing.conftest import NOVEMBER
from tests.billing.payments.test_charging import set_card_answer

State = ChargeAttempt.State


@pytest.fixture(autouse=True)
def _no_limit_yet():
    cache.clear()


def path_of(invoice, *, now=None):
    return payment_link(invoice_id=invoice.pk, now=now or timezone.now()).removeprefix(
        "http://testserver"
    )


def invoice_to_confirm(scenario):
    """An invoice whose charge waits for the holder of the card."""
    scenario.card()
    set_card_answer(scenario, "authentication_required")
    invoice = scenario.invoice()
    return invoice, charge_invoice(invoice_id=invoice.pk, now=NOVEMBER)


def holder_confirms(scenario, attempt, *, answer="approve"):
    with provider_schema(scenario.provider):
        set_card_answer(scenario, answer)
    intent = attempt.stripe_payment_intent_id
    try:
        scenario.stripe.client().v1.payment_intents.confirm(
            intent, {"payment_method": attempt.stripe_payment_method_id}
        )
    except Exception:
        if answer == "approve":
            raise
    return intent


def test_the_page_shows_the_invoices_number_amount_and_payee_and_nothing_else(client, scenario):
    invoice, attempt = invoice_to_confirm(scenario)

    answer = client.get(path_of(invoice))
    page = answer.content.decode()

    for shown in (invoice.number, "$330.00", "Seller"):
        assert shown in page
    with provider_schema(scenario.provider):
        card = PaymentMethod.objects.current()
        assert ChargeAttempt.objects.get().secret_given_at is None, "looking begins nothing"
    for hidden in (
        scenario.provider.name,
        scenario.provider.contact_email,
        scenario.provider.schema_name,
        card.last_four,
        attempt.stripe_payment_intent_id,
        attempt.stripe_payment_method_id,
        "_secret_",
        "/account/",
    ):
        assert hidden not in page
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "unsafe" not in answer["Content-Security-Policy"]


def test_a_confirmation_is_read_from_stripe_not_from_the_browser(client, scenario):
    invoice, attempt = invoice_to_confirm(scenario)
    path = path_of(invoice)

    begun = client.post(f"{path}begin/").json()
    early = client.get(f"{path}return/", {"payment_intent": attempt.stripe_payment_intent_id})
    assert begun["client_secret"].startswith(f"{attempt.stripe_payment_intent_id}_secret_")
    assert begun["payment_method"] == attempt.stripe_payment_method_id
    assert early.status_code == 302, "what the browser says is not believed"
    intent = holder_confirms(scenario, attempt)
    done = client.get(f"{path}return/", {"payment_intent": intent})

    assert "Thank you" in done.content.decode()
    with provider_schema(scenario.provider):
        assert Payment.objects.get().stripe_payment_intent_id == intent
        assert ChargeAttempt.objects.get().state == State.SUCCEEDED
        assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


def test_after_payment_or_void_the_link_is_dead(client, scenario):
    invoice, attempt = invoice_to_confirm(scenario)
    path = path_of(invoice)
    invoice.voided_at = NOVEMBER
    invoice.save()

    page = client.get(path)
    begun = client.post(f"{path}begin/")

    assert (page.status_code, begun.status_code) == (404, 404)
    assert invoice.number not in page.content.decode()
    with provider_schema(scenario.provider):
        assert ChargeAttempt.objects.get() == attempt


@pytest.mark.parametrize("spoil", [lambda t: t[:-1], lambda t: "x" + t, lambda _: "x", str.upper])
def test_a_link_that_we_did_not_sign_is_dead(client, scenario, spoil):
    path = path_of(scenario.invoice())
    token = path.split("/")[2]

    assert client.get(f"/pay/{spoil(token)}/").status_code == 404
    assert client.post(f"/pay/{spoil(token)}/begin/").status_code == 404
    assert client.get(f"/pay/{spoil(token)}/return/").status_code == 404


def test_a_link_expires(scenario, settings):
    settings.PAYMENT_LINK_DAYS = 2
    token = path_of(scenario.invoice(), now=NOVEMBER).split("/")[2]

    with linked_invoice(token=token, now=NOVEMBER + timedelta(days=2, seconds=-1)):
        pass
    with (
        pytest.raises(LinkIsDead),
        linked_invoice(token=token, now=NOVEMBER + timedelta(days=2)),
    ):
        pass


def test_a_mailed_link_outlives_new_keys_until_its_own_is_removed(client, scenario, settings):
    settings.PAYMENT_LINK_KEYS = ["of links"]
    invoice = scenario.invoice()
    path = path_of(invoice, now=timezone.now())
    settings.SECRET_KEY = "another"
    assert client.get(path).status_code == 200
    settings.PAYMENT_LINK_KEYS = ["new", "of links"]
    assert client.get(path).status_code == 200
    with provider_schema(scenario.provider):
        signed_again = path_of(invoice)
    settings.PAYMENT_LINK_KEYS = ["new"]
    assert client.get(path).status_code == 404
    assert client.get(signed_again).status_code == 200


def test_a_link_of_a_closed_provider_is_dead(client, scenario):
    path = path_of(scenario.invoice())
    Provider.objects.filter(pk=scenario.provider.pk).update(state=Provider.State.PROVISIONING)

    assert client.get(path).status_code == 404


def test_a_link_shows_its_invoice_to_another_providers_administrator(client, scenario, people):
    """Their session keeps its own schema."""
    client.force_login(people.sofia)
    invoice = scenario.invoice()

    page = client.get(path_of(invoice)).content.decode()

    assert invoice.number in page
    assert scenario.provider.name not in page


def test_the_return_with_another_payment_settles_nothing(client, scenario):
    _, attempt = invoice_to_confirm(scenario)
    other = scenario.invoice(month="2026-09-01")
    path = path_of(other)
    holder_confirms(scenario, attempt)

    answer = client.get(f"{path}return/", {"payment_intent": attempt.stripe_payment_intent_id})

    assert answer.status_code == 302
    assert client.get(f"{path}return/", {"payment_intent": ""}).status_code == 302


def test_too_many_calls_from_one_address_are_refused(client, scenario):
    path = path_of(scenario.invoice())

    answers = [client.get(path).status_code for _ in range(61)]

    assert answers[:60] == [200] * 60
    assert answers[60] == 429


def test_a_payment_without_the_pages_csrf_token_is_refused(scenario):
    strict = Client(enforce_csrf_checks=True)

    assert strict.post(f"{path_of(scenario.invoice())}begin/").status_code == 403


def test_a_decline_on_session_stays_with_the_same_payment(client, scenario):
    invoice, attempt = invoice_to_confirm(scenario)
    path = path_of(invoice)
    client.post(f"{path}begin/")
    holder_confirms(scenario, attempt, answer="insufficient_funds")

    answer = client.get(f"{path}return/", {"payment_intent": attempt.stripe_payment_intent_id})
    again = client.post(f"{path}begin/").json()

    assert answer.status_code == 302
    assert again["payment_method"] == "", "another card may be entered"
    assert again["client_secret"].startswith(attempt.stripe_payment_intent_id)
    with provider_schema(scenario.provider):
        attempt.refresh_from_db()
        assert attempt.state == State.NEEDS_CONFIRMATION, "its secret is out: it may still be paid"
        assert charge_invoice(invoice_id=invoice.pk, now=NOVEMBER, cause="retry:1") == attempt


def test_the_mailed_link_is_dead_after_payment(scenario):
    invoice, attempt = invoice_to_confirm(scenario)
    invoice.refresh_from_db()
    render_documents(invoice=invoice, now=NOVEMBER)

    queue_charge_failed_mail(attempt_id=attempt.pk, now=NOVEMBER)

    mail = OutboxMessage.objects.get(topic="billing.document_mail", key__startswith="charge-failed")
    assert mail.payload["subject"] == f"Confirm the payment of invoice {invoice.number}"
    for part in ("text", "html"):
        assert payment_link(invoice_id=invoice.pk, now=NOVEMBER) in mail.payload[part]
    mail.delete()
    intent = holder_confirms(scenario, attempt)
    assert settle_return(invoice=invoice, payment_intent_id=intent, now=NOVEMBER) == "succeeded"
    queue_charge_failed_mail(attempt_id=attempt.pk, now=NOVEMBER)
    assert not OutboxMessage.objects.filter(key__startswith="charge-failed").exists()


@pytest.mark.parametrize(
    ("total_minor", "text"),
    [(25, "too small for a card"), (100_000_000, "above the largest card payment")],
)
def test_an_amount_that_no_card_can_pay_is_said_and_never_tried(
    client, scenario, total_minor, text
):
    invoice = scenario.invoice(total_minor=total_minor)
    scenario.customer()
    path = path_of(invoice)

    page = client.get(path)
    answers = [client.post(f"{path}begin/") for _ in range(3)]

    assert text in page.content.decode()
    assert "pay-form" not in page.content.decode()
    assert {answer.status_code for answer in answers} == {409}
    assert text in answers[0].json()["error"]
    with provider_schema(scenario.provider):
        assert not ChargeAttempt.objects.exists()


def test_a_refused_payment_is_said_and_leaves_one_attempt(client, scenario):
    """Stripe refuses the request itself, for example because its customer was deleted."""
    invoice = scenario.invoice()
    gateway.client().v1.customers.delete(scenario.customer())
    path = path_of(invoice)

    answers = [client.post(f"{path}begin/") for _ in range(3)]

    assert {answer.status_code for answer in answers} == {409}
    assert "No such customer" not in answers[0].json()["error"]
    with provider_schema(scenario.provider):
        assert ChargeAttempt.objects.count() == 1


def test_the_link_in_a_document_is_always_the_same_and_lives_for_a_year(scenario):
    scenario.contract()
    invoice = scenario.invoice()
    link = link_in_documents(invoice)
    assert link == link_in_documents(invoice)
    token = link.rstrip("/").rpartition("/")[2]
    with linked_invoice(token=token, now=NOVEMBER + timedelta(days=365)) as found:
        assert found.pk == invoice.pk
    with pytest.raises(LinkIsDead), linked_invoice(token=token, now=NOVEMBER + timedelta(days=366)):
        pass


def test_a_stored_invoice_has_its_link_unless_no_card_can_pay_it(scenario):
    scenario.contract()
    for total, has_link in ((33_000, True), (30, False), (100_000_000, False), (0, False)):
        invoice = Invoice.objects.get(pk=scenario.invoice(total_minor=total).pk)
        html = invoice_html(invoice=invoice, lines=[], pay_url=pay_url(invoice))
        assert (link_in_documents(invoice) in html) is has_link
        invoice.delete()


def test_another_key_is_another_fingerprint(settings):
    """A document with a link of the former key is not rendered to the same bytes again."""
    before = fingerprint(InvoiceDocument.Format.PDF)
    settings.PAYMENT_LINK_KEYS = ["another"]
    assert fingerprint(InvoiceDocument.Format.PDF) != before
