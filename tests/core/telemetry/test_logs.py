"""Log lines: JSON, with ids on each, without secrets, and without tracebacks of refusals."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import path
from structlog.contextvars import bind_contextvars, clear_contextvars

from accounts.models import ApiKey, Provider
from core.schema import provider_schema
from core.telemetry.logs import configuration, formatter
from core.telemetry.middleware import TelemetryMiddleware
from core.unavailable import server_error
from tests.personas import Personas

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The lines that the production configuration writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter(as_json=True))
    root = logging.getLogger()
    root.addHandler(handler)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    clear_contextvars()


def line_of_request(lines: Lines) -> dict[str, Any]:
    (line,) = [line for line in lines() if line["logger"] == "mtp.request"]
    return line


def test_every_line_of_a_request_names_request_provider_and_user(
    people: Personas, client: Client, lines: Lines
) -> None:
    client.force_login(people.olive)
    answer = client.get("/profile/", headers={"X-Request-ID": "abcdefgh-1"})
    assert answer["X-Request-ID"] == "abcdefgh-1"
    line = line_of_request(lines)
    expected = {
        "request_id": "abcdefgh-1",
        "provider": people.north.schema_name,
        "user": people.olive.pk,
        "method": "GET",
        "path": "/profile/",
        "route": "profile",
        "status": 200,
        "level": "info",
    }
    assert expected.items() <= line.items()
    assert line["statements"] > 0
    assert line["timestamp"].endswith("Z")


def test_a_line_inside_a_provider_names_it(north: Provider, lines: Lines) -> None:
    with provider_schema(north):
        logging.getLogger("billing").info("inside")
    logging.getLogger("billing").info("outside")
    inside, outside = lines()
    assert inside["provider"] == north.schema_name
    assert "provider" not in outside


def test_a_line_of_the_api_names_the_key_and_never_shows_it(
    north: Provider, client: Client, lines: Lines
) -> None:
    answer = client.get("/api/v1/organizations", headers={"x-api-key": "s3cret-of-none"})
    assert answer.status_code == 401
    assert line_of_request(lines)["status"] == 401
    assert "s3cret-of-none" not in str(lines())
    assert ApiKey.objects.count() == 0


@pytest.mark.parametrize("given", ["", "short", "x" * 65, "evil\nline-1", "a b c d e f g h"])
def test_an_id_that_is_none_is_replaced(client: Client, lines: Lines, given: str) -> None:
    answer = client.get("/live", headers={"X-Request-ID": given})
    assert len(answer["X-Request-ID"]) == 32


def test_a_refusal_is_one_line_with_its_reason_and_no_traceback(
    people: Personas, client: Client, lines: Lines
) -> None:
    client.force_login(people.rita)
    assert client.get("/account/administrators/").status_code == 403
    (line,) = lines()
    assert (line["level"], line["status"], line["user"]) == ("warning", 403, people.rita.pk)
    assert line["reason"]
    assert "exception" not in line


def test_a_missing_page_is_one_line_without_the_link_in_it(
    db: None, client: Client, lines: Lines
) -> None:
    assert client.get("/pay/WyJhYmMi:s1gned/").status_code == 404
    (line,) = lines()
    assert line["path"] == "/pay/[hidden]/"
    assert "s1gned" not in json.dumps(lines())


def test_an_unknown_host_is_one_line(db: None, client: Client, lines: Lines) -> None:
    assert client.get("/profile/", headers={"Host": "evil.example"}).status_code == 400
    assert [(line["logger"], line["status"]) for line in lines()] == [("mtp.request", 400)]


@pytest.fixture
def failing(settings: Any) -> Callable[[Exception], int]:
    """`failing(error)`: the status of a request whose view raises it."""

    def answer(error: Exception) -> int:
        def view(request: HttpRequest) -> Any:
            raise error

        urls = ModuleType("failing_urls")
        urls.urlpatterns = [path("fails", view)]
        urls.handler500 = server_error
        settings.ROOT_URLCONF = urls
        return Client(raise_request_exception=False).get("/fails").status_code

    return answer


def test_a_database_that_is_away_is_one_line_without_a_traceback(
    failing: Callable[[Exception], int], lines: Lines
) -> None:
    assert failing(OperationalError("the database is away")) == 503
    (line,) = lines()
    assert (line["level"], line["status"]) == ("error", 503)
    assert "exception" not in line


def test_an_unexpected_error_keeps_its_traceback(
    failing: Callable[[Exception], int], lines: Lines
) -> None:
    assert failing(ValueError("pay with sk_live_abc123")) == 500
    text = json.dumps(lines())
    assert "Traceback" in text
    assert "sk_live_abc123" not in text


def test_a_warning_says_its_error_in_a_line_and_an_error_shows_the_traceback(lines: Lines) -> None:
    for log in (logging.getLogger("x").warning, logging.getLogger("x").error):
        try:
            raise OperationalError("away")
        except OperationalError:
            log("It happened.", exc_info=True)
    warning, error = lines()
    assert warning["error"] == "OperationalError: away"
    assert "exception" not in warning
    assert "Traceback" in error["exception"]


def test_ids_of_one_request_are_not_on_lines_of_the_next(client: Client, lines: Lines) -> None:
    bind_contextvars(user=7, task_id="old")
    answer = TelemetryMiddleware(lambda _: client.get("/live"))(RequestFactory().get("/x"))
    assert answer.status_code == 200
    assert not any("task_id" in line or "user" in line for line in lines())


def test_probes_that_succeed_write_no_line(db: None, client: Client, lines: Lines) -> None:
    client.get("/live")
    client.get("/ready")
    assert lines() == []


def test_a_line_for_people_has_the_same_fields() -> None:
    assert configuration(level="INFO", as_json=False)["formatters"]["portal"]["as_json"] is False
    record = logging.LogRecord("x", logging.INFO, "", 1, "Hello %s", ("you",), None)
    assert "Hello you" in formatter(as_json=False).format(record)
