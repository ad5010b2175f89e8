"""Which provider's schema the code runs in: entered explicitly, asserted, never guessed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

from celery import Task, current_app
from django.db import connection as django_connection
from django_tenants.utils import get_public_schema_name, get_tenant_model, tenant_context

SCHEMA_HEADER = "mtp_schema"
# django-tenants' backend knows more than Django's stubs say.
connection = cast("Any", django_connection)


class NoProviderSchema(RuntimeError):
    """Work that belongs to one provider was about to run without one."""


class HasSchema(Protocol):
    """A provider, as this layer sees it; the model is defined above."""

    @property
    def schema_name(self) -> str:
        """The schema with the provider's rows."""


def current_schema() -> str:
    """The schema this connection is bound to; `public` when no provider was entered."""
    return str(connection.schema_name)


def require_provider_schema() -> str:
    """The current provider's schema name; raises `NoProviderSchema` in public."""
    schema = current_schema()
    if schema == get_public_schema_name():
        raise NoProviderSchema("This work belongs to one provider, and none was entered.")
    return schema


@contextmanager
def provider_schema(provider: HasSchema) -> Iterator[None]:
    """Run the block in this provider's schema, as its current provider.

    The connection holds the provider (`connection.tenant`), so `accounts.providers` reads it
    without a statement. Afterwards the one from before is current again, also after an error.
    Raises `NoProviderSchema` for the public schema or none.
    """
    if not provider.schema_name or provider.schema_name == get_public_schema_name():
        raise NoProviderSchema(f"{provider.schema_name!r} is not a provider's schema.")
    with tenant_context(provider):
        yield


@contextmanager
def schema_named(schema: str) -> Iterator[None]:
    """As `provider_schema`, where only the name has arrived: loads the provider, one statement.

    Raises `NoProviderSchema` where no provider has this schema.
    """
    provider = get_tenant_model().objects.filter(schema_name=schema).first()
    if provider is None:
        raise NoProviderSchema(f"{schema!r} is not a provider's schema.")
    with provider_schema(provider):
        yield


class ProviderTask(Task):  # type: ignore[type-arg]
    """A Celery task of one provider: its schema travels in the header and is asserted on arrival.

    Sending it from the public schema raises `NoProviderSchema`; so does running it without the
    header. It never falls back to public.
    """

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Send the task with the current provider's schema in its header."""
        headers = {**(options.pop("headers", None) or {}), **_schema_header()}
        return super().apply_async(*args, headers=headers, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run in the schema of the header when a worker calls, in the current one otherwise."""
        if self.request.called_directly:
            require_provider_schema()
            return super().__call__(*args, **kwargs)
        schema = (self.request.headers or {}).get(SCHEMA_HEADER, "")
        with schema_named(schema):
            return super().__call__(*args, **kwargs)


def send_provider_task(name: str, **options: Any) -> None:
    """Send a `ProviderTask` by its name with the current provider's schema in its header.

    For code below the task's module. Raises `NoProviderSchema` in public.
    """
    current_app.send_task(name, headers=_schema_header(), **options)


def _schema_header() -> dict[str, str]:
    return {SCHEMA_HEADER: require_provider_schema()}
