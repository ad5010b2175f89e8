"""Links keep the query; attributes are escaped."""

import pytest
from django.test import RequestFactory

from core.templating.addresses import attributes, querystring


@pytest.mark.parametrize(
    ("query", "changes", "expected"),
    [
        ("", {"sort": "name"}, "?sort=name"),
        ("q=a%26b&page=2", {"sort": "name", "page": None}, "?q=a%26b&sort=name"),
        ("page=2", {"page": None}, "?"),
        ("", {"page": None}, ""),
        ("filter=near", {"filter": "all"}, "?filter=all"),
    ],
)
def test_a_query_keeps_what_is_not_changed(
    query: str, changes: dict[str, str | None], expected: str
) -> None:
    request = RequestFactory().get(f"/usage/?{query}" if query else "/usage/")
    assert querystring(request, **changes) == expected


def test_keywords_become_escaped_attributes() -> None:
    given = {
        "hx_get": '/x?a=1&b="2"',
        "disabled": True,
        "hidden": False,
        "value": None,
        "name": "<",
    }
    assert attributes(given) == (' hx-get="/x?a=1&amp;b=&#34;2&#34;" disabled name="&lt;"')
