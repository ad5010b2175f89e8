"""503 with Retry-After where another transaction or the database itself keeps a request waiting.

Each request is one transaction or writes nothing, so a refused one left nothing half done and can
be repeated.
"""

import logging
import sys

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import defaults

from core.congestion import Congested, note_wait
from core.problems import API_PATH, Problem

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5
UNAVAILABLE = 503
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
    code, detail = "database-away", "The database does not answer. Nothing was changed."
    if _is_clock_ahead(error):
        code, detail = "clock-ahead", "The clock of this server is wrong. Nothing was changed."
    elif _is_busy(request, error):
        code, detail = "busy", "Another change of your data takes long. Nothing was changed."
    return Problem(
        UNAVAILABLE,
        code,
        f"{detail} Repeat the request after the seconds in Retry-After.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def response_of(request: HttpRequest, error: BaseException) -> HttpResponse:
    """The page, or under the API the problem, of a temporary error. Makes no query."""
    if request.path.startswith(API_PATH):
        return problem_of(request, error).response()
    # Without the request: context processors would query the database.
    context = {
        "is_clock_ahead": _is_clock_ahead(error),
        "is_busy": _is_busy(request, error),
    }
    response = render(None, "503.html", context, status=UNAVAILABLE)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
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
