"""The two parts of a mail, plain text and HTML, in the one layout of `templates/mail/base.*`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from django.conf import settings
from django.template.loader import render_to_string

PRODUCT = "Multi-Tenant Portal"
# As much as mail programs show beside a subject.
LONGEST_PREHEADER = 140


@dataclass(frozen=True, slots=True)
class Letterhead:
    """Who sends a mail, why its reader gets it, and the address to ask; every mail says it.

    `why` is a sentence. Without `contact` no address is named.
    """

    sender: str
    why: str
    contact: str = ""

    @property
    def sent_by(self) -> str:
        """The last sentence of a mail."""
        return f"Sent by {self.sender} through the {PRODUCT}."

    @classmethod
    def of_seller(cls, *, why: str) -> "Letterhead":
        """Of a mail of the seller to a provider; its support answers."""
        return cls(settings.SELLER["name"], why, settings.SUPPORT_EMAIL)

    @classmethod
    def of_operations(cls) -> "Letterhead":
        """Of a mail to the seller's own people."""
        return cls("MTP operations", "You get this mail because you operate the portal.")


class MailParts(TypedDict):
    """The parts as `queue_mail` takes them."""

    text: str
    html: str


def mail_parts(
    template: str, *, letterhead: Letterhead, context: Mapping[str, Any], preheader: str = ""
) -> MailParts:
    """Render `<template>.txt` and `<template>.html`, as the `text` and `html` of `queue_mail`.

    The preheader, which mail programs show beside the subject, is the text's first paragraph,
    unless another is given. The context has the `subject`.
    """
    values = {**context, "letterhead": letterhead}
    text = render_to_string(f"{template}.txt", values).lstrip()
    shown = shortened(preheader or text.partition("\n\n")[0])
    html = render_to_string(f"{template}.html", {**values, "preheader": shown})
    # Values that are absent leave more than one empty line.
    return {"text": re.sub(r"\n{3,}", "\n\n", text), "html": html}


def shortened(text: str) -> str:
    """The text on one line, cut at a word if it is longer than a preheader."""
    line = " ".join(text.split())
    if len(line) <= LONGEST_PREHEADER:
        return line
    return line[:LONGEST_PREHEADER].rpartition(" ")[0] + " …"
