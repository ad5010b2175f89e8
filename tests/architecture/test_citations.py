"""Facts and decisions that the code cites, and paths that the documents name, exist."""

import re

from tests.architecture.test_words import ROOT, files

CITED = re.compile(
    r"docs/facts/(?P<fact>\w+)\.md(?:,\s+(?:#\s+)?\"?(?P<section>[A-Z]\w+))?"
    r"|(?:decisions/|[Dd]ecision )(?P<decision>\d{4})"
)
IN_BACKTICKS = re.compile(r"`([^`\s]+)`")
FILE_NAME = re.compile(r"[\w*./-]+\.(?:py|sql|sh|html|txt|md|css|js|csv|yml|toml)")


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


def test_paths_named_in_documents_exist() -> None:
    folders = [path for path in ROOT.iterdir() if path.is_dir() and _is_ours(path.name)]
    missing = [
        f"{document.relative_to(ROOT)}: {name}"
        for document in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
        for name in IN_BACKTICKS.findall(document.read_text(encoding="utf-8"))
        if name[0] not in "./"
        and (FILE_NAME.fullmatch(name) or ROOT / name.split("/")[0] in folders)
        and not any(ROOT.glob(name))
        and not any(path for folder in folders for path in folder.rglob(name))
    ]
    assert missing == []


def test_each_decision_has_its_own_number() -> None:
    numbers = [path.name[:4] for path in (ROOT / "docs" / "decisions").glob("*.md")]
    assert sorted(numbers) == sorted(set(numbers))


def _has_section(text: str, section: str | None) -> bool:
    """Whether a heading, or the first cell of a table's row, starts with the word."""
    return section is None or re.search(rf"^(?:#+|\|) {section}\b", text, re.MULTILINE) is not None


def _is_ours(folder: str) -> bool:
    return folder[0] != "." and folder != "node_modules"
