"""Every mail is in the one layout, as text and as HTML, and has one button."""

from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES = Path(settings.BASE_DIR) / "templates"
FOLDERS = ("mail", "email")
MAILS = sorted(
    path.relative_to(TEMPLATES)
    for path in TEMPLATES.rglob("*.html")
    if path.parent.name in FOLDERS
    and not path.name.startswith("_")
    and not path.stem.endswith("base")
    and path.stem != "parts"
)


def lineage(name: Path | str) -> list[str]:
    """The texts of a template and of all that it extends."""
    text = (TEMPLATES / name).read_text()
    parent = text.partition('{% extends "')[2].partition('"')[0] if "{% extends" in text else ""
    return [text, *(lineage(parent) if parent else [])]


@pytest.mark.parametrize("mail", MAILS, ids=str)
def test_a_mail_is_in_the_one_layout_as_text_and_as_html(mail: Path) -> None:
    plain = mail.with_suffix(".txt")
    for part, layout in ((mail, "mail/base.html"), (plain, "mail/base.txt")):
        assert lineage(part)[-1] == (TEMPLATES / layout).read_text(), part
    buttons = [text for text in lineage(mail) if "mail.button(" in text]
    assert buttons, "it says where to go"
    # Colors are in the layout and its parts, where the dark theme knows them.
    for text in lineage(mail)[:-1]:
        assert "#4a53d8;color:#ffffff" not in text


def test_there_are_mails() -> None:
    assert len(MAILS) > 20
