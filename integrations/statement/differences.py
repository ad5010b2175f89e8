"""Why Autotask bills another quantity than an organization had: each difference by name. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from integrations.models.runs import Outcome


class Cause(StrEnum):
    """What makes two numbers of a client's month differ."""

    NOT_MAPPED = "not_mapped"
    MAPPED_LATER = "mapped_later"
    NOT_CHECKED = "not_checked"
    NON_BILLABLE = "non_billable"
    DRIFT = "drift"
    KEPT = "kept"
    WAITS = "waits"
    NOT_DONE = "not_done"
    MOVED_SINCE = "moved_since"
    UNEXPLAINED = "unexplained"
    INVOICED_OTHERWISE = "invoiced_otherwise"


# What was decided or is in order by itself; everything else is for a person.
AGREED = (Cause.NON_BILLABLE, Cause.KEPT, Cause.WAITS, Cause.MAPPED_LATER)


@dataclass(frozen=True, slots=True)
class Difference:
    """One cause in a sentence."""

    cause: Cause
    text: str

    @property
    def is_agreed(self) -> bool:
        """Whether nobody has to do anything about it."""
        return self.cause in AGREED


@dataclass(frozen=True, slots=True)
class Mapped:
    """The service that bills an organization, from its first month on."""

    service: str
    non_billable_users: int
    first_month: date
    kept_units: int | None


@dataclass(frozen=True, slots=True)
class Checked:
    """What the month's last run found; `units` None where it could not see any."""

    outcome: Outcome
    reason: str
    wanted: int | None
    units: int | None
    at: datetime


def differences(
    *,
    count: int,
    invoiced: int | None,
    month: date,
    mapped: Mapped | None,
    checked: Checked | None,
    has_drift: bool,
) -> tuple[Difference, ...]:
    """Each cause that applies, and at least one wherever the numbers differ.

    `count` is the organization's own high-water mark, `invoiced` what the provider's invoice says,
    None before there is one. Nothing looked at is a cause as well: it never reads as agreement.
    """
    found = list(_of_autotask(count, month, mapped, checked, has_drift=has_drift))
    if invoiced is not None and invoiced != count:
        text = f"The invoice says {invoiced:,}, the books {count:,}: verify the month."
        found.append(Difference(Cause.INVOICED_OTHERWISE, text))
    return tuple(found)


def _of_autotask(
    count: int, month: date, mapped: Mapped | None, checked: Checked | None, *, has_drift: bool
) -> Iterator[Difference]:
    if mapped is None:
        if count:
            yield Difference(Cause.NOT_MAPPED, "Not mapped: Autotask bills nothing for it.")
        return
    if mapped.first_month > month:
        text = f"Mapped from {mapped.first_month:%B %Y} on: this month is not Autotask's."
        yield Difference(Cause.MAPPED_LATER, text)
        return
    if checked is None or checked.units is None:
        reason = checked.reason if checked else "No run has checked this month yet."
        yield Difference(Cause.NOT_CHECKED, f"Not checked. {reason}".strip())
        return
    not_billed = min(mapped.non_billable_users, count)
    if not_billed:
        noun = "user is" if not_billed == 1 else "users are"
        text = f"{not_billed:,} {noun} not billed, as mapped."
        yield Difference(Cause.NON_BILLABLE, text)
    if checked.units != count - not_billed:
        yield _gap(mapped, checked, wanted=count - not_billed, has_drift=has_drift)


def _gap(mapped: Mapped, checked: Checked, *, wanted: int, has_drift: bool) -> Difference:
    """Why Autotask does not have what it should have."""
    numbers = f"Autotask has {checked.units:,} instead of {wanted:,}."
    if has_drift or checked.outcome == Outcome.DRIFT:
        text = f"{numbers} Somebody changed it there, and nobody has decided yet."
        return Difference(Cause.DRIFT, text)
    if checked.outcome == Outcome.KEPT and mapped.kept_units == checked.units:
        return Difference(Cause.KEPT, f"{numbers} A person decided that its number stays.")
    if checked.outcome == Outcome.WAITS:
        text = f"{numbers} The decrease counts from the next month."
        return Difference(Cause.WAITS, text)
    if checked.outcome not in (Outcome.CHANGED, Outcome.UNCHANGED):
        return Difference(Cause.NOT_DONE, f"{numbers} {checked.reason}".strip())
    if checked.wanted != wanted:
        text = f"{numbers} The count moved after the last run; the next one brings it."
        return Difference(Cause.MOVED_SINCE, text)
    return Difference(Cause.UNEXPLAINED, f"{numbers} No run says why: look at its history.")
