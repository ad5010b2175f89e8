"""Retries of declined cards, and the declines that are not retried."""

from datetime import timedelta

import pytest

from billing.decline_reasons import NEVER_AGAIN, is_final, shortest_wait
from billing.models import ChargeAttempt
from billing.outbox_handlers import charge
from billing.payments.charging import charge_invoice
from billing.payments.retries import next_attempt_at, next_retry
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from tests.billing.conftest import NOVEMBER
from tests.billing.payments.test_charging import set_card_answer

State = ChargeAttempt.State
DAYS = [1, 3, 5, 7]


@pytest.mark.parametrize(
    ("hours", "day"),
    [(0, 1), (23, 1), (24, 3), (71, 3), (72, 5), (120, 7), (167, 7), (168, None), (999, None)],
)
def test_the_next_day_of_the_schedule_counts_from_the_first_failure(hours, day):
    retry = next_retry(
        first_failed_at=NOVEMBER,
        now=NOVEMBER + timedelta(hours=hours),
        days=DAYS,
    )

    assert retry == (day and (day, NOVEMBER + timedelta(days=day)))


@pytest.mark.parametrize(
    ("code", "advice", "network", "is_retried"),
    [
        *((code, "", "", True) for code in ("insufficient_funds", "generic_decline", "", "new")),
        *((code, "", "", True) for code in ("do_not_honor", "expired_card", "processing_error")),
        ("never_arrived", "", "", True),
        *((code, "", "", False) for code in sorted(NEVER_AGAIN)),
        ("insufficient_funds", "try_again_later", "", True),
        ("insufficient_funds", "do_not_try_again", "", False),
        ("generic_decline", "confirm_card_data", "", False),
        # Neither advice revives a card that the other source calls dead.
        ("lost_card", "try_again_later", "", False),
        ("generic_decline", "try_again_later", "03", False),
        ("generic_decline", "", "01", False),
        ("generic_decline", "", "21", False),
        *(("generic_decline", "", network, True) for network in ("02", "24", "30", "99")),
    ],
)
def test_advice_and_code_decide_whether_a_decline_is_retried(code, advice, network, is_retried):
    final = is_final(code, advice_code=advice, network_advice_code=network)

    assert final is not is_retried


@pytest.mark.parametrize(
    ("network", "day"),
    [("", 1), ("02", 1), ("24", 1), ("25", 1), ("26", 3), ("27", 5), ("28", 7), ("29", None)],
)
def test_a_retry_waits_as_long_as_the_network_wants(network, day):
    retry = next_retry(
        first_failed_at=NOVEMBER,
        now=NOVEMBER,
        days=DAYS,
        shortest_wait=shortest_wait(network),
    )

    assert retry == (day and (day, NOVEMBER + timedelta(days=day)))


@pytest.mark.parametrize(
    ("answer", "advice", "is_retried"),
    [
        ("insufficient_funds", {}, True),
        ("insufficient_funds", {"advice_code": "do_not_try_again"}, False),
        ("generic_decline", {"advice_code": "confirm_card_data"}, False),
        ("generic_decline", {"network_advice_code": "03"}, False),
        ("try_again_later", {}, True),
        *(
            (answer, {"advice_code": None}, False)
            for answer in (
                *("stop_payment_order", "do_not_try_again", "restricted_card"),
                *("invalid_account", "card_not_supported", "currency_not_supported"),
            )
        ),
    ],
)
def test_stripes_advice_decides_over_the_real_answer(scenario, answer, advice, is_retried):
    scenario.card()
    set_card_answer(scenario, answer, **advice)
    invoice = scenario.invoice()

    charge({"invoice_id": invoice.pk}, NOVEMBER)

    attempt = ChargeAttempt.objects.get()
    assert (attempt.state, attempt.decline_code) == (State.FAILED, answer)
    assert (attempt.retry_at is not None) == is_retried
    assert retries().exists() == is_retried
    for name, code in advice.items():
        assert getattr(attempt, name) == (code or "")


STEP = timedelta(hours=2)


def retries():
    return OutboxMessage.objects.filter(topic="billing.charge", key__startswith="retry:")


