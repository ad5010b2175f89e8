"""Templates: no inline scripts or styles, compiled classes only, documented components."""

import json
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.template import engines

FOLDER = settings.BASE_DIR / "templates"
TEMPLATES = sorted(FOLDER.rglob("*.html"))
DEMO_TEMPLATES = sorted((settings.BASE_DIR / "mtp" / "demo" / "templates").rglob("*.html"))
# Templates of Jinja2; those of the operations admin are in Django's language.
OURS = sorted(
    path.relative_to(FOLDER).as_posix()
    for path in (*TEMPLATES, *FOLDER.rglob("*.txt"))
    if "operations" not in path.parts
)
COMPONENTS = (FOLDER / "components" / "ui.html").read_text()
COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
# Documents, mails and the operations admin have neither the portal's policy nor its styles.
APART = {"admin", "documents", "mail", "email"}
FORBIDDEN = {
    "a style attribute": re.compile(r"<[a-z][^>]*\sstyle\s*=", re.IGNORECASE),
    "a style element": re.compile(r"<style\b", re.IGNORECASE),
    "an inline script": re.compile(r"<script\b(?![^>]*\ssrc=)", re.IGNORECASE),
    "a handler in an attribute": re.compile(
        r"<[a-z][^>]*\s(on[a-z]+|hx-on[:a-z-]*)\s*=", re.IGNORECASE
    ),
    "a concatenated class name": re.compile(r'class="[^"]*[a-z]-\{\{', re.IGNORECASE),
}


def written(template: Path) -> str:
    """The template without its comments, statements and expressions, which may hold a `>`."""
    text = re.sub(r"\{%.*?%\}", " ", COMMENT.sub("", template.read_text()))
    return re.sub(r"\{\{.*?\}\}", "{{}}", text)


def classes(template: Path) -> set[str]:
    """Class names in `class` attributes and in `class` arguments of components."""
    text = COMMENT.sub("", template.read_text())
    expressions = re.findall(r"\{\{.*?\}\}|\{%.*?%\}", text)
    named = [
        *re.findall(r'\sclass="([^"]*)"', written(template)),
        *(one for part in expressions for one in re.findall(r'\bclass="([^"]*)"', part)),
    ]
    return {name for one in named for name in one.replace("{{}}", "").split()}


@pytest.mark.parametrize("rule", FORBIDDEN)
def test_no_template_contains(rule: str) -> None:
    matches = [
        str(template.relative_to(settings.BASE_DIR))
        for template in (*TEMPLATES, *DEMO_TEMPLATES)
        if template.is_relative_to(settings.BASE_DIR)
        and FORBIDDEN[rule].search(written(template))
        # The portal's Content-Security-Policy does not apply to documents and mails.
        and not {"documents", "mail", "email"} & set(template.parts)
    ]
    assert matches == []


def test_no_argument_concatenates_a_class_name() -> None:
    put = re.compile(r'\bclass="[^"]*-"\s*~')
    assert [path for path in TEMPLATES if put.search(COMMENT.sub("", path.read_text()))] == []


@pytest.mark.parametrize("name", OURS)
def test_each_template_compiles(name: str) -> None:
    engines["jinja2"].get_template(name)


@pytest.mark.parametrize("component", re.findall(r"\{% macro (\w+)", COMPONENTS))
def test_each_component_is_documented_and_in_the_style_guide(component: str) -> None:
    assert re.search(rf"^#\}}\n\{{% macro {component}\(", COMPONENTS, re.MULTILINE)
    assert f"ui.{component}(" in (FOLDER / "styleguide.html").read_text()


def test_every_class_is_in_the_compiled_styles() -> None:
    """If one is missing, its name is wrong or `make css` did not run."""
    styles = (settings.BASE_DIR / "static" / "css" / "app.css").read_text()
    known = {name.replace("\\", "") for name in re.findall(r"\.((?:[\w-]|\\.)+)", styles)}
    missing = {
        f"{template.relative_to(settings.BASE_DIR)}: {name}"
        for template in TEMPLATES
        if not APART & set(template.parts)
        for name in classes(template)
        if name not in known
    }
    assert missing == set()


def test_the_styles_stay_light() -> None:
    """Only what a template, form or chart names is compiled: no class is kept for later."""
    assert (settings.BASE_DIR / "static" / "css" / "app.css").stat().st_size < 70_000


def test_package_lock_names_no_download_address() -> None:
    lock = json.loads((settings.BASE_DIR / "package-lock.json").read_text())
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []
