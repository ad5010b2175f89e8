"""Reminders: an expiring card, a contract that renews or ends; each mailed once."""

from datetime import UTC, date, datetime, timedelta

import pytest

from billing.choices import ContractKind
from billing.models import Contract, PaymentMethod, RenewalNotice
from billing.reminders import Expiry, expiry_of, give_notice, last_day, remind
from billing.tasks import send_all_reminders
from core.operations.models import OperationsAlert
from core.outbox.models import OutboxMessage
from core.schema import provider_schema
from mtp.schedule import BEAT_SCHEDULE
from tenants.models import MeteringPolicy

DAY = timedelta(days=1)
ANNUAL = {
    "kind": ContractKind.COMMITTED,
    "term": Contract.Term.ANNUAL,
    "committed_quantity": 14,
    "starts_on": date(2026, 1, 1),
}


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def mails(scenario) -> list[str]:
    sent = OutboxMessage.objects.filter(
        topic="mail.send", schema_name=scenario.provider.schema_name
    ).order_by("pk")
    about = ("expire", "contract")
    subjects = [message.payload["subject"] for message in sent]
    return [one for one in subjects if any(word in one for word in about)]


def days(scenario, first: date, last: date, *, every: int = 1) -> None:
    day = first
    while day <= last:
        remind(scenario.provider, noon(day))
        day += DAY * every


@pytest.fixture
def card(scenario):
    """A card that is valid to the end of March 2027."""
    method = scenario.card()
    PaymentMethod.objects.update(expiry_month=3, expiry_year=2027)
    method.refresh_from_db()
    return method


@pytest.mark.parametrize(
    ("day", "expiry"),
    [
        (date(2027, 2, 28), Expiry.FAR),
        (date(2027, 3, 1), Expiry.NEAR),
        (date(2027, 3, 31), Expiry.NEAR),
        (date(2027, 4, 1), Expiry.OVER),
    ],
)
def test_a_card_is_valid_to_the_last_day_of_its_month(card, day, expiry):
    assert last_day(card) == date(2027, 3, 31)
    assert expiry_of(card, today=day) is expiry


def test_an_expiring_card_is_mailed_once_thirty_days_ahead(scenario, card):
    days(scenario, date(2027, 2, 20), date(2027, 2, 28))
    assert mails(scenario) == []

    days(scenario, date(2027, 3, 1), date(2027, 4, 10))
    assert mails(scenario) == ["Your Visa ending in 4242 expires soon"]
    card.refresh_from_db()
    assert card.expiry_mailed_at == noon(date(2027, 3, 1))


def test_missed_days_are_caught_up(scenario, card):
    remind(scenario.provider, noon(date(2027, 2, 20)))
    remind(scenario.provider, noon(date(2027, 4, 5)))

    assert mails(scenario) == ["Your Visa ending in 4242 has expired"]


def test_a_new_card_is_mailed_again_and_a_replaced_one_is_not(scenario, card):
    days(scenario, date(2027, 3, 1), date(2027, 3, 2))
    scenario.card("pm_card_mastercard")
    PaymentMethod.objects.filter(replaced_at=None).update(expiry_month=5, expiry_year=2027)
    days(scenario, date(2027, 3, 3), date(2027, 5, 10))

    assert mails(scenario)[1:] == ["Your Mastercard ending in 4444 expires soon"]


def test_the_renewal_of_an_annual_contract_is_mailed_once_a_year(scenario):
    scenario.contract(**ANNUAL)
    days(scenario, date(2026, 11, 25), date(2026, 12, 10))
    days(scenario, date(2026, 12, 11), date(2028, 1, 2), every=10)

    assert mails(scenario) == [
        "Your contract renews on 1 January 2027",
        "Your contract renews on 1 January 2028",
    ]
    first = RenewalNotice.objects.order_by("on").first()
    assert (first.on, first.mailed_at) == (date(2027, 1, 1), noon(date(2026, 12, 2)))
    assert RenewalNotice.objects.count() == 2
    # Said already, and not for the outbox to sort out.
    assert give_notice(provider=scenario.provider, now=noon(date(2027, 12, 30))) is None


