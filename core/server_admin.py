"""Admin pages of tables that every database server has: the operator chooses whose are shown."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse

from core.servers import DIRECTORY, current_server, has_many, on_server, servers

CHOICE = "server"


class ServerFilter(admin.SimpleListFilter):
    """Chooses the server, there is no list of all; there is no filter with one server."""

    title = "database server"
    parameter_name = CHOICE

    def lookups(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        model_admin: Any,  # noqa: ARG002 - Django's signature
    ) -> list[tuple[str, str]]:
        """All servers."""
        names = {DIRECTORY: f"Server {DIRECTORY}, the directory"}
        chosen = [(str(each), names.get(each, f"Server {each}")) for each in servers()]
        return chosen if has_many() else []

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The servers without a choice of all; selected is the one whose rows are shown."""
        _, *choices = super().choices(changelist)
        for server, choice in zip(servers(), choices, strict=True):
            yield choice | {"selected": server == current_server()}

    def queryset(
        self,
        request: HttpRequest,  # noqa: ARG002 - Django's signature
        queryset: QuerySet[Any],
    ) -> QuerySet[Any]:
        """All rows: the page is made on the chosen server."""
        return queryset


class EveryServersAdmin:
    """A mixin: the list is of the chosen server, the page of a row of the server that has it."""

    model: type[Model]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """The list and its actions, on the chosen server."""
        chosen = request.GET.get(CHOICE, "")
        known = {str(server): server for server in servers()}
        with on_server(known.get(chosen, current_server())):
            return _rendered(super().changelist_view(request, extra_context))  # type: ignore[misc] # a mixin

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """The page of a row, on its server."""
        with on_server(self.server_of(object_id)):
            return _rendered(super().changeform_view(request, object_id, *args, **kwargs))  # type: ignore[misc] # a mixin

    def server_of(self, pk: object) -> int:
        """The server that has this row; ids are unique over all servers."""
        if has_many() and str(pk).isdecimal():
            for server in servers():
                with on_server(server):
                    if QuerySet(self.model).filter(pk=int(str(pk))).exists():
                        return server
        return current_server()


def _rendered(answer: HttpResponse) -> HttpResponse:
    # Queries that the template makes are of the chosen server too.
    render = getattr(answer, "render", None)
    return render() if render is not None else answer
