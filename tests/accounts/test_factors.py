"""Second factors: set up, used, removed; reported by mail and in the audit log; required."""

from datetime import timedelta
from io import StringIO

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Provider, User
from core.encryption import decrypt
from core.outbox.delivery import deliver_due
from core.schema import provider_schema
from tenants.models import AuditEntry
from tests.personas import PASSWORD, Personas

PAGE = "/profile/sign-in/"


def code_of(secret: str) -> str:
    counters = list(yield_hotp_counters_from_time())
    return format_hotp_value(hotp_value(secret, counters[len(counters) // 2]))


def set_up_app(client: Client, run: object) -> str:
    """Set up an authenticator app for the signed-in person; returns its secret."""
    page = client.get(f"{PAGE}app/add/")
    assert page.status_code == 200
    secret = client.session["mfa.totp.secret"]
    assert secret in page.text
    with run(execute=True):
        done = client.post(f"{PAGE}app/add/", {"code": code_of(secret)})
    assert done["Location"] == f"{PAGE}codes/"
    return secret


def sign_in(client: Client, user: User) -> object:
    return client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})


def actions(provider: Provider) -> list[str]:
    with provider_schema(provider):
        return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def subjects() -> list[str]:
    deliver_due(now=timezone.now())
    return [message.subject for message in mail.outbox]


def test_an_app_is_set_up_with_recovery_codes_and_reported(
    client: Client, people: Personas, django_capture_on_commit_callbacks: object
) -> None:
    client.force_login(people.olive)
    secret = set_up_app(client, django_capture_on_commit_callbacks)
    stored = Authenticator.objects.get(user=people.olive, type=Authenticator.Type.TOTP)
    assert stored.data["secret"] != secret
    assert decrypt(stored.data["secret"]) == secret
    assert "10 of 10" in client.get(f"{PAGE}codes/").text
    assert "10 of 10 can still be used" in client.get(PAGE).text
    assert actions(people.north) == ["sign_in.app_added"]
    assert subjects() == ["An authenticator app was added"]


def test_a_wrong_code_sets_nothing_up(client: Client, people: Personas) -> None:
    client.force_login(people.olive)
    client.get(f"{PAGE}app/add/")
    refused = client.post(f"{PAGE}app/add/", {"code": "000000"})
    assert "This code is not right" in refused.text
    assert not Authenticator.objects.exists()


def test_signing_in_needs_the_code(
    client: Client, people: Personas, django_capture_on_commit_callbacks: object
) -> None:
    client.force_login(people.olive)
    secret = set_up_app(client, django_capture_on_commit_callbacks)
    other = Client()
    assert sign_in(other, people.olive)["Location"] == "/accounts/login/code/"
    assert other.get("/dashboard/").status_code == 302
    assert other.get("/accounts/login/code/").status_code == 200
    wrong = other.post("/accounts/login/code/", {"code": "000000"})
    assert "This code is not right" in wrong.text
    done = other.post("/accounts/login/code/", {"code": code_of(secret)})
    assert done["Location"] == "/accounts/login/browser/"
    assert "Trust this browser?" in other.get("/accounts/login/browser/").text
    assert other.post("/accounts/login/browser/", {"action": "skip"})["Location"] == "/"
    assert other.get("/dashboard/").status_code == 200


def test_a_trusted_browser_is_not_asked_again(
    client: Client, people: Personas, django_capture_on_commit_callbacks: object
) -> None:
    client.force_login(people.olive)
    secret = set_up_app(client, django_capture_on_commit_callbacks)
    other = Client()
    sign_in(other, people.olive)
    other.post("/accounts/login/code/", {"code": code_of(secret)})
    other.post("/accounts/login/browser/", {"action": "trust"})
    other.post("/accounts/logout/")
    assert sign_in(other, people.olive)["Location"] == "/"
    assert sign_in(Client(), people.olive)["Location"] == "/accounts/login/code/"


def test_a_recovery_code_works_once_and_is_reported(
    client: Client, people: Personas, django_capture_on_commit_callbacks: object
) -> None:
    client.force_login(people.olive)
    set_up_app(client, django_capture_on_commit_callbacks)
    codes = Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES).wrap()
    code = codes.get_unused_codes()[0]
    other = Client()
    sign_in(other, people.olive)
    assert other.post("/accounts/login/code/", {"code": code}).status_code == 302
    assert actions(people.north)[-1] == "sign_in.recovery_code_used"
    assert "A recovery code was used" in subjects()
    again = Client()
    sign_in(again, people.olive)
    assert "This code is not right" in again.post("/accounts/login/code/", {"code": code}).text


def test_renewing_codes_and_removing_the_app_are_reported(
    client: Client, people: Personas, django_capture_on_commit_callbacks: object
) -> None:
    client.force_login(people.olive)
    set_up_app(client, django_capture_on_commit_callbacks)
    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"{PAGE}codes/renew/")
        client.post(f"{PAGE}app/remove/")
    assert not Authenticator.objects.exists()
    assert sorted(actions(people.north)) == [
        "sign_in.app_added",
        "sign_in.app_removed",
        "sign_in.recovery_codes_renewed",
    ]
    assert set(subjects()) == {
        "An authenticator app was added",
        "The authenticator app was removed",
        "New recovery codes were made",
    }


