"""Operations' correction pages: form, confirmation, correction; refusals at the field."""

import pytest
import time_machine
from django.urls import reverse

from accounts.models import OPERATIONS_PROVIDER_KEY
from billing.models import CreditNote, Invoice, LineDispute, Payment, Refund
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.billing.corrections.conftest import LATER, pay, with_lines


@pytest.fixture
def operations(client, people, scenario):
    """Staff signed in and working in north, on the day of the test."""
    with time_machine.travel(LATER, tick=False):
        client.force_login(people.staff)
        session = client.session
        session[OPERATIONS_PROVIDER_KEY] = scenario.provider.pk
        session.save()
        yield client


@pytest.fixture
def here(scenario):
    """Enter north's schema between requests."""

    def enter():
        return provider_schema(scenario.provider)

    return enter


def page_of(model, verb, record):
    return reverse(f"admin:billing_{model}_{verb}", args=[record.pk])


def send(operations, address, **fields):
    """Send the form, then its confirmation; return the last response."""
    answer = operations.get(address)
    if answer.status_code != 200:
        return answer
    shown = answer.context["form"]
    fields["seen"] = shown["seen"].value()
    form = operations.post(address, fields)
    if form.status_code != 200:
        return form
    assert "can’t be undone" in form.content.decode()
    return operations.post(address, {**fields, "confirmed": "1"})


def words(response):
    return response.content.decode()


def test_a_transfer_is_recorded_after_the_confirmation(operations, scenario, here):
    invoice = scenario.invoice()
    address = page_of("invoice", "record_transfer", invoice)
    fields = {"amount": "100.00", "received_on": "2026-11-02", "reference": "Statement 12"}
    shown = operations.get(address)
    assert "$330.00 is unpaid" in words(shown)
    fields["seen"] = shown.context["form"]["seen"].value()

    form = operations.post(address, fields)
    with here():
        assert not Payment.objects.exists(), "nothing is recorded before the confirmation"
    assert "$100.00 is booked as paid" in words(form)
    done = operations.post(address, {**fields, "confirmed": "1"}, follow=True)

    assert "$100.00 is booked on" in words(done)
    with here():
        assert Payment.objects.get().recorded_by_name.startswith("Staff")
    again = operations.post(address, {**fields, "confirmed": "1"})
    assert again.status_code == 422
    assert "changed since this page was opened" in words(again)
    with here():
        assert Payment.objects.count() == 1


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("amount", "330.01", "This is more than $330.00."),
        ("amount", "0", "above zero"),
        ("amount", "-1", "above zero"),
        ("amount", "1.001", "no such amount"),
        ("amount", "1e400", "Enter a number|less than or equal|more than"),
        ("amount", "NaN", "Enter a number"),
        ("amount", "", "This field is required."),
        ("received_on", "2026-11-09", "in the future"),
        ("received_on", "soon", "Enter a valid date."),
        ("reference", "", "This field is required."),
        ("reference", "a\u202eb", "can&#x27;t be seen"),
    ],
)
def test_an_impossible_value_is_refused_at_its_field(operations, scenario, field, value, message):
    fields = {"amount": "1", "received_on": "2026-11-02", "reference": "x", field: value}

    refused = send(operations, page_of("invoice", "record_transfer", scenario.invoice()), **fields)

    assert refused.status_code == 422
    assert any(part in words(refused) for part in message.split("|"))
    with provider_schema(scenario.provider):
        assert not Payment.objects.exists()


def test_lines_are_credited_and_what_was_paid_is_refunded(operations, scenario, here):
    invoice = pay(scenario, with_lines(scenario, 20_000, 10_000, tax_minor=6_000))
    line = invoice.lines.get(position=2)

    done = send(
        operations, page_of("invoice", "credit", invoice), lines=[line.pk], reason="Never used"
    )

    assert done.status_code == 302
    with here():
        note = CreditNote.objects.get()
        assert (note.total_minor, note.reason) == (12_000, "Never used")
        assert Refund.objects.get().amount_minor == 12_000
        assert AuditEntry.objects.filter(action="credit_note.issued").count() == 1
    assert note.number in words(operations.get(page_of("creditnote", "change", note)))
    pdf = operations.get(page_of("creditnote", "pdf", note))
    assert pdf.status_code == 202, "a worker renders it"


@pytest.mark.parametrize("chosen", [{}, {"lines": ["1"], "amount": "1"}, {"lines": ["999"]}])
def test_a_credit_needs_lines_or_an_amount(operations, scenario, here, chosen):
    refused = send(
        operations, page_of("invoice", "credit", scenario.invoice()), reason="Goodwill", **chosen
    )

    assert refused.status_code == 422
    with here():
        assert not CreditNote.objects.exists()


