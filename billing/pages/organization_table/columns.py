"""The columns of the list of organizations, who may see each, and which ones a person chose."""

from collections.abc import Iterable
from dataclasses import dataclass

from accounts.models import User
from accounts.roles import Permission
from tenants.models import ChosenColumns


@dataclass(frozen=True, slots=True)
class Column:
    """A column beside the name, for people whose role has `permission`; its key is its sort too."""

    key: str
    label: str
    permission: Permission
    is_number: bool = True
    is_usual: bool = True
    # Left out on a phone, where the name and the first figures must fit.
    is_wide: bool = False


SEE, USAGE = Permission.VIEW_ORGANIZATIONS, Permission.VIEW_USAGE
COLUMNS = (
    Column("users", "Users", SEE),
    Column("hwm", "HWM", USAGE),
    Column("cap", "Cap", USAGE),
    Column("trend", "12 months", USAGE, is_wide=True),
    Column("cost", "Cost", Permission.VIEW_BILLING),
    Column("alerts", "Alerts", Permission.VIEW_ALERTS),
    Column("tags", "Tags", SEE, is_number=False, is_wide=True),
    Column("devices", "Devices", SEE, is_usual=False),
    Column("created", "Created", SEE, is_number=False, is_usual=False, is_wide=True),
)


def columns_for(user: User) -> tuple[Column, ...]:
    """The columns that the person may see, in their order."""
    return tuple(column for column in COLUMNS if user.may(column.permission))


def named(keys: Iterable[str], *, user: User) -> tuple[Column, ...]:
    """Those of the named columns that exist and that the person may see, in their order."""
    wanted = set(keys)
    return tuple(column for column in columns_for(user) if column.key in wanted)


def chosen_columns(user: User) -> tuple[Column, ...]:
    """The columns that the person chose last, or the usual ones; one statement."""
    chosen = ChosenColumns.objects.filter(user_id=user.pk).first()
    if chosen is not None:
        return named(chosen.columns, user=user)
    return tuple(column for column in columns_for(user) if column.is_usual)


def choose_columns(keys: Iterable[str], *, user: User) -> None:
    """Remember the columns for the person's next visits; ignore those they may not see."""
    columns = [column.key for column in named(keys, user=user)]
    ChosenColumns.objects.update_or_create(user_id=user.pk, defaults={"columns": columns})


def choose_usual_columns(*, user: User) -> None:
    """Forget the person's choice, so that the usual columns are shown."""
    ChosenColumns.objects.filter(user_id=user.pk).delete()
