"""Sign-in: success, refusal, limits, password reset, and the sign-in log."""

import re

import pytest
import redis
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Provider, SignInEvent, User
from accounts.security import guesses
from accounts.security.password_reset import TOPIC
from core.outbox.delivery import deliver_due
from core.outbox.models import OutboxMessage
from tests.personas import PASSWORD, Personas
from tests.queued_mails import check_mail

LOGIN = "/accounts/login/"
Outcome = SignInEvent.Outcome


@pytest.fixture(autouse=True)
def _fresh_limits(settings: object) -> None:
    """Reset the attempts: they are counted in Valkey, which a test does not roll back."""
    with redis.Redis.from_url(settings.REDIS_URL) as valkey:
        for pattern in ("*allauth*", "*accounts.guesses*"):
            for key in valkey.scan_iter(pattern):
                valkey.delete(key)


def outcomes() -> list[str]:
    return list(SignInEvent.objects.order_by("id").values_list("outcome", flat=True))


def sign_in(client: Client, email: str, password: str = PASSWORD, **extra: str):
    return client.post(LOGIN, {"login": email, "password": password}, **extra)


def test_sign_in_and_out_are_logged_with_address_and_browser(
    client: Client, people: Personas
) -> None:
    response = sign_in(
        client,
        people.olive.email.upper(),
        headers={"User-Agent": "Netscape"},
        REMOTE_ADDR="192.0.2.7",
    )
    assert response["Location"] == "/"
    assert client.get("/")["Location"] == "/dashboard/"
    event = SignInEvent.objects.get()
    assert (event.user, event.outcome) == (people.olive, Outcome.SUCCEEDED)
    assert (event.ip_address, event.user_agent) == ("192.0.2.7", "Netscape")
    client.post("/accounts/logout/")
    assert client.get("/")["Location"] == "/accounts/login/?next=/"
    assert outcomes() == [Outcome.SUCCEEDED, Outcome.SIGNED_OUT]


def test_signing_out_needs_a_post(client: Client, people: Personas) -> None:
    client.force_login(people.olive)
    client.get("/accounts/logout/")
    assert client.get("/organizations/").status_code == 200


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("olive", "/dashboard/"),
        ("rita", "/dashboard/"),
        ("otto", "/organization/"),
        ("staff", "/operations/"),
    ],
)
def test_each_role_starts_on_its_own_page(
    name: str, start: str, client: Client, people: Personas
) -> None:
    client.force_login(getattr(people, name))
    response = client.get("/", follow=True)
    assert response.redirect_chain[-1][0] == start
    assert response.status_code == 200


def test_wrong_passwords_and_unknown_addresses_get_the_same_page(
    client: Client, people: Personas
) -> None:
    known = sign_in(client, people.olive.email, "wrong")
    unknown = sign_in(client, "unknown@nowhere.example", "wrong")
    wrong = "This e-mail address and password do not belong together."
    assert wrong in known.text
    assert wrong in unknown.text
    assert outcomes() == [Outcome.FAILED, Outcome.FAILED]
    assert SignInEvent.objects.last().email == "unknown@nowhere.example"


def test_guesses_for_one_address_are_stopped_for_some_minutes(
    client: Client, people: Personas
) -> None:
    for _ in range(5):
        sign_in(client, people.olive.email, "guess")
    refused = sign_in(client, people.olive.email)
    assert refused.status_code == 200
    assert "Too many failed login attempts" in refused.text
    assert outcomes()[-1] == Outcome.LIMITED
    with time_machine.travel(timezone.now() + timezone.timedelta(minutes=6)):
        assert sign_in(client, people.olive.email).status_code == 302


def test_a_strangers_guesses_do_not_lock_the_person_out(client: Client, people: Personas) -> None:
    for _ in range(8):
        refused = sign_in(client, people.olive.email, "guess", REMOTE_ADDR="203.0.113.5")
    assert "Too many failed login attempts" in refused.text
    assert sign_in(client, people.olive.email, REMOTE_ADDR="192.0.2.7").status_code == 302


def test_a_known_browser_is_not_locked_out_at_the_same_place(
    client: Client, people: Personas
) -> None:
    sign_in(client, people.olive.email)
    client.post("/accounts/logout/")
    stranger = Client()
    for _ in range(6):
        refused = sign_in(stranger, people.olive.email, "guess")
    assert "Too many failed login attempts" in refused.text
    assert sign_in(client, people.olive.email).status_code == 302


