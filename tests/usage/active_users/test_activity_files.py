"""Files of activity: whose and when, within hours of a month's end, west and east of UTC."""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from core.months import Month
from tenants.imports.file_reading import read_table
from tenants.imports.reading.options import DateOrder, DoubtKind, ReadingOptions
from tests.architecture.test_words import ROOT
from usage.active_users.activity_columns import (
    ActivityColumns,
    ActivityLine,
    activity_columns,
)

DENVER, AUCKLAND = ZoneInfo("America/Denver"), ZoneInfo("Pacific/Auckland")
SIGN_IN_LOG = (
    '"Date (UTC)","Request ID","User ID","User","Username","User type","Application","Status"\n'
    '"2026-11-01T03:00:00Z","r1","7d5d2a3e-0000-4000-8000-000000000001","Ada","Ada@acme.example",'
    '"Member","Teams","Success"\n'
    '"2026-11-02T03:00:00Z","r2","7d5d2a3e-0000-4000-8000-000000000001","Ada","ada@acme.example",'
    '"Member","Teams","Failure"\n'
)
GOOGLE = (
    "First Name [Required],Last Name [Required],Email Address [Required],Status [READ ONLY],"
    "Last Sign In [READ ONLY]\n"
    "Ada,Example,ada@acme.example,Active,2026/11/27 10:11:12\n"
    "Dan,Deleted,dan@acme.example,Active,Never logged in\n"
)
M365 = (
    "\ufeffReport Refresh Date,User Principal Name,Display Name,Is Deleted,Deleted Date,"
    "Exchange Last Activity Date,OneDrive Last Activity Date,SharePoint Last Activity Date,"
    "Teams Last Activity Date,Assigned Products\n"
    "2026-11-27,ada@acme.example,Ada,False,,2026-11-26,2026-11-20,,2026-11-27,E3\n"
    "2026-11-27,dan@acme.example,Dan,True,2026-11-12,2026-11-20,2026-11-12,,2026-10-01,E3\n"
    "2026-11-27,eve@acme.example,Eve,True,2026-11-12,2026-11-20,,,,E3\n"
    "2026-11-27,lou@acme.example,Lou,False,,,,,,\n"
)


def read(
    text: str, zone: ZoneInfo = DENVER, options: ReadingOptions | None = None
) -> tuple[ActivityColumns, list[ActivityLine]]:
    """The columns and lines of a file of activity, for a provider with months in this zone."""
    options = options or ReadingOptions()
    table = read_table(text.encode(), options)
    columns = activity_columns(table=table, options=options, billing_zone=zone)
    return columns, [columns.read(number, cells) for number, cells in table.lines()]


