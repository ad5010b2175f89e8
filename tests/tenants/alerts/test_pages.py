"""The pages of alerts: the alerts each administrator sees, acknowledging and undoing it."""

import csv
import html
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Provider, User
from core.schema import provider_schema
from tenants.alerts import raise_alert, resolve_alert
from tenants.alerts.rules import Condition
from tenants.models import Alert, AlertEvent, Organization, Severity
from tenants.models.alerts import Kind
from tests.personas import Personas
from tests.tenants.alerts.test_alerts import LATER, NOON

See = Callable[..., Any]
LIST = "/alerts/"


@pytest.fixture
def alerts(north: Provider) -> dict[str, Alert]:
    """Alerts about Acme, about Beta, about money and about the ledger; one is resolved."""
    with provider_schema(north):
        acme, beta = (Organization.objects.create(name=name) for name in ("Acme", "Beta"))
        by_name = {}
        for name, kind, severity, organization, link in (
            ("cap", Kind.CAPS, Severity.CRITICAL, acme, f"/account/usage/{acme.pk}/cap/"),
            ("vpn", Kind.SERVICE, Severity.WARNING, beta, "https://monitor.example/vpn"),
            ("card", Kind.PAYMENT, Severity.CRITICAL, None, "/account/billing/card/"),
            ("ledger", Kind.LEDGER, Severity.INFO, None, ""),
            ("old", Kind.SERVICE, Severity.INFO, acme, ""),
        ):
            condition = Condition(
                cause=name,
                kind=kind,
                severity=severity,
                title=f"The {name}",
                text=f"What about {name}",
                organization_id=organization.pk if organization else None,
                link=link,
            )
            by_name[name] = raise_alert(
                condition=condition, now=NOON + timedelta(minutes=len(by_name))
            )
        resolve_alert(cause="old", now=LATER)
    return by_name


@pytest.fixture
def see(alerts: dict[str, Alert]) -> See:
    """`see(person, address)` returns the response that the person gets."""

    def get(person: User, address: str = LIST, **headers: str) -> Any:
        client = Client()
        client.force_login(person)
        return client.get(address, headers=headers)

    return get


def causes(answer: Any) -> list[str]:
    return [alert.cause for alert in answer.context["page"].object_list]


def count_in_menu(answer: Any) -> int:
    items = [item for group in answer.context["navigation"] for item in group["items"]]
    return next(int(item["count"]) for item in items if item["label"] == "Alerts")


def test_the_list_has_open_alerts_worst_first(see: See, people: Personas) -> None:
    answer = see(people.olive)
    assert causes(answer) == ["card", "cap", "vpn", "ledger"]
    assert count_in_menu(answer) == 4
    assert causes(see(people.olive, f"{LIST}?filter=resolved")) == ["old"]
    everything = ["old", "ledger", "card", "vpn", "cap"]
    assert causes(see(people.olive, f"{LIST}?filter=all")) == everything


def test_menu_dashboard_and_list_have_one_count(
    see: See, people: Personas, alerts: dict[str, Alert]
) -> None:
    with provider_schema(people.north):
        Alert.objects.filter(pk=alerts["cap"].pk).update(acknowledged_at=LATER)
    for person, number in ((people.olive, 4), (people.adam, 3)):
        page, home = see(person), see(person, "/dashboard/")
        tabs = {tab[1]: tab[-1] for tab in page.context["tabs"]}
        counts = (count_in_menu(page), count_in_menu(home), home.context["alerts"].total)
        assert {*counts, tabs["Open"]} == {number}
        assert tabs["To acknowledge"] == home.context["alerts"].waiting == number - 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("kind=service", ["vpn"]),
        ("kind=service&filter=all", ["old", "vpn"]),
        ("severity=critical", ["card", "cap"]),
        ("severity=critical&kind=caps", ["cap"]),
        ("q=BETA", ["vpn"]),
        ("q=about+ledger", ["ledger"]),
        ("sort=title", ["cap", "card", "ledger", "vpn"]),
        ("sort=-organization", ["vpn", "cap", "ledger", "card"]),
        ("sort=opened_at", ["cap", "vpn", "card", "ledger"]),
        (
            "kind=nonsense&severity=9&organization=x&sort=y&page=99",
            ["card", "cap", "vpn", "ledger"],
        ),
        ("organization=99999999999999999999", ["card", "cap", "vpn", "ledger"]),
    ],
)
def test_the_query_filters_searches_and_sorts(
    see: See, people: Personas, query: str, expected: list[str]
) -> None:
    answer = see(people.olive, f"{LIST}?{query}")
    assert causes(answer) == expected
    part = see(people.olive, f"{LIST}?{query}", HX_Request="true", HX_Target="alerts")
    assert causes(part) == expected
    assert "<html" not in part.text


