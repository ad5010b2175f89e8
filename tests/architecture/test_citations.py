"""Facts and decisions that the code cites exist in docs/."""

import re

from tests.architecture.test_words import ROOT, files

CITED = re.compile(
    r"docs/facts/(?P<fact>\w+)\.md(?:,\s+(?:#\s+)?\"?(?P<section>[A-Z]\w+))?"
    r"|(?:decisions/|[Dd]ecision )(?P<decision>\d{4})"
)


def test_cited_facts_and_decisions_exist() -> None:
    facts = {path.stem: path.read_text() for path in (ROOT / "docs" / "facts").glob("*.md")}
    decisions = {path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")}
    missing = [
        f"{path.relative_to(ROOT)}: {cited.group()}"
        for path in files()
        for cited in CITED.finditer(path.read_text(encoding="utf-8"))
        if not (
            cited["decision"] in decisions
            or (cited["fact"] in facts and _has_section(facts[cited["fact"]], cited["section"]))
        )
    ]
    assert missing == []


def _has_section(text: str, section: str | None) -> bool:
    """Whether a heading, or the first cell of a table's row, starts with the word."""
    return section is None or re.search(rf"^(?:#+|\|) {section}\b", text, re.MULTILINE) is not None
