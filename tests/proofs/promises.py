"""Proof that no money is silent: `make prove-promises`, `python -m tests.proofs.promises`.

Closes random months of providers whose amounts lie around the bounds: the smallest charge, the
automatic limit, and far from both. Workers are killed at any step; messages are lost, dead, or done
without an effect; no wake-up ever arrives; at night no worker runs for hours; Stripe is slow,
silent, wrong or busy, and the bank declines for a while; a provider is restored from an older
backup. At several instants each invoice that is not settled must have a message, a recorded reason
or an open alert. Operations then do the next step of each alert. At the end every invoice is paid,
once and to the cent, or carried to the next, or refused for good and shown as overdue, and every
alert about it is settled.
The last line is one JSON object.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.proofs.charge import _decline_for_a_while, _new_card
from tests.proofs.close import FAULTS
from tests.proofs.run import Run, main, separate_stripe

FIRST_MONTH = (2020, 1)
MONTHS_OF_A_STAGE = 12
# Price per user, users before the first month, automatic limit; all in minor units.
CHARACTERS = (
    (700, 0, 10_000_000),
    # From 8 to 96 cents: around the smallest charge of 50.
    (8, 0, 10_000_000),
    # From $3,600 to $4,480: around the limit of $4,000.
    (8_000, 44, 400_000),
)
WORST_FAULTS = (
    *FAULTS,
    {"kind": "slow", "seconds": 0.3},
    {"kind": "timeout", "times": 40},
    {"kind": "rate_limit", "times": 40},
)
LOST, DEAD, WITHOUT_EFFECT = "lost", "dead", "without_effect"


def prove(run: Run) -> dict[str, Any]:
    """Run the proof with new providers for every twelve months; returns its result."""
    from django.test import override_settings

    from core.operations.models import OperationsAlert

    # The months of the proof are long ago, and their documents count.
    cutoff = override_settings(INVOICE_DOWNLOAD_CUTOFF="2019-01-01")
    with separate_stripe(run) as stripe, cutoff, _empty_documents():
        for number in range(0, run.tries, MONTHS_OF_A_STAGE):
            _one_provider(run, stripe, months=min(MONTHS_OF_A_STAGE, run.tries - number))
    OperationsAlert.objects.all().delete()
    return run.result(
        "silent",
        "charged_twice",
        "wrong_amounts",
        "suspended_wrongly",
        "invoices",
        "paid_by_card",
        "paid_by_transfer",
        "carried",
        "named_overdue",
        "kills",
        "messages_lost",
        "messages_dead",
        "messages_without_effect",
        "nights_without_workers",
        "months_late",
        "faults",
        "declines",
        "events",
        "restores",
        "alerts_acted_on",
    )


@contextmanager
def _empty_documents() -> Iterator[None]:
    from unittest.mock import patch

    from billing.documents import store
    from tests.proofs.close_worker import _store_empty_documents

    with patch.object(store, "render_documents", _store_empty_documents):
        yield


def _one_provider(run: Run, stripe: Any, *, months: int) -> None:
    from core.months import Month
    from tests.proofs.close_stage import create_stage, drop_stage

    price, users, limit = run.dice.choice(CHARACTERS)
    stage = create_stage(stripe, is_committed=run.dice.random() < 0.5, price=price, limit=limit)
    restored = run.dice.randrange(3) if run.dice.random() < 0.4 else -1
    try:
        month = Month(*FIRST_MONTH)
        for _ in range(users):
            stage.add_user(month)
        for number in range(months):
            _one_month(run, stage, month, is_restored=number == restored)
            month = month.next
    finally:
        drop_stage(stage)
        _drop_parked(stage)


def _one_month(run: Run, stage: Any, month: Any, *, is_restored: bool) -> None:
    from tests.proofs import promises_stage
    from tests.proofs.close_worker import Task, close_and_deliver

    stage.add_user(month)
    night = run.dice.choice((0, 0, 1, 2, 4, 8, 12))
    ends_at = month.ends_at(stage.zone)
    now = ends_at + timedelta(hours=night, minutes=5)
    if night:
        run.counts["nights_without_workers"] += 1
        _judge_late_close(run, stage, month, now=now - timedelta(minutes=4), night=night)
    task = Task(provider=stage.provider, month=month, now=now)
    backup = _backup(stage) if is_restored else None
    close_and_deliver(task, minutes=())
    _break_messages(run, stage, now=now)
    _work_under_faults(run, stage, task)
    if backup is not None:
        _restore(run, stage, task, backup)
    for hours in (2, 8):
        at = now + timedelta(hours=hours)
        promises_stage.run_rounds(stage, now=at)
        _judge(run, stage, month, now=at)
    _mend(run, stage, task)
    _compare(run, stage, month, now=now + timedelta(days=15))


def _judge_late_close(run: Run, stage: Any, month: Any, *, now: Any, night: int) -> None:
    """A month that is not closed three hours after its end is an alert, and no earlier."""
    from core.operations.models import OperationsAlert
    from tests.proofs.promises_stage import run_rounds

    run_rounds(stage, now=now)
    alerts = OperationsAlert.objects.open().filter(
        schema_name=stage.provider.schema_name, kind="billing.month", key=str(month)
    )
    if night > 3:
        run.counts["months_late"] += 1
    if alerts.exists() != (night > 3):
        _violate(run, "silent", f"{month} of {stage.provider} closes {night} hours late")


def _break_messages(run: Run, stage: Any, *, now: Any) -> None:
    """Lose some of the month's messages, kill others, and finish others without their effect."""
    from django.utils import timezone

    from core.outbox.models import OutboxMessage

    pending = OutboxMessage.objects.filter(
        schema_name=stage.provider.schema_name, finished_at=None, due_at__lte=now
    )
    for message in pending.order_by("pk"):
        if run.dice.random() > 0.25:
            continue
        how = run.dice.choice((LOST, DEAD, WITHOUT_EFFECT))
        run.counts[f"messages_{how}"] += 1
        if how == LOST:
            message.delete()
        elif how == DEAD:
            message.dead_at, message.last_error = timezone.now(), "A release was broken."
            message.save()
        else:
            message.finished_at = timezone.now()
            message.save()


