"""A Celery task of the tests, which records the provider that it runs for."""

from celery import shared_task

from accounts.providers import current_provider
from core.schema import ProviderTask
from tenants.models import Organization


@shared_task(name="tests.note_schema", base=ProviderTask)
def note_schema(name: str) -> None:
    """Create an organization with this name and the schema's name in the task's schema."""
    Organization.objects.create(name=f"{name} {current_provider().schema_name}")
