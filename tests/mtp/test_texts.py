"""The list of all texts that people read, for review."""

import csv
import io

import pytest
from django.core.management import call_command

from mtp.texts.collected import collected

# Texts that say nothing to the reader, and what says it (docs/GLOSSARY.md).
RIDDLES = {
    "at this address": "Page not found",
    "yours to see": "you don't have access",
    "whose number": "Use … (portal), Keep … (Autotask)",
    "Set ours": "Use … (portal)",
    "For a person": "Needs review",
    "Worked out as": "Preview. Nothing is issued or charged.",
    "Have the place": "You will see the key once.",
    "Sent twice": "leave it out",
    "exactly you say it": "Tell us what looks wrong.",
    "Should we agree": "If we agree",
    "letters and invoices": "Company details, invoice recipients and payment method",
    "No money": "No billing access",
    "what may still come": "Projected bill",
    "never fall": "It can’t go down",
    "to be passed": "Reaching their cap",
    "the middle of what": "Rows are medians",
    "nine in ten": "90% range",
    "to leave it as it is": "blank = no change",
    "began at this level": "Same as last month; no new peak",
    "bills nothing for it": "Not billed in Autotask",
    "Needs you now": "Needs attention",
    "with nothing known": "missed by … on average",
}


@pytest.fixture(scope="module")
def listed() -> list[list[str]]:
    output = io.StringIO()
    call_command("texts", stdout=output)
    return list(csv.reader(io.StringIO(output.getvalue())))


def test_the_list_has_pages_mails_documents_and_messages(listed: list[list[str]]) -> None:
    assert listed[0] == ["File", "Line", "Text"]
    texts = {(path, text) for path, _, text in listed[1:]}
    assert ("templates/404.html", "Go to the start page") in texts
    assert ("tenants/forms.py", "This organization already has a user with this e-mail.") in texts
    assert any(path.startswith("templates/billing/mail/") for path, _ in texts)
    assert any(path.startswith("templates/billing/documents/") for path, _ in texts)
    # A value that is put in is an ellipsis, and a docstring is no text.
    assert any("…" in text for _, text in texts)
    assert not any("Every text that people read" in text for _, text in texts)


def test_the_list_can_be_searched() -> None:
    output = io.StringIO()
    call_command("texts", containing="START PAGE", stdout=output)
    rows = list(csv.reader(io.StringIO(output.getvalue())))[1:]
    assert rows
    assert all("start page" in text.casefold() for _, _, text in rows)


@pytest.mark.parametrize("riddle", RIDDLES)
def test_no_text_is_a_riddle(riddle: str) -> None:
    found = [f"{each.path}:{each.line}" for each in collected() if riddle in each.text]
    assert not found, f"Say: {RIDDLES[riddle]}"