def _work_under_faults(run: Run, stage: Any, task: Any) -> None:
    """Run workers that are killed at a step, while Stripe fails and the bank may decline."""
    from tests.proofs.close import _check_end
    from tests.proofs.close_worker import Steps, release_leases, start

    stage.stripe.control("DELETE", "faults")
    fault = dict(run.dice.choice(WORST_FAULTS))
    if fault:
        run.counts["faults"] += 1
        stage.stripe.fault(**fault, path="/v1/payment_intents")
    declined = _decline_for_a_while(run, stage)
    run.counts["declines"] += bool(declined)
    for _ in range(run.dice.randrange(1, 3)):
        import os

        steps = Steps()
        steps.arm(run.dice.randrange(1, 90))
        _, status = os.waitpid(start(task, steps=steps), 0)
        _check_end(run, status, may_die=True)
        release_leases(stage.provider)
    if run.dice.random() < 0.2:
        _send_events(run, stage, now=task.now)
    stage.stripe.control("DELETE", "faults")
    if declined:
        stage.stripe.control("POST", "cards", payment_method=declined, answer=None)


def _mend(run: Run, stage: Any, task: Any) -> None:
    """Operations act on every alert while workers work again and days pass."""
    from dataclasses import replace

    from tests.proofs import promises_stage
    from tests.proofs.close_worker import close_and_deliver, release_leases

    for days in (1, 4, 13):
        now = task.now + timedelta(days=days)
        run.counts["alerts_acted_on"] += promises_stage.act_on_alerts(stage, now=now)
        if days == 4:
            _replace_card(run, stage, now=now)
        close_and_deliver(replace(task, now=now))
        release_leases(stage.provider)
        paid = promises_stage.pay_mailed_invoices(stage, now=now + timedelta(hours=1))
        run.counts["paid_by_transfer"] += paid
        at = now + timedelta(hours=28)
        promises_stage.compare_with_stripe(stage, now=at)
        promises_stage.run_rounds(stage, now=at)
        _judge(run, stage, task.month, now=at)


def _replace_card(run: Run, stage: Any, *, now: Any) -> None:
    """A new card pays what the bank declined for good."""
    from billing.models import Invoice
    from billing.payments.cards import adopt_card
    from core.schema import provider_schema

    with provider_schema(stage.provider):
        if not Invoice.objects.outstanding().filter(collection="automatic").exists():
            return
        intent = _new_card(run, stage)
        adopt_card(provider=stage.provider, setup_intent_id=intent, now=now)


def _judge(run: Run, stage: Any, month: Any, *, now: Any) -> None:
    from tests.proofs import promises_stage

    for what in promises_stage.silent(stage, since=month.previous, now=now):
        _violate(run, "silent", f"{month}: {what}, and nothing says so")
    if promises_stage.is_suspended_wrongly(stage, now=now):
        _violate(run, "suspended_wrongly", f"{month}: {stage.provider} is suspended")


