"""How to report a hole, and the reports of browsers."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

REPORT = {
    "csp-report": {
        "document-uri": "https://portal.example/dashboard/?q=secret",
        "effective-directive": "script-src-elem",
        "blocked-uri": "https://evil.example/x.js?user=ann@x.example",
    }
}


@pytest.fixture(autouse=True)
def _no_former_reports() -> None:
    cache.clear()


def send(client: Client, body: Any) -> int:
    data = body if isinstance(body, (bytes, str)) else json.dumps(body)
    answer = client.post(
        reverse("browser_reports"), data=data, content_type="application/csp-report"
    )
    return answer.status_code


def test_security_txt_names_whom_to_write_to(client: Client, settings: Any) -> None:
    settings.SECURITY_EMAIL = "security@portal.example"
    settings.SITE_URL = "https://portal.example/"
    answer = client.get("/.well-known/security.txt")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    lines = dict(line.split(": ", 1) for line in answer.content.decode().splitlines())
    assert lines["Contact"] == "mailto:security@portal.example"
    assert lines["Canonical"] == "https://portal.example/.well-known/security.txt"
    expires = datetime.fromisoformat(lines["Expires"])
    # RFC 9116: less than a year from now.
    assert timedelta(days=90) < expires - datetime.now(UTC) < timedelta(days=365)


def test_a_report_is_logged_once_without_what_its_addresses_carry(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert [send(client, REPORT) for _ in range(3)] == [204] * 3
    lines = [record.getMessage() for record in caplog.records if "blocked" in record.getMessage()]
    assert lines == [
        "A browser blocked https://evil.example on /dashboard/: script-src-elem does not allow it."
    ]


def test_reports_of_the_other_format_are_read_too(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    inside = {
        "documentURL": "https://portal.example/users/",
        "effectiveDirective": "style-src-attr",
        "blockedURL": "inline",
    }
    assert send(client, [{"type": "csp-violation", "body": inside}]) == 204
    assert "A browser blocked inline on /users/: style-src-attr" in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff",
        "[" * 9000,
        "1",
        "null",
        [1],
        {"csp-report": 1},
        {"csp-report": {"document-uri": "http://[bad"}},
    ],
)
def test_anything_else_is_refused(client: Client, body: Any) -> None:
    assert send(client, body) == 400


def test_a_long_report_is_not_read(client: Client) -> None:
    assert send(client, "x" * 16_385) == 413


def test_reports_are_limited(client: Client) -> None:
    assert {send(client, REPORT) for _ in range(60)} == {204}
    assert send(client, REPORT) == 429
