"""No upload costs a web worker more than 100 MB or 2 s, and each ends with an answer."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from accounts.models import Provider
from core.schema import provider_schema
from tenants.imports.dry_run import check_import
from tenants.models import ImportRun, Organization
from tests.database_url import database_url
from tests.tenants.import_files import NOW

MOST_MB, MOST_SECONDS = 100, 2.0
State = ImportRun.State


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="needs Linux")
def test_no_upload_costs_a_web_worker_much(own_provider: Callable[..., Provider]) -> None:
    provider = own_provider(canary="Bombe", prefix="BOMB")
    with provider_schema(provider):
        acme = Organization.objects.create(name="Acme Bombe")
    answer = subprocess.run(
        [sys.executable, "-m", "tests.tenants.upload_worker", provider.schema_name, str(acme.pk)],
        env={
            **os.environ,
            "DATABASE_URL": database_url(),
            "DJANGO_SETTINGS_MODULE": "mtp.settings",
        },
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    results = json.loads(answer.stdout)
    assert len(results) == 12
    dear = {
        name: (round(seconds, 2), round(mb))
        for name, (seconds, mb) in results.items()
        if seconds > MOST_SECONDS or mb > MOST_MB
    }
    assert dear == {}
    with provider_schema(provider):
        stored = list(ImportRun.objects.order_by("pk"))
        assert not any(b"pa55" in bytes(run.content) for run in stored)
        for run in stored:
            check_import({"run_id": run.pk}, NOW)
            run.refresh_from_db()
            assert run.state in {State.CHECKED, State.NOT_READABLE}
            assert (run.state == State.NOT_READABLE) == bool(run.problem)
