"""The fonts of the documents: their characters and the configuration of the renderer."""

import os
import threading
from functools import cache
from pathlib import Path

from fontTools.ttLib import TTFont
from weasyprint.text.fonts import FontConfiguration

FONTS = Path(__file__).parent / "font_files"
MONOSPACED = "Inconsolata"

_environment = threading.Lock()


@cache
def font_configuration() -> FontConfiguration:
    """The font configuration of the renderer: only our fonts, none of the machine's. Cached."""
    # fontconfig reads the variable only while it creates a configuration.
    with _environment:
        before = os.environ.get("FONTCONFIG_FILE")
        os.environ["FONTCONFIG_FILE"] = str(FONTS / "fonts.conf")
        try:
            return FontConfiguration()
        finally:
            if before is None:
                del os.environ["FONTCONFIG_FILE"]
            else:
                os.environ["FONTCONFIG_FILE"] = before


@cache
def printable_characters() -> frozenset[str]:
    """The characters with a glyph in at least one of our fonts."""
    return _characters_of("*.ttf")


@cache
def monospaced_characters() -> frozenset[str]:
    """The characters of the annex's font, each half an em wide."""
    return _characters_of(f"{MONOSPACED}-*.ttf")


def _characters_of(pattern: str) -> frozenset[str]:
    characters: set[str] = set()
    for path in FONTS.glob(pattern):
        with TTFont(path, lazy=True) as font:
            characters.update(map(chr, font.getBestCmap()))
    return frozenset(characters)
