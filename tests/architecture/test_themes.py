"""Contrast in both themes: at least 4.5:1 for text, 3:1 for borders of fields."""

import re
from itertools import product

import pytest
from django.conf import settings

TEXT = 4.5
BORDER = 3.0
SURFACES = ("canvas", "surface", "raised", "subtle", "sidebar", "hover")
TONES = ("neutral", "success", "warning", "danger", "info")
CONTENT = ("primary", "neutral", "info", "success", "warning", "error")


def themes() -> dict[str, dict[str, str]]:
    """The colors of each theme by name, as styles/themes.css writes them."""
    source = (settings.BASE_DIR / "styles" / "themes.css").read_text()
    blocks = re.findall(r'@plugin "daisyui/theme" \{(.*?)\n\}', source, re.DOTALL)
    by_name = {}
    for block in blocks:
        name = re.search(r'name: "([a-z-]+)"', block)
        assert name
        by_name[name.group(1)] = dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))
    return by_name


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2 defines it."""

    def linear(channel: int) -> float:
        share = channel / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    red, green, blue = (linear(int(color[start : start + 2], 16)) for start in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The ratio of two colors, 1 to 21."""
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


PAIRS = [
    *(
        (text, surface, TEXT)
        for text, surface in product(("color-base-content", "muted", "link"), SURFACES)
    ),
    *((f"{tone}-text", f"{tone}-bg", TEXT) for tone in TONES),
    *((f"{tone}-text", "surface", TEXT) for tone in TONES),
    *((f"color-{tone}-content", f"color-{tone}", TEXT) for tone in CONTENT),
    ("color-primary-content", "primary-hover", TEXT),
    ("link", "selected", TEXT),
    *(("line-strong", surface, BORDER) for surface in ("canvas", "surface", "raised")),
    *(("focus", surface, BORDER) for surface in SURFACES),
    *((f"{tone}-fill", "surface", BORDER) for tone in ("success", "warning", "danger")),
]


@pytest.mark.parametrize("theme", ["mtp-light", "mtp-dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_each_pair_of_colors_has_enough_contrast(
    theme: str, front: str, back: str, least: float
) -> None:
    colors = themes()[theme]
    assert contrast(colors[front], colors[back]) >= least
