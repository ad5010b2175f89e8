"""The documents' own fonts: which characters they have, and the renderer's view of them."""

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
    """The renderer's fonts, ours and no other of this machine; made once per process."""
    # fontconfig looks the variable up when the configuration is made, and only then.
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
    """Every character that one of our fonts has a glyph for."""
    return _characters_of("*.ttf")


@cache
def monospaced_characters() -> frozenset[str]:
    """Those of the annex' font: each half an em wide."""
    return _characters_of(f"{MONOSPACED}-*.ttf")


def _characters_of(pattern: str) -> frozenset[str]:
    characters: set[str] = set()
    for path in FONTS.glob(pattern):
        with TTFont(path, lazy=True) as font:
            characters.update(map(chr, font.getBestCmap()))
    return frozenset(characters)
