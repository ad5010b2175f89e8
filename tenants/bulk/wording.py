"""What pages and messages say about an action."""

from collections.abc import Mapping

from core.templating.values import plural
from tenants.models import BulkAction

Verb = BulkAction.Verb

_PEAK = "This month’s peak stays: it can’t go down. Next month begins with fewer"
# What the action means for what is counted and billed, before it is done.
CONSEQUENCES: Mapping[str, str] = {
    Verb.REMOVE: f"They stop counting at once. {_PEAK}.",
    Verb.SUSPEND: "Suspended users still count: this month’s bill and the next stay as they are.",
    Verb.REACTIVATE: "They counted while they were suspended: no bill changes.",
    Verb.MOVE: (
        "They leave and join at one instant. This month’s high-water mark stays where they leave, "
        "and may rise where they join."
    ),
    Verb.SET_CAP: (
        "A cap changes no bill: it only stops additions. Where there are as many users already, "
        "no user is removed, and none can be added."
    ),
    Verb.TAG: "A tag changes no count and no bill.",
    Verb.UNTAG: "A tag changes no count and no bill.",
    Verb.ARCHIVE: (
        "Archived organizations are hidden from lists and count nothing. An organization that has "
        "users or devices is left as it is. This month’s usage is still billed, and invoices keep "
        "the name."
    ),
    Verb.RESTORE: "They come back with their caps and tags, and take organizations of your limit.",
    Verb.RESEND: (
        "Each person gets a new link, which works once for 7 days. The links of earlier mails stop "
        "working."
    ),
}
_DONE: Mapping[str, str] = {
    Verb.REMOVE: "removed",
    Verb.SUSPEND: "suspended, and still counted",
    Verb.REACTIVATE: "reactivated",
    Verb.MOVE: "moved",
    Verb.SET_CAP: "capped",
    Verb.TAG: "tagged",
    Verb.UNTAG: "changed",
    Verb.ARCHIVE: "archived",
    Verb.RESTORE: "restored",
    Verb.RESEND: "sent again",
}


def rows_text(action: BulkAction, count: int) -> str:
    """As in "3 users"."""
    return f"{count:,} {action.noun}{plural(count)}"


def title(action: BulkAction) -> str:
    """As in "Remove 3 users"."""
    chosen = rows_text(action, action.chosen)
    if action.verb == Verb.SET_CAP:
        return f"Set the cap of {chosen}"
    if action.verb == Verb.RESEND:
        return f"Send {chosen} again"
    if action.verb in (Verb.TAG, Verb.UNTAG):
        return f"{action.get_verb_display()}: {chosen}"
    return f"{action.get_verb_display()} {chosen}"


def done_text(action: BulkAction) -> str:
    """As in "3 users were removed."."""
    were = "was" if action.done == 1 else "were"
    text = f"{rows_text(action, action.done)} {were} {_DONE[action.verb]}"
    if action.verb == Verb.MOVE:
        text = f"{text} to {action.options['organization_name']}"
    return f"{text}."


def undone_text(action: BulkAction, undone: int) -> str:
    """What an undo did, and how it counts."""
    rows = rows_text(action, undone)
    if action.verb == Verb.REMOVE:
        count = "counts" if undone == 1 else "count"
        return f"Undone: {rows} {count} as if never removed."
    if action.verb == Verb.SET_CAP:
        return f"Undone: {rows} {'has its' if undone == 1 else 'have their'} former cap."
    return f"Undone for {rows}. No count changed."
