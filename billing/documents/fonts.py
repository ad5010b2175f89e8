"""The fonts of the documents and their characters."""

from functools import cache
from pathlib import Path

FONTS = Path(__file__).parent / "font_files"
MONOSPACED = "Inconsolata"
# Begins the names of the fonts for what the others lack; the renderer finds them without styles.
FALLBACK = "Fallback"


@cache
def printable_characters() -> frozenset[str]:
    """The characters with a glyph in at least one of our fonts."""
    return characters_of("*.[to]tf")


@cache
def monospaced_characters() -> frozenset[str]:
    """The characters of the annex's font, each half an em wide."""
    return characters_of(f"{MONOSPACED}-*.ttf")


def characters_of(pattern: str) -> frozenset[str]:
    """The characters of the fonts whose file names match."""
    from fontTools.ttLib import TTFont  # noqa: PLC0415 - a tenth of each start without it

    characters: set[str] = set()
    for path in FONTS.glob(pattern):
        with TTFont(path, lazy=True) as font:
            characters.update(map(chr, font.getBestCmap()))
    return frozenset(characters)
