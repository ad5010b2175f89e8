"""How templates escape what they print: as MarkupSafe does, without an object for each text.

A page prints a thousand texts, and most have nothing to escape. Compiled templates take `escape`
from `jinja2.runtime` when they are loaded, so `escape_quickly` puts this one there; without it
pages are the same and slower.
"""

import re
from typing import Any

import markupsafe
from django.utils.safestring import SafeString
from jinja2 import runtime
from markupsafe import Markup

_SPECIAL = re.compile("[&<>\"']").search
_SAFE = (Markup, SafeString)


def escape(value: Any) -> str:
    """The text of a value for HTML; what is marked as safe stays as it is."""
    kind = type(value)
    if kind is str:
        return value if _SPECIAL(value) is None else markupsafe.escape(value)
    return value if kind in _SAFE else markupsafe.escape(value)


def escape_quickly() -> None:
    """Let templates that are loaded from now on use `escape`."""
    runtime.escape = escape  # type: ignore[attr-defined, assignment] # templates print what it returns
