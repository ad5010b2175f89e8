"""The first step of a sync: people who are gone make room, before others are changed and added."""

from collections.abc import Sequence
from datetime import datetime

from core.actors import Actor
from tenants.imports.kinds import ImportLine
from tenants.imports.rules import Rules
from tenants.imports.sync.comparison import Person, compare, is_large
from tenants.models import ImportRun, ManagedUser
from tenants.users.bulk_membership import remove_members
from tenants.users.changes import Change, change_users
from tenants.users.identity import KnownUser


class MoreGone(Exception):
    """More people would be gone than the person confirmed; the text says how many."""

    def __init__(self, *, gone: int, present: int, confirmed: int) -> None:
        agreed = f"you confirmed {confirmed:,}" if confirmed else "you did not confirm that"
        super().__init__(
            f"{gone:,} of {present:,} users are not in the file now, and {agreed}. Nothing was "
            "changed. Check whether this is the right file, and upload it again."
        )


def take_gone(*, run: ImportRun, lines: Sequence[ImportLine], now: datetime) -> None:
    """Remove or suspend the users in none of the lines, which are all that count.

    The caller holds the organization and the run, and saves the run in the same transaction.
    Accounts that the directory created again keep their user, with the new id. Raises `MoreGone`.
    """
    rules, actor = Rules.of(run), Actor.stored(run.decided_by_id, run.decided_by_name)
    refused = run.refused_lines.values_list("line", flat=True)
    comparison = compare(
        lines=lines,
        refused=refused,
        organization=run.organization,
        rules=rules,
        uploaded_at=run.started_at,
    )
    gone = comparison.affected(run.gone_are)
    present = comparison.present
    if is_large(gone=len(gone), present=present) and len(gone) > run.gone_confirmed:
        raise MoreGone(gone=len(gone), present=present, confirmed=run.gone_confirmed)
    changes = list(comparison.recreated.values())
    change_users(organization=run.organization, changes=changes, actor=actor, now=now)
    if run.gone_are == ImportRun.Gone.SUSPEND:
        run.gone = _suspend(run, gone, actor=actor, now=now)
    else:
        run.gone = remove_members(
            model=ManagedUser,
            organization=run.organization,
            ids=[person.id for person in gone],
            actor=actor,
            now=now,
        )
    run.changed += len(changes)
    run.gone_at = now


def _suspend(run: ImportRun, gone: list[Person], *, actor: Actor, now: datetime) -> int:
    living = ManagedUser.objects.living().filter(pk__in=[person.id for person in gone])
    users = living.select_for_update().order_by("pk")
    changes = [
        Change(KnownUser.of(user), user.email, state=ManagedUser.State.SUSPENDED) for user in users
    ]
    change_users(organization=run.organization, changes=changes, actor=actor, now=now)
    return len(changes)