def test_the_end_of_a_contract_is_mailed_until_its_day(scenario):
    scenario.contract(**{**ANNUAL, "ends_on": date(2027, 1, 1)})
    remind(scenario.provider, noon(date(2026, 11, 1)))
    remind(scenario.provider, noon(date(2026, 12, 31)))
    remind(scenario.provider, noon(date(2027, 1, 1)))

    assert mails(scenario) == ["Your contract ends on 1 January 2027"]


def test_a_monthly_or_followed_contract_is_not_mailed(scenario):
    contract = scenario.contract(term=Contract.Term.MONTHLY)
    days(scenario, date(2026, 11, 1), date(2027, 2, 1), every=7)
    contract.delete()
    scenario.contract(**ANNUAL)
    scenario.contract(starts_on=date(2027, 1, 1))
    days(scenario, date(2026, 11, 1), date(2027, 2, 1), every=7)

    assert mails(scenario) == []


def test_the_schedule_reminds_daily():
    assert BEAT_SCHEDULE[send_all_reminders.name]["schedule"].hour == {8}


def test_the_page_shows_that_a_card_expires(client, people, scenario, card):
    client.force_login(people.bill)
    with provider_schema(scenario.provider):
        PaymentMethod.objects.update(expiry_month=1, expiry_year=2020)

    assert "Expired" in client.get("/account/billing/").content.decode()


def alerts_of(scenario) -> list[tuple[str, bool]]:
    """The operations alerts about contracts: kind, and whether it is open."""
    alerts = OperationsAlert.objects.filter(schema_name=scenario.provider.schema_name)
    return [(alert.kind, alert.settled_at is None) for alert in alerts.order_by("pk")]


def test_operations_are_alerted_of_an_end_once_until_its_day(scenario):
    scenario.contract(**{**ANNUAL, "ends_on": date(2027, 1, 1)})

    days(scenario, date(2026, 11, 25), date(2026, 12, 1))
    assert alerts_of(scenario) == []
    days(scenario, date(2026, 12, 2), date(2026, 12, 31), every=3)
    assert alerts_of(scenario) == [("billing.contract_ends", True)]
    remind(scenario.provider, noon(date(2027, 1, 1)))
    assert alerts_of(scenario) == [("billing.contract_ends", False)]
    queued = OutboxMessage.objects.filter(topic="operations.alert_mail")
    assert queued.count() == 1


def test_a_contract_that_follows_settles_the_alert(scenario):
    scenario.contract(**{**ANNUAL, "ends_on": date(2027, 1, 1)})
    remind(scenario.provider, noon(date(2026, 12, 20)))
    scenario.contract(starts_on=date(2027, 1, 1))
    remind(scenario.provider, noon(date(2026, 12, 21)))

    assert alerts_of(scenario) == [("billing.contract_ends", False)]


def test_the_beginning_of_a_later_contract_is_announced_once(scenario):
    scenario.contract(**{**ANNUAL, "starts_on": date(2027, 1, 1)})
    MeteringPolicy.objects.update(free_user_limit=10)
    days(scenario, date(2026, 11, 1), date(2026, 12, 1), every=5)
    assert (mails(scenario), alerts_of(scenario)) == ([], [])

    days(scenario, date(2026, 12, 2), date(2026, 12, 30), every=4)
    assert mails(scenario) == ["Your contract begins on 1 January 2027"]
    assert alerts_of(scenario) == [("billing.contract_starts", True)]
    text = OutboxMessage.objects.filter(key__startswith="contract-start").get().payload["text"]
    assert "Until then the free allowance of 10 users" in text

    remind(scenario.provider, noon(date(2027, 1, 1)))
    assert alerts_of(scenario) == [("billing.contract_starts", False)]


def test_the_mail_of_an_end_names_the_free_allowance(scenario):
    scenario.contract(**{**ANNUAL, "ends_on": date(2027, 1, 1)})
    MeteringPolicy.objects.update(free_user_limit=10)
    remind(scenario.provider, noon(date(2026, 12, 20)))
    mail = OutboxMessage.objects.filter(key__startswith="contract-renewal").get().payload
    for part in (mail["text"], mail["html"]):
        assert "the free allowance of 10 users for each organization applies" in part
