"""The import of users."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from tenants.imports.columns import Header, first_filled
from tenants.imports.file_reading import NotReadable
from tenants.imports.kinds import Columns, ImportLine, register_import_kind
from tenants.imports.members import LONGEST_NAME, MemberImport, has_unseen
from tenants.imports.remaining_seats import RemainingSeats, remaining_user_seats
from tenants.models import ImportRun, ManagedUser, Organization
from tenants.models.imports import Reason

LONGEST_EMAIL = 254

# Names as `plain_name` returns them; a line takes the first filled column of a group.
_EMAILS = ("mail", "email", "emailaddress", "primaryemail", "userprincipalname", "upn")
# Used only without one of the above, because most directories have a short name in it.
_USER_NAMES = ("username", "login")
_FULL_NAMES = ("displayname", "fullname", "namefullname", "name")
_FIRST_NAMES = ("firstname", "givenname", "namegivenname")
_LAST_NAMES = ("lastname", "surname", "familyname", "namefamilyname")
_STATES = ("status", "state", "userstate", "accountstatus")
_BLOCKED = ("blockcredential", "suspended", "accountlocked")
_ENABLED = ("accountenabled",)

_MEANS_SUSPENDED = {"suspended", "blocked", "disabled", "inactive", "archived"}
_MEANS_YES = {"true", "yes", "1"}
_MEANS_NO = {"false", "no", "0"}

_SOURCES = (
    ("Microsoft 365", frozenset({"userprincipalname"})),
    ("Microsoft 365", frozenset({"username", "displayname", "officephone"})),
    ("Google Workspace", frozenset({"emailaddress", "orgunitpath"})),
    ("Google Workspace", frozenset({"primaryemail", "namefullname"})),
    ("JumpCloud", frozenset({"email", "username", "firstname", "lastname"})),
)


class UserImport(MemberImport):
    """Users are identified by e-mail address and limited by the user cap or free allowance."""

    model = ManagedUser

    def columns_of(self, *, header: Sequence[str]) -> Columns:
        """The columns of addresses, names and states. Raises `NotReadable` without addresses."""
        titles = Header(header)
        keys = titles.find(_EMAILS) or titles.find(_USER_NAMES)
        if not keys:
            raise NotReadable(titles.no_column("with the e-mail address"))
        return Columns(
            keys=keys,
            names=titles.find(_FULL_NAMES),
            first_names=titles.find(_FIRST_NAMES),
            last_names=titles.find(_LAST_NAMES),
            states=titles.find(_STATES),
            blocked=titles.find(_BLOCKED),
            enabled=titles.find(_ENABLED),
            secrets=titles.secrets(),
            source=titles.source(_SOURCES),
        )

    def read_line(self, *, number: int, cells: Sequence[str], columns: Columns) -> ImportLine:
        """The user of the line; the name may be in two columns, the state in one of three."""
        name = first_filled(cells, columns.names)
        if not name and (columns.first_names or columns.last_names):
            parts = (
                first_filled(cells, columns.first_names),
                first_filled(cells, columns.last_names),
            )
            name = " ".join(filter(None, parts))
        suspended = (
            first_filled(cells, columns.states).lower() in _MEANS_SUSPENDED
            or first_filled(cells, columns.blocked).lower() in _MEANS_YES
            or first_filled(cells, columns.enabled).lower() in _MEANS_NO
        )
        state = ManagedUser.State.SUSPENDED if suspended else ManagedUser.State.ACTIVE
        return ImportLine(number, first_filled(cells, columns.keys).lower(), name, state)

    def flaws(self, line: ImportLine) -> Iterator[Reason]:
        """The reasons to refuse the line on its own."""
        if not line.key:
            yield Reason.NO_EMAIL
        if len(line.key) > LONGEST_EMAIL or len(line.name) > LONGEST_NAME:
            yield Reason.TOO_LONG
        # Stricter than for names: no invisible character has a meaning in an address.
        if not line.key.isprintable() or has_unseen(line.name):
            yield Reason.UNSEEN_CHARACTERS
        try:
            validate_email(line.key)
        except ValidationError:
            yield Reason.BAD_EMAIL

    def seats(self, organization: Organization, now: datetime) -> RemainingSeats | None:
        """The seats up to the user cap or the free allowance."""
        return remaining_user_seats(organization=organization, now=now)


register_import_kind(ImportRun.Kind.USERS, UserImport())
