"""Steps that the tests of the roles run in processes of their own: `python -m … STEP`.

`order` makes a provider as operations do; `deliver` does the work of the lane for schemas; `use`
counts users; `rounds` runs every scheduled task. The last line that each prints is JSON.
"""

import json
import os
import sys
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mtp.settings")


def order() -> Any:
    """A provider, and the message that has its schema made."""
    from django.utils import timezone

    from accounts.provisioning.new_provider import create_provider

    create_provider(
        name="Acme IT",
        invoice_prefix="ACME",
        contact_name="Ann",
        contact_email="ann@acme.example",
        now=timezone.now(),
    )
    return "ordered"


def deliver() -> Any:
    """The state of the provider after one delivery of the lane."""
    from django.utils import timezone

    from accounts.models import Provider
    from core.outbox.delivery import deliver_due
    from core.outbox.lanes import Lane
    from core.outbox.models import OutboxMessage

    OutboxMessage.objects.update(due_at=timezone.now())
    deliver_due(now=timezone.now(), lane=Lane.PROVISIONING)
    provider = Provider.objects.get(invoice_prefix="ACME")
    return {"state": provider.state, "detail": provider.state_detail}


def use() -> Any:
    """Users counted and refused at the cap, by the triggers, with the role of the address."""
    from django.utils import timezone

    from accounts.models import Provider
    from core.actors import SYSTEM_ACTOR
    from core.schema import provider_schema
    from tenants.models import ManagedUser, Organization
    from tenants.refusals import UserCapReached
    from tenants.users.membership import Via, add_member
    from usage.models import OrganizationCounter, UsageEvent

    refused = 0
    with provider_schema(Provider.objects.get(invoice_prefix="ACME")):
        organization = Organization.objects.create(name="Harbor", user_cap=1)
        for name in ("ann", "ben"):
            member = ManagedUser(organization=organization, email=f"{name}@x.example", name=name)
            try:
                add_member(member=member, actor=SYSTEM_ACTOR, via=Via.DEMO, now=timezone.now())
            except UserCapReached:
                refused += 1
        counter = OrganizationCounter.objects.get(organization=organization, metric="users")
        return {
            "refused": refused,
            "events": UsageEvent.objects.count(),
            "count": counter.count,
        }


def rounds() -> Any:
    """The tasks that ran, and what their failures left behind."""
    from core.operations.models import OperationsAlert
    from mtp.celery import app

    app.loader.import_default_modules()
    ran = {}
    for entry in app.conf.beat_schedule.values():
        result = app.tasks[entry["task"]].apply(args=entry.get("args", ()))
        ran[entry["task"]] = str(result.result) if result.failed() else ""
    failed = OperationsAlert.objects.filter(kind__startswith="rounds.", settled_at=None)
    return {"tasks": ran, "alerts": list(failed.values_list("summary", flat=True))}


if __name__ == "__main__":
    import django

    django.setup()
    steps = {"order": order, "deliver": deliver, "use": use, "rounds": rounds}
    sys.stdout.write(json.dumps(steps[sys.argv[1]]()) + "\n")
