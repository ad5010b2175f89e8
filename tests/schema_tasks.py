"""Tasks that a worker of the tests knows: they note which provider they ran for."""

from celery import shared_task

from accounts.providers import current_provider
from core.schema import ProviderTask
from tenants.models import Organization


@shared_task(name="tests.note_schema", base=ProviderTask)
def note_schema(name: str) -> None:
    """Leave an organization of this name in the schema the task runs in."""
    Organization.objects.create(name=f"{name} {current_provider().schema_name}")
