"""503 with Retry-After where another transaction or the database itself keeps a request waiting.

A request leaves nothing half done: each change is one transaction. It can be repeated, and the
answer says that nothing was changed, unless a commit had begun: when the database is lost during
one, it is not known whether it was done.
"""

import logging
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import defaults

from core.congestion import READING, Congested, note_wait
from core.problems import API_PATH, Problem
from core.schema import connection

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
UNAVAILABLE = 503
OUTCOME_UNKNOWN = "outcome-unknown"
OUTCOME_HEADER = "X-Outcome"
# SQLSTATE: lock_timeout, deadlock, statement_timeout.
_WAITED = frozenset({"55P03", "40P01", "57014"})


class ClockAhead(Exception):
    """This server's clock is over five minutes ahead of the database's, which refused an instant.

    An instant that a customer states is checked before, with a message at its field.
    """


def is_temporary(error: BaseException | None) -> bool:
    """Whether the request may succeed later: a wait in vain, no database, or a wrong clock."""
    return isinstance(error, (OperationalError, InterfaceError, Congested, ClockAhead))


def waited_for_lock(error: BaseException | None) -> bool:
    """Whether the database ended a statement that waited for another one or took too long."""
    return getattr(error.__cause__ if error else None, "sqlstate", None) in _WAITED


def problem_of(request: HttpRequest, error: BaseException) -> Problem:
    """The API's answer to a temporary error."""
    is_clock_ahead, is_busy = _is_clock_ahead(error), _is_busy(request, error)
    advice = "Nothing was changed. Repeat the request after the seconds in Retry-After."
    code, reason = "database-away", "The database does not answer."
    if may_be_done(request):
        code, reason = OUTCOME_UNKNOWN, "The database was lost while a change was saved."
        advice = (
            "It may have been made. Look before you repeat the request; an entry with an "
            "external_id may be repeated after the seconds in Retry-After."
        )
    elif is_clock_ahead:
        code, reason = "clock-ahead", "The clock of this server is wrong."
    elif is_busy:
        code, reason = "busy", "Another change of your data takes long."
    return Problem(
        UNAVAILABLE,
        code,
        f"{reason} {advice}",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def may_be_done(request: HttpRequest) -> bool:
    """Whether a request that failed may have changed something."""
    return request.method not in READING and connection.commits > 0


def response_of(request: HttpRequest, error: BaseException) -> HttpResponse:
    """The page, or under the API the problem, of a temporary error. Makes no query."""
    if request.path.startswith(API_PATH):
        return problem_of(request, error).response()
    # Without the request: context processors would query the database.
    context = {
        "is_clock_ahead": _is_clock_ahead(error),
        "is_busy": _is_busy(request, error),
        "may_be_done": may_be_done(request),
    }
    response = render(None, "503.html", context, status=UNAVAILABLE)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    if may_be_done(request):
        # For the page's script, which shows a toast in place of this page.
        response[OUTCOME_HEADER] = "unknown"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """The answer to an exception that no view handled; Django calls it while it is handled."""
    error = sys.exception()
    if error is not None and is_temporary(error):
        return response_of(request, error)
    return defaults.server_error(request)


def _is_clock_ahead(error: BaseException) -> bool:
    if not isinstance(error, ClockAhead):
        return False
    logger.error("The clock of this server is ahead of the database's: %s", error)
    return True


def _is_busy(request: HttpRequest, error: BaseException) -> bool:
    if waited_for_lock(error):
        note_wait(request)
        return True
    return isinstance(error, Congested)