def test_the_list_filters_by_organization(
    see: See, people: Personas, alerts: dict[str, Alert]
) -> None:
    answer = see(people.olive, f"{LIST}?organization={alerts['cap'].organization_id}")
    assert causes(answer) == ["cap"]
    assert "Show all organizations" in answer.text


def test_alerts_about_money_need_the_billing_permission(
    see: See, people: Personas, alerts: dict[str, Alert]
) -> None:
    for person in (people.adam, people.rita):
        answer = see(person)
        assert causes(answer) == ["cap", "vpn", "ledger"]
        assert count_in_menu(answer) == 3
        assert "Payment" not in answer.text
        assert see(person, f"{LIST}{alerts['card'].pk}/").status_code == 404
        assert "The card" not in see(person, f"{LIST}alerts.csv").text
    assert see(people.bill, f"{LIST}{alerts['card'].pk}/").status_code == 200
    assert see(people.otto).status_code == 403


def test_a_limited_administrator_sees_only_alerts_of_their_organizations(
    see: See, people: Personas, alerts: dict[str, Alert]
) -> None:
    acme = alerts["cap"].organization_id
    User.objects.filter(pk=people.adam.pk).update(limited_to=[acme])
    adam = User.objects.get(pk=people.adam.pk)
    answer = see(adam, f"{LIST}?filter=all")
    assert causes(answer) == ["old", "cap"]
    assert count_in_menu(answer) == 1
    for name in ("vpn", "ledger", "card"):
        assert see(adam, f"{LIST}{alerts[name].pk}/").status_code == 404
    client = Client()
    client.force_login(adam)
    client.post(f"{LIST}acknowledge/", {"pick": [alert.pk for alert in alerts.values()]})
    with provider_schema(people.north):
        done = Alert.objects.exclude(acknowledged_at=None)
        assert [alert.cause for alert in done] == ["cap"]


def test_acknowledgements_of_several_alerts_can_be_undone(
    client: Client, see: See, people: Personas, alerts: dict[str, Alert]
) -> None:
    client.force_login(people.adam)
    chosen = [alerts["cap"].pk, alerts["vpn"].pk, alerts["old"].pk]
    answer = client.post(f"{LIST}acknowledge/?severity=critical", {"pick": chosen}, follow=True)
    assert answer.request["QUERY_STRING"] == "severity=critical"
    assert "2 alerts were acknowledged" in answer.text
    assert count_in_menu(answer) == 3
    assert causes(see(people.adam, f"{LIST}?filter=waiting")) == ["ledger"]
    assert f"by <bdi>{people.adam.name}</bdi>" in answer.text

    [undo_url] = re.findall(r'action="([^"]*withdraw/[^"]*)"', answer.text)
    client.post(html.unescape(undo_url))
    with provider_schema(people.north):
        assert not Alert.objects.exclude(acknowledged_at=None).exists()
        steps = AlertEvent.objects.filter(alert=alerts["cap"]).order_by("pk")
        assert [(event.step, event.actor_name) for event in steps][1:] == [
            ("acknowledged", people.adam.name),
            ("withdrawn", people.adam.name),
        ]


def test_a_read_only_administrator_can_not_acknowledge(
    client: Client, people: Personas, alerts: dict[str, Alert]
) -> None:
    client.force_login(people.rita)
    form = {"pick": [alerts["cap"].pk]}
    assert client.post(f"{LIST}acknowledge/", form).status_code == 403
    assert "Acknowledge" not in client.get(LIST).text