def work(scenario, *, until):
    """Deliver due work every two hours, as the scheduler does more often."""
    OutboxMessage.objects.exclude(topic="billing.charge").delete()
    for turn in range((until - NOVEMBER) // STEP + 1):
        while deliver_due(now=NOVEMBER + turn * STEP):
            pass


def declined(scenario, answer="insufficient_funds", **changes):
    scenario.card()
    set_card_answer(scenario, answer)
    invoice = scenario.invoice(**changes)
    charge({"invoice_id": invoice.pk}, NOVEMBER)
    return invoice


def attempts(scenario):
    with provider_schema(scenario.provider):
        return [
            (attempt.created_at - NOVEMBER, attempt.state)
            for attempt in ChargeAttempt.objects.order_by("pk")
        ]


def test_each_day_of_the_schedule_has_one_retry(scenario):
    declined(scenario)

    work(scenario, until=NOVEMBER + timedelta(days=9))

    assert attempts(scenario) == [(timedelta(days=day), State.FAILED) for day in (0, 1, 3, 5, 7)]
    with provider_schema(scenario.provider):
        assert scenario.stripe.charges(customer=scenario.customer())["failed"] == 5


def test_a_retry_that_succeeds_ends_the_schedule(scenario):
    invoice = declined(scenario)
    set_card_answer(scenario, "approve")

    work(scenario, until=NOVEMBER + timedelta(days=9))

    assert [state for _, state in attempts(scenario)] == [State.FAILED, State.SUCCEEDED]
    with provider_schema(scenario.provider):
        assert next_attempt_at(invoice) is None


def test_a_card_reported_lost_is_not_retried_any_more(scenario):
    declined(scenario)
    set_card_answer(scenario, "lost_card")

    work(scenario, until=NOVEMBER + timedelta(days=9))

    assert [at.days for at, _ in attempts(scenario)] == [0, 1]


@pytest.mark.parametrize("what", ["voided_at", "written_off_at"])
def test_an_invoice_that_is_not_owed_is_not_retried(scenario, what):
    invoice = declined(scenario)
    setattr(invoice, what, NOVEMBER)
    invoice.save()

    assert next_attempt_at(invoice) is None
    work(scenario, until=NOVEMBER + timedelta(days=2))

    assert len(attempts(scenario)) == 1


def test_a_retry_delivered_twice_is_one_attempt(scenario):
    declined(scenario)
    (message,) = retries()

    for _ in range(3):
        charge(message.payload, message.due_at)

    assert len(attempts(scenario)) == 2
    assert min(retries().values_list("key", flat=True)) == message.key
    assert retries().count() == 2


@pytest.mark.parametrize("kind", ["commit_then_timeout", "saved_500", "conflict", "rate_limit"])
def test_a_retry_with_a_lost_answer_charges_once(scenario, kind):
    declined(scenario)
    set_card_answer(scenario, "approve")
    work_at = {"work": True} if kind == "saved_500" else {}
    scenario.stripe.fault(kind, path="/v1/payment_intents", **work_at)

    work(scenario, until=NOVEMBER + timedelta(days=4))

    assert [state for _, state in attempts(scenario)] == [State.FAILED, State.SUCCEEDED]
    with provider_schema(scenario.provider):
        assert scenario.stripe.charges(customer=scenario.customer())["succeeded"] == 1


def test_a_charge_that_needs_confirmation_is_not_retried(scenario):
    declined(scenario, answer="authentication_required")

    work(scenario, until=NOVEMBER + timedelta(days=9))

    assert attempts(scenario) == [(timedelta(0), State.NEEDS_CONFIRMATION)]
    assert not retries().exists()


def test_a_replaced_card_is_not_retried(scenario):
    invoice = declined(scenario)
    message = retries().get()
    scenario.card("pm_card_mastercard")

    charge(message.payload, message.due_at)

    assert len(attempts(scenario)) == 1
    assert next_attempt_at(invoice) is None


def test_the_invoice_page_shows_the_next_attempt(client, people, scenario):
    invoice = declined(scenario, billing_time_zone="Europe/Berlin")
    client.force_login(people.bill)

    page = client.get(f"/account/payments/{invoice.pk}/").content.decode()

    assert "Next attempt: 2 Nov 2026, 01:10:00 CET" in page


def test_the_retry_days_are_a_setting(scenario, settings):
    settings.RETRY_DAYS = [2]
    declined(scenario)

    assert [message.due_at - NOVEMBER for message in retries()] == [timedelta(days=2)]


def test_a_repeated_close_does_not_charge_again(scenario):
    invoice = declined(scenario)

    again = charge_invoice(invoice_id=invoice.pk, now=NOVEMBER + timedelta(hours=1))

    assert again.state == State.FAILED
    assert retries().count() == 1
