"""Makes the sprite of icons: `python -m core.templating.sprite`, by `make icons`.

It holds the outline icons of heroicons (npm) that templates and Python name, and no others.
"""

import re
from pathlib import Path

BASE = Path(__file__).resolve().parents[2]
SOURCE = BASE / "node_modules/heroicons/24/outline"
SPRITE = BASE / "static/img/icons.svg"
# As an argument `icon`, and into the filter `icon`.
NAMED = re.compile(r"""\bicon=["']([a-z0-9-]+)["']|["']([a-z0-9-]+)["']\|icon\b""")
DRAWING = re.compile(r"<svg[^>]*>(.*)</svg>", re.DOTALL)


def used() -> set[str]:
    """Every icon that a template, or Python outside of the tests, names."""
    files = [*(BASE / "templates").rglob("*.html")]
    for app in ("core", "accounts", "tenants", "usage", "billing", "integrations", "mtp"):
        files += (BASE / app).rglob("*.py")
    return {
        next(filter(None, found))
        for file in files
        for found in NAMED.findall(file.read_text(encoding="utf-8"))
    }


def drawn(name: str) -> str:
    """One icon as a symbol; its strokes take the text's colour where it is used."""
    found = DRAWING.search((SOURCE / f"{name}.svg").read_text(encoding="utf-8"))
    if found is None:
        raise ValueError(f"{name}.svg of heroicons is no drawing")
    drawing = re.sub(r"\s*\n\s*", "", found[1].strip())
    return (
        f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor"'
        f' stroke-width="1.5">{drawing}</symbol>'
    )


def main() -> None:
    """Write the sprite."""
    symbols = "\n".join(drawn(name) for name in sorted(used()))
    text = f'<svg xmlns="http://www.w3.org/2000/svg">\n{symbols}\n</svg>\n'
    SPRITE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
