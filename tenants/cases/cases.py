"""Submitting, answering and closing cases: the only code that writes them."""

from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from accounts.models import Provider, User
from core.actors import Actor
from core.outbox.delivery import enqueue
from tenants import audit
from tenants.cases.mails import mail_message
from tenants.models import CaseMessage, SupportCase

# Integrations handles it: a ticket in the provider's PSA, where that is configured.
CHANGED_TOPIC: Final = "tenants.case_changed"
LONGEST_TEXT = 5000
# A person's messages; more within an hour is a mistake or abuse.
MOST_PER_HOUR = 20


class TooManyMessages(Exception):
    """The person sent too many messages within an hour."""


class CaseClosed(Exception):
    """The case was closed in the meantime."""


@transaction.atomic
def open_case(
    *, provider: Provider, subject: str, text: str, by: User, now: datetime
) -> SupportCase:
    """Store a case with its first message and mail support. Raises `TooManyMessages`."""
    _require_few(by, now=now)
    person = Actor.of(by)
    case = SupportCase.objects.create(
        subject=subject,
        opened_at=now,
        opened_by_id=by.pk,
        opened_by_name=by.name,
        opened_by_email=by.email,
        changed_at=now,
    )
    message = _append(case, text=text, author=person, is_from_support=False, now=now)
    _log(case, "case.submitted", actor=person, now=now)
    mail_message(case=case, message=message, provider=provider, now=now)
    enqueue(topic=CHANGED_TOPIC, key=f"{case.pk}:submitted", payload={"case": case.pk}, now=now)
    return case


@transaction.atomic
def reply(
    *, provider: Provider, case: SupportCase, text: str, by: User, now: datetime
) -> CaseMessage:
    """Add a message of the provider's side, which reopens the case, and mail support.

    Raises `TooManyMessages`.
    """
    _require_few(by, now=now)
    person = Actor.of(by)
    case = _locked(case)
    message = _append(case, text=text, author=person, is_from_support=False, now=now)
    _set_state(case, SupportCase.State.OPEN, actor=person, now=now)
    mail_message(case=case, message=message, provider=provider, now=now)
    return message


@transaction.atomic
def answer(
    *, provider: Provider, case: SupportCase, text: str, closes: bool, actor: Actor, now: datetime
) -> CaseMessage:
    """Add support's answer and mail it to the person; with `closes` the case is closed."""
    case = _locked(case)
    message = _append(case, text=text, author=actor, is_from_support=True, now=now)
    state = SupportCase.State.CLOSED if closes else SupportCase.State.ANSWERED
    _set_state(case, state, actor=actor, now=now)
    mail_message(case=case, message=message, provider=provider, now=now)
    return message


@transaction.atomic
def close_case(*, case: SupportCase, actor: Actor, now: datetime) -> None:
    """Close a case without a message. Raises `CaseClosed` if it is closed already."""
    case = _locked(case)
    if case.state == SupportCase.State.CLOSED:
        raise CaseClosed
    _set_state(case, SupportCase.State.CLOSED, actor=actor, now=now)


def _require_few(by: User, *, now: datetime) -> None:
    recent = CaseMessage.objects.filter(
        author_id=by.pk, is_from_support=False, at__gt=now - timedelta(hours=1)
    )
    if recent.count() >= MOST_PER_HOUR:
        raise TooManyMessages


def _locked(case: SupportCase) -> SupportCase:
    return SupportCase.objects.select_for_update(no_key=True).get(pk=case.pk)


def _append(
    case: SupportCase, *, text: str, author: Actor, is_from_support: bool, now: datetime
) -> CaseMessage:
    return CaseMessage.objects.create(
        case=case,
        at=now,
        author_id=author.id,
        author_name=author.name,
        is_from_support=is_from_support,
        text=text,
    )


def _set_state(case: SupportCase, state: SupportCase.State, *, actor: Actor, now: datetime) -> None:
    before, case.state, case.changed_at = case.state, state, now
    case.save(update_fields=["state", "changed_at"])
    if before == state:
        _log(case, "case.message_added", actor=actor, now=now)
        return
    _log(case, f"case.{state}", actor=actor, before=before, now=now)
    if SupportCase.State.CLOSED in (before, state):
        key = f"{case.pk}:{now.isoformat()}"
        enqueue(topic=CHANGED_TOPIC, key=key, payload={"case": case.pk}, now=now)


def _log(case: SupportCase, action: str, *, actor: Actor, now: datetime, before: str = "") -> None:
    audit.record(
        actor=actor,
        action=action,
        subject=str(case),
        subject_id=case.pk,
        before={"state": before} if before else None,
        after={"state": case.state},
        now=now,
    )
