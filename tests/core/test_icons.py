"""Icons come from one sprite that holds every icon in use and no other."""

import pytest

from core.templating.icons import UnknownIcon, icon, names_in_sprite
from core.templating.sprite import used


def test_the_sprite_holds_the_icons_in_use_and_no_others() -> None:
    """If not: `make icons`."""
    assert names_in_sprite() == used()


def test_an_icon_is_decorative_unless_it_has_a_label() -> None:
    assert icon("plus", size=14) == (
        '<svg width="14" height="14" aria-hidden="true">'
        '<use href="/static/img/icons.svg#plus"/></svg>'
    )
    assert 'role="img" aria-label="Done: &lt;it&gt;"' in icon("plus", label="Done: <it>")
    assert icon("plus", **{"class": "text-muted"}).startswith('<svg class="text-muted"')


def test_an_unknown_icon_is_refused() -> None:
    with pytest.raises(UnknownIcon):
        icon("no-such-icon")
