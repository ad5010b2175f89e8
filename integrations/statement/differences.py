"""The causes why Autotask bills another quantity than an organization's own. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from integrations.models.runs import Outcome


class Cause(StrEnum):
    """Why two numbers of an organization's month differ."""

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


# Decided by a person, or correct as they are; a person has to act on every other cause.
AGREED = (Cause.NON_BILLABLE, Cause.KEPT, Cause.WAITS, Cause.MAPPED_LATER)


@dataclass(frozen=True, slots=True)
class Difference:
    """A cause with its sentence."""

    cause: Cause
    text: str

    @property
    def is_agreed(self) -> bool:
        """Whether no person has to act on it."""
        return self.cause in AGREED


@dataclass(frozen=True, slots=True)
class Mapped:
    """The service that bills an organization from `first_month` on."""

    service: str
    non_billable_users: int
    first_month: date
    accepted_units: int | None


@dataclass(frozen=True, slots=True)
class Checked:
    """The month's last check; `units` None where it could not read any."""

    outcome: Outcome
    reason: str
    desired: int | None
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

    `count` is the organization's own high-water mark, `invoiced` the quantity on the provider's
    invoice, None before there is one. A service that was not checked never counts as agreement.
    """
    causes = list(_of_autotask(count, month, mapped, checked, has_drift=has_drift))
    if invoiced is not None and invoiced != count:
        text = f"The invoice says {invoiced:,}, the usage ledger {count:,}: verify the month."
        causes.append(Difference(Cause.INVOICED_OTHERWISE, text))
    return tuple(causes)


def _of_autotask(
    count: int, month: date, mapped: Mapped | None, checked: Checked | None, *, has_drift: bool
) -> Iterator[Difference]:
    if mapped is None:
        if count:
            yield Difference(Cause.NOT_MAPPED, "Not billed in Autotask: not mapped.")
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
        yield _gap(mapped, checked, desired=count - not_billed, has_drift=has_drift)


def _gap(mapped: Mapped, checked: Checked, *, desired: int, has_drift: bool) -> Difference:
    """Why Autotask does not hold the desired units."""
    numbers = f"Autotask has {checked.units:,} instead of {desired:,}."
    if has_drift or checked.outcome == Outcome.DRIFT:
        text = f"{numbers} A person changed it there, and no administrator has decided yet."
        return Difference(Cause.DRIFT, text)
    if checked.outcome == Outcome.KEPT and mapped.accepted_units == checked.units:
        return Difference(Cause.KEPT, f"{numbers} A person decided that its number stays.")
    if checked.outcome == Outcome.WAITS:
        text = f"{numbers} The decrease counts from the next month."
        return Difference(Cause.WAITS, text)
    if checked.outcome not in (Outcome.CHANGED, Outcome.UNCHANGED):
        return Difference(Cause.NOT_DONE, f"{numbers} {checked.reason}".strip())
    if checked.desired != desired:
        text = f"{numbers} The count moved after the last run; the next one brings it."
        return Difference(Cause.MOVED_SINCE, text)
    return Difference(Cause.UNEXPLAINED, f"{numbers} No run says why: look at its history.")
