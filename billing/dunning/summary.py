"""The texts of an outstanding balance, for the banner, the account pages and the mails."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from billing.dunning.stages import Debt, DunningStage, DunningStatus
from billing.formatting import date_text, instant_text
from billing.money import format_money


@dataclass(frozen=True, slots=True)
class DebtRow:
    """An outstanding invoice with the instants of its steps, in the billing time zone."""

    invoice_id: int
    number: str
    owed: str
    due: str
    next_attempt_at: str
    outstanding_at: str
    thirty_days_at: str
    suspended_at: str


@dataclass(frozen=True, slots=True)
class DunningSummary:
    """The texts of a `DunningStatus`; `restoring` names what must be paid to restore access."""

    is_outstanding: bool
    is_thirty_days: bool
    is_suspended: bool
    owed: str
    rows: tuple[DebtRow, ...]
    restoring: str
    next_step: str
    deferred_until: str
    zone: ZoneInfo

    @classmethod
    def of(cls, status: DunningStatus, *, zone: ZoneInfo) -> "DunningSummary":
        """Instants get their UTC offset; amounts of several currencies are joined by "and"."""
        until = status.deferred_until
        return cls(
            is_outstanding=status.stage is DunningStage.OUTSTANDING,
            is_thirty_days=status.stage is DunningStage.THIRTY_DAYS,
            is_suspended=status.is_suspended,
            owed=_sum(status.debts),
            rows=tuple(_row(debt, until) for debt in status.debts),
            restoring=_restoring(status),
            next_step=_next_step(status, zone),
            deferred_until=instant_text(until, zone) if until else "",
            zone=zone,
        )

    def instant(self, at: datetime) -> str:
        """The text of an instant in the billing time zone."""
        return instant_text(at, self.zone)


def _row(debt: Debt, deferred_until: datetime | None) -> DebtRow:
    reaches = debt.reaches(deferred_until=deferred_until)
    return DebtRow(
        invoice_id=debt.invoice_id,
        number=debt.number,
        owed=format_money(debt.owed_minor, debt.currency),
        due=date_text(debt.due_date),
        next_attempt_at=(
            instant_text(debt.next_attempt_at, debt.zone) if debt.next_attempt_at else "None"
        ),
        outstanding_at=instant_text(reaches[DunningStage.OUTSTANDING], debt.zone),
        thirty_days_at=instant_text(reaches[DunningStage.THIRTY_DAYS], debt.zone),
        suspended_at=instant_text(reaches[DunningStage.SUSPENDED], debt.zone),
    )


def _sum(debts: tuple[Debt, ...]) -> str:
    sums: dict[str, int] = defaultdict(int)
    for debt in debts:
        sums[debt.currency] += debt.owed_minor
    return " and ".join(format_money(minor, currency) for currency, minor in sorted(sums.items()))


def _restoring(status: DunningStatus) -> str:
    """The invoices that must be paid before access is restored, and their total."""
    names = ", ".join(debt.number for debt in status.suspending)
    return f"{names} ({_sum(status.suspending)})" if names else ""


def _next_step(status: DunningStatus, zone: ZoneInfo) -> str:
    """The next step if no payment arrives, and when; empty after the last step."""
    coming = sorted(
        (at, stage)
        for debt in status.debts
        for stage, at in debt.reaches(deferred_until=status.deferred_until).items()
        if stage > status.stage
    )
    if not coming:
        return ""
    at, stage = coming[0]
    name = "suspended" if stage is DunningStage.SUSPENDED else "marked as 30 days outstanding"
    return f"Without payment the account is {name} on {instant_text(at, zone)}."
