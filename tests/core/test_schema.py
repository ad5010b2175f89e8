"""Work of one provider runs in its schema, is refused without one, and never runs in public."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory

from accounts.models import Provider
from core.middleware import ProviderMiddleware, PublicSchemaMiddleware
from core.schema import (
    NoProviderSchema,
    ProviderTask,
    current_schema,
    provider_schema,
    require_provider_schema,
    schema_named,
)
from mtp.celery import app
from tenants.models import Organization
from tests.personas import Personas
from tests.schema_tasks import note_schema
from tests.worker import wait_until, worker

# They get the ids of providers and enter each schema themselves; so do scheduled tasks.
OVER_SEVERAL_PROVIDERS = {
    "accounts.tasks.check_for_missed_of",
    "tenants.tasks.evaluate_alerts_of",
    "usage.tasks.snapshot_batch",
    "usage.tasks.backtest_forecasts_of",
    "billing.tasks.check_promises_of",
    "billing.tasks.close_months_of",
    "billing.tasks.reconcile_payments_of",
    "billing.tasks.update_dunning_of",
    "billing.tasks.send_reminders_of",
    "integrations.tasks.request_nightly_runs_of",
}


def names(provider: Provider) -> list[str]:
    with provider_schema(provider):
        return list(Organization.objects.order_by("id").values_list("name", flat=True))


def test_a_worker_runs_a_task_in_the_schema_it_was_sent_from(
    own_provider: Callable[..., Provider], tmp_path: Path
) -> None:
    first, second = own_provider(prefix="ONE"), own_provider(prefix="TWO")
    log = tmp_path / "worker.log"
    with worker(log=log, modules="tests.schema_tasks") as queue:
        for number, provider in enumerate((first, second, first)):
            with provider_schema(provider):
                note_schema.apply_async((f"sent {number}",), queue=queue)
        wait_until(lambda: log.read_text().count("succeeded") == 3, log=log)
        # Not through our base class, as by mistake: without the header, or with public.
        for header in ({}, {"mtp_schema": "public"}, {"mtp_schema": ""}):
            app.send_task("tests.note_schema", ("forged",), queue=queue, headers=header)
        wait_until(
            lambda: log.read_text().count("raised unexpected: NoProviderSchema") == 3, log=log
        )
    assert names(first) == [f"sent 0 {first.schema_name}", f"sent 2 {first.schema_name}"]
    assert names(second) == [f"sent 1 {second.schema_name}"]


def test_sending_from_public_is_refused() -> None:
    with pytest.raises(NoProviderSchema):
        note_schema.delay("nowhere")


def test_calling_directly_in_public_is_refused(north: Provider) -> None:
    with pytest.raises(NoProviderSchema):
        note_schema("nowhere")
    with provider_schema(north):
        note_schema("direct")
    assert names(north) == [f"direct {north.schema_name}"]


@pytest.mark.parametrize("schema", ["", "public"])
def test_public_is_no_providers_schema(db: None, schema: str) -> None:
    with pytest.raises(NoProviderSchema), schema_named(schema):
        pass
    with pytest.raises(NoProviderSchema):
        require_provider_schema()


def test_every_task_of_provider_apps_is_a_provider_task_or_scheduled() -> None:
    app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in app.conf.beat_schedule.values()}
    for name, task in app.tasks.items():
        if name.split(".")[0] in ("tenants", "usage", "billing", "integrations"):
            assert isinstance(task, ProviderTask) or name in scheduled | OVER_SEVERAL_PROVIDERS, (
                name
            )


def test_a_savepoint_rolled_back_does_not_switch_providers(
    north: Provider, south: Provider
) -> None:
    with provider_schema(south):
        Organization.objects.create(name="South's")
    connection.set_schema_to_public()
    with transaction.atomic():
        try:
            with transaction.atomic():
                connection.set_tenant(north)
                Organization.objects.create(name="North's")
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        assert not Organization.objects.exists()
        connection.set_tenant(south)
        assert Organization.objects.get().name == "South's"


def test_a_request_leaves_no_schema_behind(people: Personas) -> None:
    seen = []

    def view(request: object) -> HttpResponse:
        seen.append(current_schema())
        raise ZeroDivisionError

    request = RequestFactory().get("/")
    request.user = people.olive
    handle = PublicSchemaMiddleware(ProviderMiddleware(view))
    connection.set_schema("provider_south")
    with pytest.raises(ZeroDivisionError):
        handle(request)
    assert seen == ["provider_north"]
    assert current_schema() == "public"
