"""Templates escape as MarkupSafe does, by the quick way."""

from datetime import date
from decimal import Decimal
from typing import Any

import markupsafe
import pytest
from django.template import engines
from django.utils.html import format_html
from django.utils.safestring import SafeString
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment
from markupsafe import Markup

from core.metrics import Metric
from core.templating.escaping import escape


class Named:
    """Says of itself what it is in HTML."""

    def __html__(self) -> str:
        return "<b>named</b>"


class Text(str):
    """A text of another class, which is not marked as safe."""

    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        *("", "plain", "<script>", "a & b", 'a "quoted" word', "it's", "größer > kleiner"),
        *(Markup("<b>&amp;</b>"), SafeString("<i>"), format_html("<p>{}</p>", "<"), Named()),
        *(Text("<x>"), Metric.USERS, 7, -1, 2.5, Decimal("1.20"), None, True, ["<"], ("'",)),
        *(date(2026, 11, 30), b"<"),
    ],
)
def test_it_is_what_markupsafe_says(value: Any) -> None:
    assert str(escape(value)) == str(markupsafe.escape(value))


@given(st.text(alphabet=st.sampled_from("ab<>&\"' ;ä\n\0"), max_size=12))
def test_of_every_text(text: str) -> None:
    assert str(escape(text)) == str(markupsafe.escape(text))


def test_templates_use_it() -> None:
    """Jinja2 gives compiled templates what `jinja2.runtime` has; if it stops to, pages are slow."""
    made = engines["jinja2"].env
    assert isinstance(made, Environment)
    template = made.from_string("{{ shown }}")
    assert template.root_render_func.__globals__["escape"] is escape
    assert template.render(shown="<&'\">") == "&lt;&amp;&#39;&#34;&gt;"
    text = "{% macro m(x) %}{{ x }}{% endmacro %}{% set y %}{{ x }}{% endset %}{{ m(x) ~ y }}"
    assert made.from_string(text).render(x="<") == "&lt;&lt;"