@pytest.mark.parametrize("email", ["olive", "unknown@nowhere.example"])
def test_an_address_guessed_from_many_places_is_answered_later(
    email: str, people: Personas, monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = people.olive.email if email == "olive" else email
    waited: list[float] = []
    monkeypatch.setattr(guesses.time, "sleep", waited.append)
    for number in range(23):
        sign_in(Client(), typed, "guess", REMOTE_ADDR=f"198.51.100.{number}")
    assert waited == [0.25, 0.5, 0.75]
    if email == "olive":
        assert sign_in(Client(), typed, REMOTE_ADDR="192.0.2.7").status_code == 302
    assert len(waited) == 3


def test_at_most_two_threads_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(guesses, "counted", lambda *_, **__: 1_000)

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) < 5:
            guesses.answer_later(email="x@y.example")

    monkeypatch.setattr(guesses.time, "sleep", wait)
    guesses.answer_later(email="x@y.example")
    assert waited == [guesses.LONGEST_SECONDS] * 2


def test_guesses_for_many_addresses_are_stopped_for_the_computer(client: Client, db: None) -> None:
    seen = [sign_in(client, f"guess{n}@x.example", "x") for n in range(11)]
    assert "Too many failed login attempts" in seen[-1].text


def test_a_deactivated_login_ends_with_the_next_request(client: Client, people: Personas) -> None:
    client.force_login(people.olive)
    assert client.get("/organizations/").status_code == 200
    User.objects.filter(pk=people.olive.pk).update(is_active=False)
    assert client.get("/organizations/")["Location"].startswith(LOGIN)
    assert sign_in(client, people.olive.email)["Location"] == "/accounts/inactive/"
    assert outcomes() == [Outcome.INACTIVE]


def test_a_demotion_takes_effect_with_the_next_request(client: Client, people: Personas) -> None:
    client.force_login(people.bill)
    assert client.get("/account/payments/").status_code == 200
    User.objects.filter(pk=people.bill.pk).update(role="admin")
    refused = client.get("/account/payments/")
    assert refused.status_code == 403
    assert "permission to see payment information" in refused.text


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (Provider.State.PROVISIONING, "Your portal is being set up"),
        (Provider.State.FAILED, "support@mtp.example"),
        (Provider.State.RESTORING, "Your portal is being restored"),
    ],
)
def test_a_provider_without_a_schema_gets_a_503_page(
    state: str, text: str, client: Client, people: Personas
) -> None:
    Provider.objects.filter(pk=people.north.pk).update(state=state)
    client.force_login(people.olive)
    response = client.get("/organizations/")
    assert response.status_code == 503
    assert text in response.text
    assert client.get("/profile/").status_code == 200
    assert client.post("/accounts/logout/").status_code == 302


def test_the_sign_up_page_creates_no_login(client: Client, db: None) -> None:
    client.post(
        "/accounts/signup/",
        {"email": "new@x.example", "password1": PASSWORD, "password2": PASSWORD},
    )
    assert not User.objects.filter(email="new@x.example").exists()


def test_a_forgotten_password_is_reset_by_mail(client: Client, people: Personas) -> None:
    client.post("/accounts/password/reset/", {"email": people.olive.email})
    assert mail.outbox == []  # the mail is an outbox row until it is delivered
    deliver_due(now=timezone.now())
    (message,) = mail.outbox
    assert message.to == [people.olive.email]
    assert message.subject == "Choose a new password"
    html, kind = message.alternatives[0]
    assert kind == "text/html"
    link = next(line for line in message.body.splitlines() if line.startswith("http"))
    assert link in html
    (stored,) = OutboxMessage.objects.filter(topic=TOPIC)
    assert (stored.payload["text"], stored.payload["html"]) == ("", ""), "the link is a secret"
    page = client.get(link.removeprefix("http://testserver"), follow=True)
    chosen = "a quite different passphrase"
    response = client.post(
        page.redirect_chain[-1][0], {"password1": chosen, "password2": chosen}, follow=True
    )
    assert response.status_code == 200
    assert sign_in(Client(), people.olive.email, chosen).status_code == 302
    assert sign_in(Client(), people.olive.email, PASSWORD).status_code == 200


