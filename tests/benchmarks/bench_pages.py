"""Pages against empty pages: processor time of this process and wall time, measured alternately."""

import itertools
import statistics
import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import include, path

from accounts.models import Provider, User
from accounts.policies import signed_in
from accounts.roles import Role
from core.schema import provider_schema
from tenants.models import MeteringPolicy, Organization
from tests.benchmarks.busy_provider import busy_provider
from tests.benchmarks.result import Result
from tests.personas import PASSWORD
from tests.providers import open_provider

Do = Callable[[], object]


class PlainBackend(ModelBackend):
    """Reads a login as Django does."""

    def get_user(self, user_id: int) -> User | None:
        """The login and its provider."""
        return User.objects.select_related("provider").filter(pk=user_id).first()


PLAIN = f"{__name__}.{PlainBackend.__name__}"


@signed_in
def empty_page(request: HttpRequest) -> HttpResponse:
    """A page with the shell and no content."""
    return render(request, "base.html")


@signed_in
def empty_answer(request: HttpRequest) -> HttpResponse:
    """A response without a page."""
    return HttpResponse()


urlpatterns = [
    path("empty-page/", empty_page),
    path("empty-answer/", empty_answer),
    path("", include("mtp.urls")),
]


def by_turns(*actions: Do, rounds: int) -> list[tuple[float, float]]:
    """Median (wall, processor) milliseconds of each action, measured alternately."""
    times: list[list[tuple[float, float]]] = [[] for _ in actions]
    for number in range(rounds + 5):
        for action, samples in zip(actions, times, strict=True):
            wall, cpu = time.perf_counter(), time.process_time()
            action()
            spent = (time.perf_counter() - wall, time.process_time() - cpu)
            if number >= 5:
                samples.append(spent)
    return [
        (
            statistics.median(w for w, _ in samples) * 1000,
            statistics.median(c for _, c in samples) * 1000,
        )
        for samples in times
    ]


def browser_in(provider: Provider) -> Client:
    """A client signed in as an administrator of the provider."""
    user = User.objects.create_user(
        email=f"bench@{provider.invoice_prefix.lower()}.example",
        password=PASSWORD,
        name="Bench",
        provider=provider,
        role=Role.BILLING_ADMIN,
    )
    client = Client()
    client.force_login(user)
    return client


def provider_with(prefix: str, *, organizations: int) -> Provider:
    """Create a provider above its free allowance, with so many organizations."""
    provider = open_provider(canary=prefix, prefix=prefix)
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        Organization.objects.bulk_create(
            [Organization(name=f"Organization {number}") for number in range(organizations)]
        )
        connection.cursor().execute("ANALYZE")
    return provider


def expect(status: int, answer: HttpResponse) -> HttpResponse:
    """Return the response; raises AssertionError if it has another status."""
    if answer.status_code != status:
        raise RuntimeError(f"{answer.status_code} instead of {status}")
    return answer


def adding_a_user(*, rounds: int) -> list[Result]:
    """Add a user by the page: session, CSRF, permission, cap, event, high-water mark."""
    provider = provider_with("BADD", organizations=20)
    with provider_schema(provider):
        ids = itertools.cycle(list(Organization.objects.values_list("pk", flat=True)))
    browser = browser_in(provider)
    number = itertools.count()

    def add() -> None:
        form = {"email": f"user{next(number)}@x.example", "name": "User"}
        expect(302, browser.post(f"/organizations/{next(ids)}/users/add/", form))

    page, answer, adding = by_turns(
        lambda: expect(200, browser.get("/empty-page/")),
        lambda: expect(200, browser.get("/empty-answer/")),
        add,
        rounds=rounds,
    )
    return [
        Result("add_user_to_empty_page_wall", adding[0], page[0], "ms", limit=2),
        Result("add_user_to_empty_page_cpu", adding[1], page[1], "ms", limit=2),
        Result("add_user_to_empty_answer_cpu", adding[1], answer[1], "ms"),
    ]


def the_usage_page(*, organizations: int, rounds: int) -> list[Result]:
    """Open the usage page of 5,000 organizations, 50 per page, against an empty table."""
    full = browser_in(provider_with("BFULL", organizations=organizations))
    empty = browser_in(provider_with("BNONE", organizations=0))
    of_empty, of_full = by_turns(
        lambda: expect(200, empty.get("/account/usage/")),
        lambda: expect(200, full.get("/account/usage/")),
        rounds=rounds,
    )
    with CaptureQueriesContext(connection) as statements:
        full.get("/account/usage/")
    return [
        Result("usage_page_to_its_empty_shell_cpu", of_full[1], of_empty[1], "ms", limit=2),
        Result("usage_page_statements_to_six", len(statements), 6, "", limit=1),
    ]


def pages_of_every_day(*, rounds: int) -> list[Result]:
    """Open the usage page and the dashboard of 40 organizations, against an answer without a page.

    The floor is that answer with the login read as Django does, by a queryset built each time.
    """
    provider = busy_provider("BDAY")
    connection.cursor().execute("ANALYZE")
    browser, plain = browser_in(provider), Client()
    with override_settings(AUTHENTICATION_BACKENDS=[*settings.AUTHENTICATION_BACKENDS, PLAIN]):
        plain.force_login(User.objects.get(provider=provider), backend=PLAIN)
        of_answer, of_usage, of_dashboard = by_turns(
            lambda: expect(200, plain.get("/empty-answer/")),
            lambda: expect(200, browser.get("/account/usage/")),
            lambda: expect(200, browser.get("/dashboard/")),
            rounds=rounds,
        )
    with CaptureQueriesContext(connection) as statements:
        browser.get("/dashboard/")
    return [
        Result("usage_page_to_empty_answer_cpu", of_usage[1], of_answer[1], "ms", limit=1.5),
        Result("dashboard_to_empty_answer_cpu", of_dashboard[1], of_answer[1], "ms", limit=2.4),
        Result("dashboard_statements_to_ten", len(statements), 10, "", limit=1),
    ]


def run(*, full: bool) -> list[Result]:
    """Measure the pages; `full` only adds rounds."""
    rounds = 400 if full else 80
    hosts = [*settings.ALLOWED_HOSTS, "testserver"]
    with override_settings(ROOT_URLCONF=__name__, ALLOWED_HOSTS=hosts, MENU_CACHE_SECONDS=20):
        return (
            adding_a_user(rounds=rounds)
            + the_usage_page(organizations=5000, rounds=rounds)
            + pages_of_every_day(rounds=rounds)
        )