def test_an_invoice_is_voided_and_issued_again(operations, scenario, here):
    scenario.contract()
    invoice = with_lines(
        scenario, 3_300, contract_summary={"unit_price": "11", "committed_quantity": None}
    )

    assert send(operations, page_of("invoice", "void", invoice), reason="Wrong").status_code == 302
    page = words(operations.get(page_of("invoice", "change", invoice)))
    assert "Issue again with corrections" in page
    assert "Void the invoice" not in page
    again = page_of("invoice", "reissue", invoice)
    refused = send(operations, again, unit_price="5", tax_rate="0")
    assert "nothing would be billed" in words(refused), "there were no users in October"
    with here():
        invoice.refresh_from_db()
        assert invoice.void_reason == "Wrong"


def test_a_refund_is_limited_to_the_payment(operations, scenario, here, paid):
    with here():
        payment = paid.payments.get()
    address = page_of("payment", "refund", payment)

    refused = send(operations, address, amount="330.01", reason="Agreed")
    assert "This is more than $330.00." in words(refused)
    done = send(operations, address, amount="330", reason="Agreed")

    assert done.status_code == 302
    assert operations.get(address).status_code == 302, "nothing is left of it to refund"
    with here():
        assert Refund.objects.get().amount_minor == 33_000
        assert "On its way" in words(
            operations.get(page_of("refund", "change", Refund.objects.get()))
        )


def test_a_refund_form_sent_twice_refunds_once(operations, scenario, here, paid):
    with here():
        payment = paid.payments.get()
    address = page_of("payment", "refund", payment)
    seen = operations.get(address).context["form"]["seen"].value()
    fields = {"amount": "5.00", "reason": "Agreed", "seen": seen, "confirmed": "1"}

    assert operations.post(address, fields).status_code == 302
    again = operations.post(address, fields)
    assert again.status_code == 422
    assert "changed since this page was opened" in words(again)
    without = operations.post(address, {**fields, "seen": ""})
    assert without.status_code == 422

    with here():
        assert Refund.objects.get().amount_minor == 500
        assert CreditNote.objects.count() == 1


@pytest.mark.parametrize("amount", ["\u0663", "\uff13.00", "3\u0663"])
def test_an_amount_in_other_digits_is_refused_at_the_field(
    operations, scenario, here, paid, amount
):
    with here():
        payment = paid.payments.get()
    address = page_of("payment", "refund", payment)

    refused = send(operations, address, amount=amount, reason="Agreed")

    assert refused.status_code == 422
    assert "in the digits 0 to 9" in refused.context["form"].errors["amount"][0]
    with here():
        assert not Refund.objects.exists()


def test_a_payout_is_booked(operations, scenario, here):
    invoice = scenario.invoice()
    payment = invoice.payments.create(
        method="bank_transfer", amount_minor=33_000, currency="USD", received_at=LATER
    )
    send(operations, page_of("payment", "refund", payment), amount="10", reason="Agreed")
    with here():
        refund = Refund.objects.get()

    done = send(operations, page_of("refund", "pay_out", refund), reference="SEPA 4711")

    assert done.status_code == 302
    with here():
        refund.refresh_from_db()
        assert (refund.state, refund.reference) == ("succeeded", "SEPA 4711")


@pytest.mark.parametrize(("verb", "state"), [("accept", "accepted"), ("decline", "declined")])
def test_a_dispute_is_answered(operations, scenario, here, verb, state):
    invoice = with_lines(scenario, 20_000, 10_000)
    dispute = LineDispute.objects.create(
        invoice=invoice,
        line=invoice.lines.get(position=2),
        amount_minor=10_000,
        currency="USD",
        reason="They left",
        opened_by_name="Bill",
        opened_at=LATER,
    )
    address = page_of("linedispute", verb, dispute)
    assert send(operations, address, answer="").status_code == 422

    done = send(operations, address, answer="We looked")

    assert done.status_code == 302
    with here():
        dispute.refresh_from_db()
        assert (dispute.state, dispute.answer) == (state, "We looked")
    assert operations.get(address).status_code == 302


def test_an_invoice_is_written_off(operations, scenario, here):
    invoice = scenario.invoice()

    assert send(operations, page_of("invoice", "write_off", invoice), reason="Insolvent")

    with here():
        assert Invoice.objects.get().status == "uncollectible"


def test_a_correction_needs_staff_with_the_permission_in_the_provider(client, people, scenario):
    address = page_of("invoice", "void", scenario.invoice())
    for person in (people.olive, people.bill):
        client.force_login(person)
        assert client.get(address).status_code in (302, 403)
        assert client.post(address, {"reason": "x", "confirmed": "1"}).status_code in (302, 403)
    client.force_login(people.staff)
    assert client.post(address, {"reason": "x", "confirmed": "1"}).status_code == 403
    with provider_schema(scenario.provider):
        assert Invoice.objects.get().voided_at is None
