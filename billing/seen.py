"""Tokens of what a form showed: a form that is sent twice is done once (docs/decisions/0033).

A form carries `seen_token` of the facts on which the person decides. The change computes the token
again under its lock, and `require_seen` refuses if both differ.
"""

import hashlib

LENGTH = 32


class ChangeRefused(Exception):
    """A change by a person is not possible and nothing was changed.

    The message is shown to the person; `field` names the form field to change.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class ChangedSince(ChangeRefused):
    """What the person saw is not so any more, mostly because the same form was done already."""


def seen_token(*facts: object) -> str:
    """A short text that is the same for the same facts only; their `repr` has to state them."""
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:LENGTH]


def require_seen(seen: str | None, *, now: str, subject: str) -> None:
    """Raise `ChangedSince` if the token that was sent is not the token of `subject` now.

    Call it under the lock of the change. None checks nothing: no person decided.
    """
    if seen is not None and seen != now:
        raise ChangedSince(
            f"{subject} changed since this page was opened. Look at it again before you decide."
        )