def test_invalid_ids_acknowledge_nothing(
    client: Client, people: Personas, alerts: dict[str, Alert]
) -> None:
    client.force_login(people.olive)
    form = {"pick": ["x", "", "9" * 40, "-1"], "from": "abc"}
    for at in ("", "?at=x", "?at=2026-03-03", "?at=%00&filter=no"):
        answer = client.post(f"{LIST}acknowledge/{at}", form, follow=True)
        assert answer.status_code == 200
        assert "Nothing was acknowledged" in answer.text
        assert client.post(f"{LIST}withdraw/{at}", form, follow=True).status_code == 200


def test_an_undo_leaves_what_was_acknowledged_again_since(
    client: Client, people: Personas, alerts: dict[str, Alert]
) -> None:
    client.force_login(people.adam)
    form = {"pick": [alerts["cap"].pk, alerts["vpn"].pk]}
    answer = client.post(f"{LIST}acknowledge/", form, follow=True)
    [undo_url] = re.findall(r'action="([^"]*withdraw/[^"]*)"', answer.text)
    other = Client()
    other.force_login(people.olive)
    other.post(f"{LIST}withdraw/", {"pick": [alerts["cap"].pk]})
    other.post(f"{LIST}acknowledge/", {"pick": [alerts["cap"].pk]})
    # Neither does another person's undo, with an instant that was guessed.
    other.post(html.unescape(undo_url))
    client.post(html.unescape(undo_url))
    with provider_schema(people.north):
        [kept] = Alert.objects.exclude(acknowledged_at=None)
        assert (kept.cause, kept.acknowledged_by_name) == ("cap", people.olive.name)


def test_all_that_match_are_acknowledged(
    client: Client, people: Personas, alerts: dict[str, Alert]
) -> None:
    client.force_login(people.olive)
    client.post(f"{LIST}acknowledge/?severity=critical", {"all": "1"})
    with provider_schema(people.north):
        done = Alert.objects.exclude(acknowledged_at=None).order_by("cause")
        assert [alert.cause for alert in done] == ["cap", "card"]


def test_an_alert_links_to_pages_that_the_user_may_open(
    see: See, people: Personas, alerts: dict[str, Alert]
) -> None:
    urls = {name: f"{LIST}{alert.pk}/" for name, alert in alerts.items()}
    page = see(people.olive, urls["cap"])
    assert f'href="/account/usage/{alerts["cap"].organization_id}/cap/"' in page.text
    assert "Fix this" not in see(people.adam, urls["cap"]).text
    assert "Fix this" not in see(people.olive, urls["ledger"]).text
    elsewhere = see(people.adam, urls["vpn"]).text
    assert 'href="https://monitor.example/vpn" rel="noopener noreferrer"' in elsewhere
    assert "Resolved" in see(people.adam, urls["old"]).text


def test_an_alert_lists_earlier_alerts_of_its_cause(
    see: See, people: Personas, alerts: dict[str, Alert]
) -> None:
    with provider_schema(people.north):
        first = alerts["vpn"]
        resolve_alert(cause="vpn", now=LATER)
        again = raise_alert(
            condition=Condition("vpn", Kind.SERVICE, Severity.INFO, "Again"), now=LATER
        )
    page = see(people.olive, f"{LIST}{again.pk}/")
    assert [alert.pk for alert in page.context["earlier"]] == [first.pk]


def test_the_csv_escapes_formulas(see: See, people: Personas) -> None:
    with provider_schema(people.north):
        raise_alert(condition=Condition("x", Kind.SERVICE, Severity.INFO, "=cmd()"), now=NOON)
    text = see(people.olive, f"{LIST}alerts.csv?severity=info").text
    rows = list(csv.reader(text.lstrip("\ufeff").splitlines()))
    assert [row[2] for row in rows[1:]] == ["The ledger", "'=cmd()"]
    assert rows[1][5] == "2026-03-03T12:03:00+00:00"


def test_the_empty_list_says_that_all_is_well(client: Client, people: Personas) -> None:
    client.force_login(people.rita)
    assert "All is well" in client.get(LIST).text
