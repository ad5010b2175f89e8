"""The filter of the operations admin that chooses a database server."""

import pytest
from django.contrib.admin import site
from django.test import RequestFactory, override_settings

from core.outbox.admin import OutboxMessageAdmin
from core.outbox.models import OutboxMessage
from core.server_admin import ServerFilter
from core.servers import on_server


class NoList:
    """As much of the admin's list as a filter asks."""

    add_facets = False

    def get_query_string(self, *_changes: object, **_more: object) -> str:
        return "?"


def shown(*, entered: int) -> list[tuple[str, bool]]:
    admin = OutboxMessageAdmin(OutboxMessage, site)
    chosen = ServerFilter(RequestFactory().get("/"), {}, OutboxMessage, admin)
    if not chosen.has_output():
        return []
    with on_server(entered):
        return [(each["display"], each["selected"]) for each in chosen.choices(NoList())]


def test_with_one_server_there_is_no_filter() -> None:
    assert shown(entered=1) == []


@pytest.mark.parametrize("entered", [1, 2])
@override_settings(DATABASE_SERVERS=[2])
def test_the_server_whose_rows_are_shown_is_selected(entered: int) -> None:
    assert shown(entered=entered) == [
        ("Server 1, the directory", entered == 1),
        ("Server 2", entered == 2),
    ]
