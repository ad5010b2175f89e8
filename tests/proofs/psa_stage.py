"""The provider of the PSA proof, its changes by day, and the checks after each night."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.cache import cache

from core.actors import Actor
from core.metrics import Metric
from core.months import Month
from core.schema import provider_schema
from integrations.autotask.sync.runs import request_run, run_slice
from integrations.models import Drift, ServiceMapping, SyncRun
from integrations.models.runs import Outcome
from tenants.models import ManagedUser, MeteringPolicy
from tests.autotask_fixtures import AutotaskStandIn
from tests.integrations.psa_scenario import FIRST_CONTRACT, GOOD, PsaScenario
from usage.ledger.month_peaks import high_water_marks

LINES = 3
FIRST_NIGHT = datetime(2026, 3, 2, 1, tzinfo=UTC)
ADMINISTRATOR = Actor(id=1, name="Adam")
# A run continues later for services that wait; this many slices are always enough.
MOST_SLICES = 12
# After this time, Autotask has finished a call that the client gave up on (tests.proofs.psa).
LATE_SECONDS = 0.6


@dataclass
class Edit:
    """A quantity that a person set in Autotask: before the run, or between its read and write."""

    number: int
    units: int
    before: int
    drifts: int
    is_between: bool = False


@dataclass
class PsaStage:
    """Three mapped organizations; `stage.now` is the instant of the current night."""

    stage: PsaScenario
    dice: random.Random
    counts: Counter[str] = field(default_factory=Counter)
    edits: list[Edit] = field(default_factory=list)
    seen_adjustments: int = 0
    has_edit_before_push: bool = False

    @property
    def schema(self) -> str:
        return self.stage.provider.schema_name

    def change_users(self) -> None:
        """Add and remove users at noon before the night."""
        noon = self.stage.now - timedelta(hours=13)
        for mapping in ServiceMapping.objects.select_related("organization"):
            if self.dice.random() < 0.4:
                self.stage.join(mapping.organization, self.dice.randint(1, 4), at=noon)
            if self.dice.random() < 0.3:
                users = ManagedUser.objects.filter(
                    organization=mapping.organization, removed_at=None
                )
                ids = list(users.values_list("pk", flat=True))
                removed = self.dice.sample(ids, min(len(ids) // 3, self.dice.randint(1, 5)))
                ManagedUser.objects.filter(pk__in=removed).update(removed_at=noon)
            if self.dice.random() < 0.03:
                mapping.non_billable_users = self.dice.randint(0, 3)
                mapping.save(update_fields=["non_billable_users"])

    def edit_before_run(self) -> None:
        """Set a quantity in Autotask before the run, as a person does."""
        number = self.dice.randrange(LINES)
        before = self.stage.units(number)
        self._note_edit(number, before, self.dice.randint(0, 40), is_between=False)
        self.stage.set_units(self.edits[-1].units, number)

    def set_edit_before_push(self) -> None:
        """Have a quantity set in Autotask just before the push to the same service arrives."""
        number = self.dice.randrange(LINES)
        before = self.stage.units(number)
        self._note_edit(number, before, self.dice.randint(0, 40), is_between=True)
        edit = {
            "contractServiceID": self.stage.line(number),
            "day": self.stage.now.date().replace(day=1).isoformat(),
            "units": self.edits[-1].units,
        }
        path = f"Contracts/{FIRST_CONTRACT + number}/ServiceAdjustments"
        self.stage.stand_in.fault("person_edit", path=path, edit=edit)

    def _note_edit(self, number: int, before: int, units: int, *, is_between: bool) -> None:
        drifts = Drift.objects.filter(mapping__company_id=29_683_500 + number).count()
        self.edits.append(Edit(number, units, before, drifts, is_between))

    def finish(self, run: SyncRun) -> SyncRun:
        """Run the remaining slices, each at its due time, until the run is finished."""
        for _ in range(MOST_SLICES):
            again_at = run_slice(run_id=run.pk, now=self.stage.now)
            if again_at is None:
                break
            self._pass_until(again_at)
        return SyncRun.objects.get(pk=run.pk)

    def _pass_until(self, later: datetime) -> None:
        """Move the clock; wait in real time only for slow calls that Autotask still executes."""
        faults = self.stage.stand_in.control("GET", "faults")
        if any(fault["kind"].startswith("slow") and fault["hits"] for fault in faults):
            time.sleep(LATE_SECONDS)
        self.stage.now = later

    def note_applied_edits(self) -> None:
        """Note whether the edit before the push happened, then remove all faults."""
        control = self.stage.stand_in.control
        self.has_edit_before_push = any(
            fault["kind"] == "person_edit" and fault["hits"] for fault in control("GET", "faults")
        )
        control("DELETE", "faults")

    def errors(self, run: SyncRun) -> Iterator[tuple[str, str]]:
        """Violations after a night, as kind and text."""
        if run.finished_at is None or run.failure:
            yield "wrong_quantities", f"the run is not over: {run.failure or run.slices}"
            return
        for mapping in ServiceMapping.objects.order_by("pk"):
            number = mapping.company_id - 29_683_500
            yield from self._wrong_line(run, mapping, number, self._expected(mapping))
        yield from self._lost_edits()
        yield from self._double_adjustments()

    def _expected(self, mapping: ServiceMapping) -> int:
        marks = {
            level.organization_id: level.high_water_mark
            for level in high_water_marks(month=self._month, metrics=[Metric.USERS])
        }
        return max(0, marks[mapping.organization_id] - mapping.non_billable_users)

    @property
    def _month(self) -> Month:
        return Month.of_day(self.stage.now.date())

    def _wrong_line(
        self, run: SyncRun, mapping: ServiceMapping, number: int, expected: int
    ) -> Iterator[tuple[str, str]]:
        units = self.stage.units(number, day=self._month.last_day)
        check = run.checks.filter(mapping=mapping, month=self._month.first_day).first()
        if check is None:
            yield "wrong_quantities", f"line {number} was not checked"
            return
        self.counts[f"checks_{check.outcome}"] += 1
        is_right = {
            Outcome.UNCHANGED: units == expected,
            Outcome.CHANGED: units == expected,
            Outcome.WAITS: units > expected,
            Outcome.KEPT: units == mapping.accepted_units,
            Outcome.DRIFT: Drift.objects.filter(
                mapping=mapping, decided_at=None, observed_units=units
            ).exists(),
        }.get(Outcome(check.outcome), False)
        if not is_right:
            yield (
                "wrong_quantities",
                f"line {number} has {units}, expected {expected}: {check.outcome} {check.reason}",
            )

    def _lost_edits(self) -> Iterator[tuple[str, str]]:
        """Edits without a trace: no drift was opened and the quantity is another."""
        for edit in self.edits:
            if edit.is_between and not self.has_edit_before_push:
                continue
            self.counts["edits"] += 1
            units = self.stage.units(edit.number, day=self._month.last_day)
            drifts = Drift.objects.filter(mapping__company_id=29_683_500 + edit.number).count()
            if drifts == edit.drifts and edit.units not in {units, edit.before}:
                yield (
                    "silent_overwrites",
                    f"line {edit.number}: {edit.units} was set over {edit.before}, is {units}",
                )
        self.edits.clear()

    def _double_adjustments(self) -> Iterator[tuple[str, str]]:
        """Lines with more than one adjustment for a month in this run."""
        taken = self.stage.adjustments()[self.seen_adjustments :]
        self.seen_adjustments += len(taken)
        self.counts["adjustments"] += len(taken)
        months = Counter((one["contractServiceID"], one["effectiveDate"][:7]) for one in taken)
        for (line, month), count in months.items():
            if count > 1:
                yield "double_deltas", f"line {line}: {count} adjustments of {month} in one night"

    def decide_drifts(self) -> Iterator[tuple[str, str]]:
        """Decide most open drifts, and check that Autotask has the chosen quantity."""
        from integrations.autotask.sync.drift_resolution import decide

        for drift in Drift.objects.filter(decided_at=None).select_related("mapping"):
            if self.dice.random() < 0.3:
                continue
            decision = self.dice.choice((Drift.Decision.ACCEPT, Drift.Decision.OVERWRITE))
            decided = decide(
                drift=drift,
                decision=decision,
                seen_units=drift.observed_units,
                actor=ADMINISTRATOR,
                now=self.stage.now,
            )
            self.counts[f"drifts_{decided.decision}"] += 1
            for run in SyncRun.objects.filter(finished_at=None):
                self.finish(run)
            number = drift.mapping.company_id - 29_683_500
            units = self.stage.units(number, day=Month.of_day(drift.month).last_day)
            expected = (
                drift.persons_units
                if decision == Drift.Decision.ACCEPT
                else self._expected(drift.mapping)
            )
            if units != expected and drift.month == self._month.first_day:
                yield "wrong_quantities", f"line {number} has {units} after {decided.decision}"
        self.seen_adjustments = len(self.stage.adjustments())


def create_stage(provider: Any, stand_in: AutotaskStandIn, dice: random.Random) -> PsaStage:
    """Create three organizations and sync them once, without faults."""
    with provider_schema(provider):
        MeteringPolicy.objects.update(free_user_limit=None)
        stage = PsaScenario(provider=provider, stand_in=stand_in, now=FIRST_NIGHT)
        stage.contract(starts_on=date(2025, 1, 1))
        stage.connect()
        for number in range(LINES):
            stage.organization(10 + 5 * number, number=number)
        played = PsaStage(stage=stage, dice=dice)
        run = request_run(kind=SyncRun.Kind.MANUAL, actor=ADMINISTRATOR, now=stage.now)
        played.finish(run)
        played.seen_adjustments = len(stage.adjustments())
        return played


def forget_limits() -> None:
    """Delete the call limits from Redis, which did not see a day pass."""
    for name in ("used", "limit"):
        cache.delete(f"autotask:{GOOD.customer_database}:{name}")
