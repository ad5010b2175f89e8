"""Makes the fonts `Fallback-*` from Noto: `python -m billing.documents.make_fallback_fonts FOLDER`.

FOLDER holds the fonts of Debian's fonts-noto-core and fonts-noto-cjk, and of the npm package
@fontsource/noto-emoji (its woff2 files). No character is in two of all fonts, so the order in which
the renderer finds the files does not matter.
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fontTools.merge import Merger
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTCollection, TTFont

from billing.documents.fonts import FALLBACK, FONTS, characters_of

# The scripts that people write their names in today; historic ones are left to the number.
SCRIPTS = (
    *("Armenian", "Bengali", "Ethiopic", "Georgian", "Gujarati", "Gurmukhi", "Kannada", "Khmer"),
    *("Lao", "Malayalam", "Myanmar", "Oriya", "Sinhala", "Tamil", "Telugu", "Thaana", "Tibetan"),
    *("Adlam", "Balinese", "Bamum", "Batak", "CanadianAboriginal", "Chakma", "Cham", "Cherokee"),
    *("HanifiRohingya", "Javanese", "KayahLi", "Lepcha", "Limbu", "Lisu", "Mandaic"),
    *("MeeteiMayek", "Miao", "Mongolian", "NKo", "NewTaiLue", "Newa", "OlChiki", "Osage"),
    *("Saurashtra", "Sundanese", "SylotiNagri", "Syriac", "TaiLe", "TaiTham", "TaiViet"),
    *("Tifinagh", "Vai", "Wancho", "Yi"),
)
# Each font needs its own of these: spaces, joiners, and the dotted circle below a lone mark.
SHARED = frozenset({0x20, 0xA0, 0x200C, 0x200D, 0x25CC})
LETTERS_OF_MATHEMATICS = range(0x1D400, 0x1D800)
SIMPLIFIED_CHINESE = 2


def main(source: Path) -> None:
    """Write the fonts and print their sizes."""
    for old in FONTS.glob(f"{FALLBACK}-*"):
        old.unlink()
    taken = {ord(each) for each in characters_of("*.ttf")}
    for name, path, font in _sources(source):
        available = set(font.getBestCmap())
        if name == "Math":
            available &= set(LETTERS_OF_MATHEMATICS)
        wanted = available - taken - set(range(0x20))
        taken |= wanted - SHARED
        if not wanted:
            continue
        _write(font, wanted | (available & SHARED), name)
        print(f"{name}: {len(wanted)} characters of {path.name}")


def _sources(source: Path) -> Iterable[tuple[str, Path, Any]]:
    files = {path.name: path for path in source.rglob("*.[to]t[fc]")}
    for script in ("", *SCRIPTS, "Symbols", "Math", "Symbols2"):
        style = "Serif" if script == "Tibetan" else "Sans"
        path = files[f"Noto{style}{script}-Regular.ttf"]
        yield script or "Latin", path, TTFont(path)
    collection = files["NotoSansCJK-Regular.ttc"]
    yield "Han", collection, TTCollection(collection).fonts[SIMPLIFIED_CHINESE]
    emoji = sorted(source.rglob("noto-emoji-*-400-normal.woff2"))
    yield "Emoji", emoji[0].parent, _merged(emoji)


def _merged(paths: list[Path]) -> Any:
    """One font of the parts that npm has for the web."""
    for path in paths:
        part = TTFont(path)
        part.flavor = None
        part.save(path.with_suffix(".part"))
    return Merger().merge([str(path.with_suffix(".part")) for path in paths])


def _write(font: Any, characters: set[int], name: str) -> None:
    options = Options(hinting=False, layout_features=["*"], glyph_names=False, notdef_outline=True)
    options.drop_tables += ["DSIG", "vhea", "vmtx", "VORG", "BASE", "meta"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters)
    subsetter.subset(font)
    for record in list(font["name"].names):
        font["name"].removeNames(nameID=record.nameID)
    # No two have one name: the renderer takes such fonts for one.
    named = f"{FALLBACK} {name}"
    for number, text in ((1, named), (2, "Regular"), (4, named), (6, f"{FALLBACK}-{name}")):
        font["name"].setName(text, number, 3, 1, 0x409)
    font["OS/2"].usWeightClass = 400
    font.flavor = None
    suffix = "otf" if "CFF " in font else "ttf"
    font.save(FONTS / f"{FALLBACK}-{name}.{suffix}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
