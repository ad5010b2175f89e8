"""Rendering the usage page and the dashboard of 40 organizations, against escaping and joining.

The floor escapes the pieces of the page and joins them, which every template engine must do.
"""

import re
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.template.backends.jinja2 import Template
from django.test import Client, override_settings
from markupsafe import escape

from tests.benchmarks.bench_pages import browser_in, by_turns, expect, provider_with
from tests.benchmarks.result import Result

ORGANIZATIONS = 40
PAGES = {"usage": "/account/usage/", "dashboard": "/dashboard/"}


class Rendering:
    """A page's template, with the context and the request of its view."""

    def __init__(self, browser: Client, address: str) -> None:
        self.text = ""
        render = Template.render

        def capture(
            template: Template,
            context: dict[str, Any] | None = None,
            request: HttpRequest | None = None,
        ) -> str:
            if not self.text:
                self.template, self.context, self.request = template, dict(context or {}), request
                self.text = render(template, context, request)
                return self.text
            text: str = render(template, context, request)
            return text

        Template.render = capture
        try:
            expect(200, browser.get(address))
        finally:
            Template.render = render
        self.pieces = re.split(r"(<[^>]*>)", self.text)

    def again(self) -> str:
        """Render the page again, with context processors."""
        text: str = self.template.render(dict(self.context), self.request)
        return text

    def floor(self) -> str:
        """Escape and join the pieces of the page."""
        return "".join([escape(piece) for piece in self.pieces])


def run(*, full: bool) -> list[Result]:
    """Render both pages; `full` only adds rounds."""
    rounds = 400 if full else 80
    hosts = [*settings.ALLOWED_HOSTS, "testserver"]
    with override_settings(ALLOWED_HOSTS=hosts, MENU_CACHE_SECONDS=20):
        browser = browser_in(provider_with("BREN", organizations=ORGANIZATIONS))
        results = []
        for name, address in PAGES.items():
            page = Rendering(browser, address)
            floor, rendered = by_turns(page.floor, page.again, rounds=rounds)
            results.append(Result(f"render_{name}_cpu", rendered[1], floor[1], "ms", limit=2))
    return results
