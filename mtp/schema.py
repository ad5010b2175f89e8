"""Which provider's schema the code runs in: entered explicitly, asserted, never guessed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from celery import Task, current_app
from django.db import connection as django_connection
from django_tenants.utils import get_public_schema_name, schema_context

SCHEMA_HEADER = "mtp_schema"
# django-tenants' backend knows more than Django's stubs say.
connection = cast("Any", django_connection)


class NoProviderSchema(RuntimeError):
    """Work that belongs to one provider was about to run without one."""


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
def provider_schema(schema: str) -> Iterator[None]:
    """Run the block in this provider's schema; raises `NoProviderSchema` for public or none."""
    if not schema or schema == get_public_schema_name():
        raise NoProviderSchema(f"{schema!r} is not a provider's schema.")
    with schema_context(schema):
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
        with provider_schema(schema):
            return super().__call__(*args, **kwargs)


def send_provider_task(name: str, **options: Any) -> None:
    """Send a `ProviderTask` by its name with the current provider's schema in its header.

    For code below the task's module. Raises `NoProviderSchema` in public.
    """
    current_app.send_task(name, headers=_schema_header(), **options)


def _schema_header() -> dict[str, str]:
    return {SCHEMA_HEADER: require_provider_schema()}
