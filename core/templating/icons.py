"""Icons: each page refers to one sprite, `static/img/icons.svg`, that browsers keep."""

import re
from functools import lru_cache

from django.conf import settings
from django.templatetags.static import static
from markupsafe import Markup

SPRITE = "img/icons.svg"


class UnknownIcon(LookupError):
    """The sprite has no icon of this name; `make icons` puts every icon that is used into it."""


@lru_cache(maxsize=1)
def names_in_sprite() -> frozenset[str]:
    """The icons that the sprite holds."""
    sprite = (settings.BASE_DIR / "static" / SPRITE).read_text(encoding="utf-8")
    return frozenset(re.findall(r'<symbol id="([a-z0-9-]+)"', sprite))


@lru_cache(maxsize=1024)
def icon(name: str, size: int = 20, label: str = "", **extra: str) -> Markup:
    """The icon as SVG, decorative unless `label` names it for screen readers.

    `size` in pixels (inside buttons, badges and links CSS decides); `class` adds classes.
    """
    if name not in names_in_sprite():
        raise UnknownIcon(name)
    classes = Markup(' class="{}"').format(extra["class"]) if extra.get("class") else ""
    named = (
        Markup('role="img" aria-label="{}"').format(label)
        if label
        else Markup('aria-hidden="true"')
    )
    return Markup('<svg{} width="{}" height="{}" {}><use href="{}#{}"/></svg>').format(
        classes, size, size, named, static(SPRITE), name
    )
