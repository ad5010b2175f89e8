"""Makes `response.context` of the test client know pages that Jinja2 renders."""

from typing import Any

from django.http import HttpRequest
from django.template.backends.jinja2 import Template
from django.template.context import Context
from django.test.signals import template_rendered


def announce_rendered_pages() -> None:
    """Send Django's signal of tests for each page, mail and document that Jinja2 renders."""
    render = Template.render

    def announced(
        self: Template, context: dict[str, Any] | None = None, request: HttpRequest | None = None
    ) -> str:
        context = {} if context is None else context
        text: str = render(self, context, request)
        template_rendered.send(sender=self, template=self.template, context=Context(context))
        return text

    Template.render = announced
