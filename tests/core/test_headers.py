"""Headers of answers: nothing is kept, no other site gets in, and each policy is strict."""

from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from tests.personas import Personas

PAGES = ("dashboard", "profile", "account_login")


def directives(answer: Any) -> dict[str, list[str]]:
    """The content security policy of an answer by directive."""
    parts = [part.split() for part in answer["Content-Security-Policy"].split(";")]
    return {name: values for name, *values in parts}


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_not_kept_and_not_shared(people: Personas, client: Client, page: str) -> None:
    if page != "account_login":
        client.force_login(people.olive)
    answer = client.get(reverse(page))
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    assert "private" in answer["Cache-Control"]
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_the_api_is_not_kept(db: None, client: Client) -> None:
    answer = client.get("/api/v1/organizations")
    assert (answer.status_code, answer["Cache-Control"]) == (401, "private, no-store")


@pytest.mark.parametrize("page", ["account_logout", "operations_sign_out"])
def test_signing_out_clears_what_the_browser_kept(
    people: Personas, client: Client, page: str
) -> None:
    client.force_login(people.olive)
    assert "Clear-Site-Data" not in client.get(reverse("dashboard"))
    answer = client.post(reverse(page))
    assert answer.status_code == 302
    assert answer["Clear-Site-Data"] == '"cache", "storage"'


@pytest.mark.parametrize("page", ["/accounts/login/", "/operations/login/", "/api/v1/docs"])
def test_no_policy_allows_inline_code(db: None, client: Client, page: str) -> None:
    answer = client.get(page, follow=True)
    assert "'unsafe-inline'" not in answer["Content-Security-Policy"]
    assert directives(answer)["default-src"] == ["'none'"]
    assert directives(answer)["report-uri"] == [reverse("browser_reports")]


def test_the_policy_of_operations_knows_its_one_style(people: Personas, client: Client) -> None:
    client.force_login(people.staff)
    found = directives(client.get("/operations/"))
    assert "'unsafe-eval'" in found["script-src"]
    assert "'unsafe-inline'" not in found["script-src"] + found["style-src"]
    assert len([value for value in found["style-src"] if value.startswith("'sha256-")]) == 1
    client.force_login(people.olive)
    found = directives(client.get(reverse("dashboard")))
    assert "'unsafe-eval'" not in found["script-src"]
    assert found["style-src"] == ["'self'"]


def test_forms_need_no_script_to_read_their_token() -> None:
    assert settings.CSRF_COOKIE_HTTPONLY
    assert settings.SESSION_COOKIE_HTTPONLY
