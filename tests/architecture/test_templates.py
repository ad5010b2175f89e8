"""What the Content-Security-Policy and the compiled styles ask of every template."""

import json
import re
from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))
DEMO_TEMPLATES = sorted((settings.BASE_DIR / "mtp" / "demo" / "templates").rglob("*.html"))
COMPONENTS = sorted((settings.BASE_DIR / "templates" / "components").glob("*.html"))
COMMENT = re.compile(r"\{#.*?#\}|\{% comment %\}.*?\{% endcomment %\}", re.DOTALL)
# Documents, mails and the operations admin: neither the portal's policy nor its styles reach them.
APART = {"admin", "documents", "mail", "email"}
FORBIDDEN = {
    "a style attribute": re.compile(r"<[a-z][^>]*\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "a script of its own": re.compile(r"<script\b(?![^>]*\ssrc=)", re.IGNORECASE),
    "a handler in an attribute": re.compile(
        r"<[a-z][^>]*\s(on[a-z]+|hx-on[:a-z-]*)\s*=", re.IGNORECASE
    ),
    "a class name put together": re.compile(r'class="[^"]*[a-z]-\{\{', re.IGNORECASE),
    "an attribute that cotton passes through unescaped": re.compile(
        r"<c-[^>]*\s:(hx-|data-|aria-|name|value|title)", re.IGNORECASE
    ),
}


def written(template: Path) -> str:
    """The template without its comments and without Django's tags, which may hold a `>`."""
    return re.sub(r"\{%.*?%\}", " ", COMMENT.sub("", template.read_text()))


@pytest.mark.parametrize("rule", FORBIDDEN)
def test_no_template_holds(rule: str) -> None:
    found = [
        str(template.relative_to(settings.BASE_DIR))
        for template in (*TEMPLATES, *DEMO_TEMPLATES)
        if template.is_relative_to(settings.BASE_DIR)
        and FORBIDDEN[rule].search(written(template))
        # Documents and mails are no pages: the portal's policy does not reach them.
        and not {"documents", "mail", "email"} & set(template.parts)
    ]
    assert found == []


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda path: path.stem)
def test_component_is_documented_and_shown(component: Path) -> None:
    assert component.read_text().startswith("{% comment %}")
    tag = f"<c-{component.stem.replace('_', '-')}"
    shown = (settings.BASE_DIR / "templates" / "styleguide.html").read_text()
    assert tag in shown


def test_every_class_is_in_the_compiled_styles() -> None:
    """A class that is not: a slip, or `npm run css` was forgotten."""
    styles = (settings.BASE_DIR / "static" / "css" / "app.css").read_text()
    known = {name.replace("\\", "") for name in re.findall(r"\.((?:[\w-]|\\.)+)", styles)}
    missing = {
        f"{template.relative_to(settings.BASE_DIR)}: {name}"
        for template in TEMPLATES
        if not APART & set(template.parts)
        for named in re.findall(r'\sclass="([^"]*)"', written(template))
        for name in re.sub(r"\{\{.*?\}\}", "", named).split()
        if name not in known
    }
    assert missing == set()


def test_package_lock_names_no_download_address() -> None:
    lock = json.loads((settings.BASE_DIR / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