def test_sessions_and_reset_links_outlive_a_new_secret_key(
    client: Client, people: Personas, settings: object
) -> None:
    settings.SECRET_KEY = "former"
    sign_in(client, people.olive.email)
    client.post("/accounts/password/reset/", {"email": people.olive.email})
    deliver_due(now=timezone.now())
    body = mail.outbox[-1].body
    link = next(line for line in body.splitlines() if line.startswith("http"))
    reset = link.removeprefix("http://testserver")

    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["former"]
    assert client.get("/profile/").status_code == 200
    assert b'name="password1"' in Client().get(reset, follow=True).content

    settings.SECRET_KEY_FALLBACKS = []
    assert b'name="password1"' not in Client().get(reset, follow=True).content
    # The session was signed again with the new key when it was used.
    assert client.get("/profile/").status_code == 200


def test_a_session_ends_with_the_last_key_that_signed_it(
    client: Client, people: Personas, settings: object
) -> None:
    settings.SECRET_KEY = "former"
    sign_in(client, people.olive.email)
    settings.SECRET_KEY = "new"
    assert client.get("/profile/").status_code == 302


def test_the_reset_link_ignores_the_host_header(
    client: Client, people: Personas, settings: object
) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    client.post(
        "/accounts/password/reset/", {"email": people.olive.email}, headers={"Host": "evil.example"}
    )
    deliver_due(now=timezone.now())
    (message,) = mail.outbox
    assert "http://testserver/accounts/password/reset/key/" in message.body
    assert "evil.example" not in message.body + message.alternatives[0][0]
    html = str(message.alternatives[0][0])
    check_mail({"subject": message.subject, "text": message.body, "html": html})


def test_unknown_addresses_get_the_same_page_and_no_mail(client: Client, db: None) -> None:
    response = client.post("/accounts/password/reset/", {"email": "unknown@nowhere.example"})
    assert response["Location"] == "/accounts/password/reset/done/"
    deliver_due(now=timezone.now())
    assert mail.outbox == []


def test_asking_for_a_reset_is_the_same_work_for_every_address(
    people: Personas,
) -> None:
    User.objects.filter(pk=people.adam.pk).update(is_active=False)
    statements = []
    for email in ("unknown@nowhere.example", people.olive.email, people.adam.email):
        with CaptureQueriesContext(connection) as captured:
            Client().post("/accounts/password/reset/", {"email": email})
        statements.append([re.sub(r"'.*'|[0-9]+", "", one["sql"]) for one in captured])
    assert statements[0] == statements[1] == statements[2]
    assert not any("accounts_user" in one for one in statements[0])
    deliver_due(now=timezone.now())
    assert [message.to for message in mail.outbox] == [[people.olive.email]]


def test_an_owner_without_a_password_gets_the_reset_mail(client: Client, people: Personas) -> None:
    people.olive.set_unusable_password()
    people.olive.save()
    client.post("/accounts/password/reset/", {"email": people.olive.email})
    deliver_due(now=timezone.now())
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("", "This field is required."),
        ("x" * 201, "at most 200 characters"),
        ("A\0B", "Null characters are not allowed."),
        ("\u202egpj.exe", "can&#x27;t be seen"),
    ],
)
def test_a_profile_name_with_an_error_is_refused(
    name: str, text: str, client: Client, people: Personas
) -> None:
    client.force_login(people.olive)
    response = client.post("/profile/", {"name": name})
    assert response.status_code == 422
    assert text in response.text
    assert User.objects.get(pk=people.olive.pk).name == people.olive.name


def test_a_profile_name_is_saved(client: Client, people: Personas) -> None:
    client.force_login(people.otto)
    client.post("/profile/", {"name": "Οττο עברית", "email": "x@y.example", "role": "owner"})
    otto = User.objects.get(pk=people.otto.pk)
    assert (otto.name, otto.email, otto.role) == ("Οττο עברית", people.otto.email, people.otto.role)


@pytest.mark.parametrize("email", ["\0", "x" * 10_000, "not an address", "a@b\r\nBcc: c@d.example"])
def test_malformed_addresses_are_refused_without_an_error(
    email: str, client: Client, db: None
) -> None:
    assert sign_in(client, email).status_code == 200
    assert client.post("/accounts/password/reset/", {"email": email}).status_code == 200