def test_a_changed_password_is_reported_and_ends_other_sessions(
    client: Client, people: Personas
) -> None:
    other = Client()
    for each in (client, other):
        each.force_login(people.olive)
    chosen = "a quite different passphrase"
    changed = client.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": chosen, "password2": chosen},
    )
    assert changed.status_code == 302
    assert client.get("/dashboard/").status_code == 200
    assert other.get("/dashboard/").status_code == 302
    assert actions(people.north) == ["sign_in.password_changed"]
    assert subjects() == ["Your password was changed"]


def test_a_new_browser_is_reported_once_and_the_first_one_is_not(
    client: Client, people: Personas
) -> None:
    sign_in(client, people.olive)
    assert subjects() == []
    other = Client()
    sign_in(other, people.olive)
    assert subjects() == ["Signed in from a new browser"]
    other.post("/accounts/logout/")
    sign_in(other, people.olive)
    assert subjects() == ["Signed in from a new browser"]
    assert actions(people.north) == ["sign_in.new_browser"]


def test_operations_have_their_events_in_their_own_log(client: Client, people: Personas) -> None:
    sign_in(client, people.staff)
    sign_in(Client(), people.staff)
    entry = LogEntry.objects.get(user=people.staff)
    assert entry.get_change_message() == "Signed in from a new browser."


@pytest.mark.parametrize("path", ["/operations/", "/profile/", "/operations/accounts/provider/"])
def test_operations_need_a_factor_before_anything_else(
    path: str, client: Client, people: Personas, settings: object
) -> None:
    client.force_login(people.staff)
    assert client.get(path).status_code == 200
    settings.OPERATIONS_NEED_FACTOR = True
    assert client.get(path)["Location"] == PAGE
    assert client.post(path)["Location"] == PAGE
    assert "needs a second factor" in client.get(PAGE).text


def test_operations_with_a_factor_work(
    client: Client, people: Personas, settings: object, django_capture_on_commit_callbacks: object
) -> None:
    settings.OPERATIONS_NEED_FACTOR = True
    client.force_login(people.staff)
    set_up_app(client, django_capture_on_commit_callbacks)
    assert client.get("/operations/").status_code == 200
    assert client.get(f"{PAGE}codes/").status_code == 200


def test_recovery_codes_alone_are_no_factor(
    client: Client, people: Personas, settings: object
) -> None:
    settings.OPERATIONS_NEED_FACTOR = True
    Authenticator.objects.create(
        user=people.staff, type=Authenticator.Type.RECOVERY_CODES, data={"seed": "", "used_mask": 0}
    )
    client.force_login(people.staff)
    assert client.get("/operations/")["Location"] == PAGE


def require(provider: Provider, *, days_ago: int, grace: int) -> None:
    Provider.objects.filter(pk=provider.pk).update(
        factor_required_at=timezone.now() - timedelta(days=days_ago), factor_grace_days=grace
    )
    User.objects.filter(provider=provider).update(created_at=timezone.now() - timedelta(days=900))


def test_a_providers_people_need_a_factor_after_the_days_that_they_have(
    client: Client, people: Personas
) -> None:
    client.force_login(people.rita)
    require(people.north, days_ago=3, grace=7)
    page = client.get("/dashboard/")
    assert page.status_code == 200
    assert "Your provider requires a second factor from" in page.text
    require(people.north, days_ago=8, grace=7)
    assert client.get("/dashboard/")["Location"] == PAGE
    part = client.get("/organizations/", headers={"HX-Request": "true"})
    assert (part.status_code, part["HX-Redirect"]) == (200, PAGE)
    assert client.post("/accounts/logout/").status_code == 302
    client.force_login(people.sofia)
    assert client.get("/dashboard/").status_code == 200


def test_a_new_person_has_the_same_days(client: Client, people: Personas) -> None:
    require(people.north, days_ago=100, grace=7)
    User.objects.filter(pk=people.rita.pk).update(created_at=timezone.now() - timedelta(days=2))
    client.force_login(people.rita)
    assert client.get("/dashboard/").status_code == 200
    client.force_login(people.adam)
    assert client.get("/dashboard/")["Location"] == PAGE


def test_operations_remove_the_factors_of_a_person_who_lost_them(
    client: Client, people: Personas, django_capture_on_commit_callbacks: object
) -> None:
    client.force_login(people.olive)
    set_up_app(client, django_capture_on_commit_callbacks)
    call_command("remove_factors", people.olive.email.upper(), stdout=StringIO())
    assert not Authenticator.objects.exists()
    assert client.get("/dashboard/").status_code == 302
    assert actions(people.north)[-1] == "sign_in.factors_removed"
    assert subjects()[-1] == "Your second factors were removed"
    assert sign_in(client, people.olive)["Location"] == "/"
    with pytest.raises(CommandError, match="No login has"):
        call_command("remove_factors", "unknown@nowhere.example")