def at(text: str) -> datetime:
    """The instant of a text in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def months(lines: Sequence[ActivityLine], zone: ZoneInfo) -> list[str]:
    """The billing month of each line."""
    return [str(Month.of(line.at, zone)) for line in lines if line.at is not None]


def one(title: str, text: str, zone: ZoneInfo = DENVER) -> ActivityLine:
    """The line of a user with this text under this title."""
    _, (line,) = read(f'Email,"{title}"\nada@acme.example,"{text}"', zone)
    return line


def test_a_sign_in_log_names_users_by_address_and_instants_in_utc() -> None:
    columns, (line, failed) = read(SIGN_IN_LOG)
    assert columns.source == "Microsoft Entra sign-in log"
    assert (line.named_by, line.key) == ("email", "ada@acme.example")
    assert (line.at, months([line], DENVER)) == (at("2026-11-01 03:00"), ["2026-10"])
    assert (str(failed.category), failed.word, failed.at) == ("no_activity", "Failure", None)


def test_the_latest_of_several_dates_counts_and_none_after_a_deletion() -> None:
    columns, (ada, dan, eve, lou) = read(M365)
    assert columns.source == "Microsoft 365 activity report"
    assert (ada.name, dan.name) == ("2026-11-27", "2026-11-12")
    assert (str(eve.category), eve.word) == ("no_activity", "Deleted Date: 2026-11-12")
    assert (str(lou.category), lou.at) == ("no_activity", None)


def test_times_without_a_zone_are_in_the_providers_until_the_person_says_otherwise() -> None:
    columns, (ada, dan) = read(GOOGLE)
    (doubt,) = columns.doubts
    assert (doubt.kind, doubt.must_ask) == (DoubtKind.ZONE, False)
    assert ada.at == datetime(2026, 11, 27, 10, 11, 12, tzinfo=DENVER)
    assert (str(dan.category), dan.word) == ("no_activity", "Never logged in")
    columns, (ada, _) = read(GOOGLE, options=ReadingOptions(zone="UTC"))
    assert (columns.doubts, ada.at) == ((), at("2026-11-27 10:11:12"))


@pytest.mark.parametrize(
    ("title", "text", "zone", "instant", "month"),
    [
        ("Last sign-in (UTC)", "2026-11-01 03:00", DENVER, "2026-11-01 03:00", "2026-10"),
        ("Last sign-in (UTC)", "2026-10-31 23:30", AUCKLAND, "2026-10-31 23:30", "2026-11"),
        ("Last sign-in", "2026-10-31 23:30", DENVER, "2026-11-01 05:30", "2026-10"),
        ("Last sign-in", "2026-11-01 00:30", AUCKLAND, "2026-10-31 11:30", "2026-11"),
        ("Last sign-in", "2026-11-01T03:00:00Z", DENVER, "2026-11-01 03:00", "2026-10"),
        ("Last sign-in (GMT+2)", "2026-11-01 01:00", DENVER, "2026-10-31 23:00", "2026-10"),
        ("lastLoginUtc", "10/31/2026 11:30:00 PM", AUCKLAND, "2026-10-31 23:30", "2026-11"),
        # A day under a title with a zone is that zone's day, which starts in another local day.
        ("Date (UTC)", "2026-11-01", DENVER, "2026-11-01 00:00", "2026-10"),
        ("Date (UTC)", "2026-10-31", AUCKLAND, "2026-10-31 00:00", "2026-10"),
        ("Date", "2026-11-01", DENVER, "2026-11-01 06:00", "2026-11"),
        ("Date", "2026-11-01", AUCKLAND, "2026-10-31 11:00", "2026-11"),
        ("Last login", "1793502000", DENVER, "2026-11-01 03:00", "2026-10"),
        ("Last login", "1793502000000", DENVER, "2026-11-01 03:00", "2026-10"),
        ("lastLogonTimestamp", "134379756000000000", DENVER, "2026-11-01 03:00", "2026-10"),
        ("Last login", "2026/10/31 23:30:00 -0600", DENVER, "2026-11-01 05:30", "2026-10"),
    ],
)
def test_the_month_within_hours_of_its_end(
    title: str, text: str, zone: ZoneInfo, instant: str, month: str
) -> None:
    line = one(title, text, zone)
    assert line.at == at(instant)
    assert months([line], zone) == [month]


@pytest.mark.parametrize(
    "text",
    [
        *("Never", "never logged in", "-", "Nie", "Jamais", "Nunca", "Nooit", "Nigdy", "0"),
        *("1970-01-01T00:00:00.000Z", "0001-01-01T00:00:00", "1601-01-01", "9223372036854775807"),
    ],
)
def test_never_is_no_activity(text: str) -> None:
    line = one("Last login", text)
    assert (str(line.category), line.at) == ("no_activity", None)


@pytest.mark.parametrize(
    "text", ["soon", "2026-13-01", "31/02/2026", "2026-11-27 25:00", "12:00", "=NOW()", "46353"]
)
def test_what_is_no_instant_is_not_guessed(text: str) -> None:
    line = one("Last login", text)
    assert (str(line.category), line.at) == ("counted", None)


def test_an_ambiguous_order_is_asked_and_decided_once() -> None:
    text = "Email,Last login\na@acme.example,03/04/2026\nb@acme.example,05/05/2026"
    columns, (first, second) = read(text)
    (doubt,) = columns.doubts
    assert (doubt.kind, doubt.must_ask) == (DoubtKind.DATE_ORDER, True)
    assert doubt.alternatives == ("dmy", "mdy")
    assert "03/04/2026" in doubt.text
    assert (first.at, months([second], DENVER)) == (None, ["2026-05"])
    for order, month in ((DateOrder.DAY_FIRST, "2026-04"), (DateOrder.MONTH_FIRST, "2026-03")):
        columns, (first, _) = read(text, options=ReadingOptions(date_order=order))
        assert (columns.doubts, months([first], DENVER)) == ((), [month])


@pytest.mark.parametrize(("other", "month"), [("27/11/2026", "2026-04"), ("11/27/2026", "2026-03")])
def test_one_date_shows_the_order_of_all(other: str, month: str) -> None:
    columns, (first, _) = read(
        f"Email,Last login\na@acme.example,03/04/2026\nb@acme.example,{other}"
    )
    assert (columns.doubts, months([first], DENVER)) == ((), [month])


def test_dates_that_show_both_orders_are_asked() -> None:
    lines = "".join(f"a@acme.example,{day}\n" for day in ("27/11/2026", "11/27/2026", "3/4/2026"))
    columns, (first, second, third) = read(f"Email,Last login\n{lines}")
    assert [doubt.kind for doubt in columns.doubts] == [DoubtKind.DATE_ORDER]
    assert (first.name, second.at is not None, third.at) == ("27/11/2026", True, None)


def test_dots_mean_day_first() -> None:
    assert months([one("Letzte Anmeldung", "03.04.2026 10:11")], DENVER) == ["2026-04"]


@pytest.mark.parametrize(
    "title",
    [
        *("Last Login", "lastSignInDateTime", "Last Seen", "LastLogonDate", "Letzte Anmeldung"),
        *("Dernière connexion", "Último acceso", "Ultimo accesso", "Laatste aanmelding"),
        *(
            "Última atividade",
            "Ostatnie logowanie",
            "Last activity date (UTC)",
            "profile.lastLogin",
        ),
    ],
)
def test_titles_of_instants_are_recognized(title: str) -> None:
    assert one(title, "2026-11-27").at is not None


def test_an_address_goes_before_an_id_and_an_id_fills_in() -> None:
    text = (
        "User ID,Username,External ID,Last login\n"
        "7,ada@acme.example,x1,2026-11-27\n7,,x1,2026-11-27\n7,,,2026-11-27\n"
        "7d5d2a3e-0000-4000-8000-00000000000a,,,2026-11-27\n"
    )
    _, lines = read(text)
    assert [(line.named_by, line.key) for line in lines] == [
        ("email", "ada@acme.example"),
        ("external_id", "x1"),
        ("user_id", "7"),
        ("external_id", "7d5d2a3e-0000-4000-8000-00000000000a"),
    ]


def test_a_guests_principal_name_is_the_guests_address() -> None:
    text = "User Principal Name,Last login\ngwen_partner.example#EXT#@a.example,2026-11-27"
    _, (line,) = read(text)
    assert line.key == "gwen@partner.example"


SHARED = ROOT.parent / "shared" / "data" / "imports" / "activity"
# The last activity of each line.
EXPECTED = {
    "entra-sign-in-log.csv": [at("2026-11-01 03:00")],
    "google-users-last-sign-in.csv": [at("2026-11-27 17:11:12"), None],
    "m365-active-user-detail.csv": [at("2026-11-27 07:00")],
    "m365-email-activity-detail.csv": [at("2026-11-26 07:00"), None],
    "okta-last-login.csv": [at("2026-11-27 10:11:12")],
}


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"{SHARED} is not on this machine")
@pytest.mark.parametrize("name", EXPECTED)
def test_each_shared_file_is_read_as_expected(name: str) -> None:
    _, lines = read((SHARED / name).read_text(encoding="utf-8"))
    assert [line.at for line in lines] == EXPECTED[name]
    assert lines[0].key == "ada.example@contoso-dental.example"
    assert {str(line.category) for line in lines if line.at is None} <= {"no_activity"}