def _compare(run: Run, stage: Any, month: Any, *, now: Any) -> None:
    """Every invoice of the month is paid once and to the cent, and no alert about it is left."""
    from billing.models import Invoice, Payment
    from core.operations.models import OperationsAlert
    from core.schema import provider_schema
    from tests.proofs.promises_stage import run_rounds

    run_rounds(stage, now=now)
    with provider_schema(stage.provider):
        invoices = list(Invoice.objects.filter(month=month.first_day))
        issued = {invoice.kind: invoice.total_minor for invoice in invoices}
        if issued != stage.expected(month):
            _violate(run, "wrong_amounts", f"{month}: {issued}, not {stage.expected(month)}")
        for invoice in invoices:
            run.counts["invoices"] += 1
            _compare_payment(run, stage, invoice)
        cards = Payment.objects.filter(method=Payment.Method.CARD)
        booked = sorted(cards.values_list("amount_minor", flat=True))
        run.counts["paid_by_card"] += cards.filter(invoice__month=month.first_day).count()
        customer = stage.provider.stripe_customer_id
    charged = stage.stripe.charges(customer=customer)
    if charged["succeeded"] > len(booked) or charged["amount_charged"] > sum(booked):
        _violate(run, "charged_twice", f"{month}: {charged} at Stripe, {booked} booked")
    elif charged["amount_charged"] != sum(booked):
        _violate(run, "wrong_amounts", f"{month}: {charged} at Stripe, {booked} booked")
    left = OperationsAlert.objects.open().filter(schema_name=stage.provider.schema_name)
    for alert in left.exclude(kind="restore_lost"):
        run.violations.append(f"{month}: an alert is left: {alert}")


def _compare_payment(run: Run, stage: Any, invoice: Any) -> None:
    """It is paid in full, or carried, or refused for good and shown as overdue to operations."""
    from accounts.models import ProviderFigures
    from billing.charge_limits import is_too_small
    from tests.proofs.promises_stage import is_refused_for_good

    amounts = invoice.amounts
    if amounts.carried_out_minor or is_too_small(amounts.due_minor, invoice.currency):
        # The next invoice asks for it.
        run.counts["carried"] += 1
        return
    if amounts.paid_minor == amounts.to_be_paid_minor:
        return
    text = f"{invoice.number}: {amounts.paid_minor} of {amounts.to_be_paid_minor} is paid"
    overdue = ProviderFigures.objects.get(provider=stage.provider).overdue_since
    if invoice.paid_minor:
        _violate(run, "wrong_amounts", text)
    elif is_refused_for_good(invoice) and overdue is not None and overdue <= invoice.due_date:
        run.counts["named_overdue"] += 1
    else:
        _violate(run, "silent", text)


def _violate(run: Run, name: str, text: str) -> None:
    run.counts[name] += 1
    run.violations.append(text)


def _send_events(run: Run, stage: Any, *, now: Any) -> None:
    from tests.proofs.events import send_events

    send_events(run, stage.stripe, now=now)


def _backup(stage: Any) -> Path:
    from mtp.backups.dump import back_up

    path = Path(tempfile.mkdtemp()) / "backup.zip"
    back_up(provider=stage.provider, path=path)
    return path


def _restore(run: Run, stage: Any, task: Any, path: Path) -> None:
    """Put the provider back to before the close, after its invoices were issued and charged."""
    import shutil

    from core.outbox.models import OutboxMessage
    from mtp.backups.restore import restore
    from tests.proofs.close_worker import close_and_deliver

    report = restore(provider=stage.provider, path=path)
    shutil.rmtree(path.parent)
    run.counts["restores"] += 1
    run.violations += [f"{task.month}: the restore: {problem}" for problem in report.problems]
    # The restore works at the real time, this proof at a simulated one.
    messages = OutboxMessage.objects.filter(
        schema_name=stage.provider.schema_name, finished_at=None
    )
    messages.update(due_at=task.now)
    close_and_deliver(task)


def _drop_parked(stage: Any) -> None:
    from django.db import connection

    pattern = f"{stage.provider.schema_name}_parked_%"
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", [pattern])
        for (parked,) in cursor.fetchall():
            cursor.execute(f'DROP SCHEMA "{parked}" CASCADE')


if __name__ == "__main__":
    raise SystemExit(main(prove, about=str(__doc__), unit="months", tries=300))
