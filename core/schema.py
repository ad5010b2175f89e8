"""The provider's schema that code runs in: entered explicitly, asserted, never guessed."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, cast

from celery import Task, current_app
from django.db import OperationalError
from django.db import connection as django_connection
from django_tenants.utils import get_public_schema_name, get_tenant_model, tenant_context

from core.servers import DIRECTORY, current_server, enter, on_server

SCHEMA_HEADER = "mtp_schema"
# The backend of django-tenants has attributes that Django's stubs lack.
connection = cast("Any", django_connection)


class NoProviderSchema(RuntimeError):
    """Code that needs a provider's schema runs in public, or in none."""


class SchemaOfAnotherRelease(OperationalError):
    """This release can't serve the provider's schema (docs/decisions/0040).

    As for a database that is away, requests get 503 and outbox messages wait without an attempt.
    """


class ProviderMoves(OperationalError):
    """The provider is being moved to another server; within seconds it works there."""


class HasSchema(Protocol):
    """The part of `Provider` that this layer uses; the model is in an app above."""

    @property
    def schema_name(self) -> str:
        """The schema with the provider's rows."""

    @property
    def is_at_this_release(self) -> bool:
        """Whether this release can serve the schema."""

    @property
    def server(self) -> int:
        """The server with the schema."""

    @property
    def is_moving(self) -> bool:
        """Whether its server changes at this moment."""


def current_schema() -> str:
    """The schema that this connection is bound to; `public` outside of any provider."""
    return str(connection.schema_name)


def require_provider_schema() -> str:
    """The current provider's schema name; raises `NoProviderSchema` in public."""
    schema = current_schema()
    if schema == get_public_schema_name():
        raise NoProviderSchema("This work belongs to one provider, and none was entered.")
    return schema


@contextmanager
def provider_schema(provider: HasSchema) -> Iterator[None]:
    """Run the block in this provider's schema; it becomes the current provider.

    The connection holds the provider (`connection.tenant`), so `accounts.providers` reads it
    without a statement. The previous provider is restored at the end, also after an error. Raises
    `NoProviderSchema` for the public schema or an empty name, `SchemaOfAnotherRelease` for one that
    this release can't serve, and `ProviderMoves`.
    """
    if not provider.schema_name or provider.schema_name == get_public_schema_name():
        raise NoProviderSchema(f"{provider.schema_name!r} is not a provider's schema.")
    if not provider.is_at_this_release:
        text = f"{provider.schema_name} is not at this release: run manage.py migrate_providers."
        raise SchemaOfAnotherRelease(text)
    _refuse_moving(provider)
    with on_server(provider.server), tenant_context(provider):
        yield


def enter_provider(provider: HasSchema) -> None:
    """As `provider_schema`, for the rest of a request: its middleware calls `leave_provider`."""
    _refuse_moving(provider)
    if provider.server != current_server():
        enter(provider.server)
        # As `PublicSchemaMiddleware` did for the directory.
        connection.commits = 0
    connection.set_tenant(provider)


def leave_provider() -> None:
    """Bind the public schema, on the directory."""
    connection.set_schema_to_public()
    if current_server() != DIRECTORY:
        enter(DIRECTORY)
        connection.set_schema_to_public()


def _refuse_moving(provider: HasSchema) -> None:
    if provider.is_moving:
        raise ProviderMoves(f"{provider.schema_name} is being moved to another server.")


@contextmanager
def schema_named(schema: str) -> Iterator[None]:
    """As `provider_schema`, given only the schema's name: loads the provider in one statement.

    Raises `NoProviderSchema` when no provider has this schema.
    """
    provider = get_tenant_model().objects.filter(schema_name=schema).first()
    if provider is None:
        raise NoProviderSchema(f"{schema!r} is not a provider's schema.")
    with provider_schema(provider):
        yield


def drop_lost_connection() -> None:
    """Close a connection that does not work, so that the next statement opens another.

    For work that goes on after an error: Django does it between requests and tasks only.
    """
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


class ProviderTask(Task):  # type: ignore[type-arg]
    """A Celery task of one provider: a message header carries the provider's schema to the worker.

    Sending it from the public schema raises `NoProviderSchema`, and so does running it without the
    header. It never falls back to public.
    """

    def apply_async(self, *args: Any, **options: Any) -> Any:
        """Send the task with the current provider's schema in its header."""
        headers = {**(options.pop("headers", None) or {}), **_schema_header()}
        return super().apply_async(*args, headers=headers, **options)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run in the header's schema when a worker calls, in the current one otherwise."""
        if self.request.called_directly:
            require_provider_schema()
            return super().__call__(*args, **kwargs)
        schema = (self.request.headers or {}).get(SCHEMA_HEADER, "")
        with schema_named(schema):
            return super().__call__(*args, **kwargs)


def send_provider_task(name: str, **options: Any) -> None:
    """Send a `ProviderTask` by name with the current provider's schema in its header.

    For code in an app below the task's module. Raises `NoProviderSchema` in public.
    """
    current_app.send_task(name, headers=_schema_header(), **options)


def _schema_header() -> dict[str, str]:
    return {SCHEMA_HEADER: require_provider_schema()}
