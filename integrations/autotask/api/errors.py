"""What can go wrong with Autotask, each with a message a person can act on."""

from datetime import timedelta


class AutotaskError(Exception):
    """Autotask did not do, or did not answer, what it was asked."""


class Unreachable(AutotaskError):
    """No answer, or one of the machines before Autotask's own."""


class NeverSent(Unreachable):
    """No connection came about: nothing can have been done."""


class NotUnderstood(AutotaskError):
    """An answer that is not what the API promises: HTML, half a JSON, fields of another kind."""


class UnknownUser(AutotaskError):
    """No zone knows this API user."""


class SignInRefused(AutotaskError):
    """The zone knows the user and refuses the secret or the tracking identifier."""


class PermissionMissing(AutotaskError):
    """The API user's security level does not allow it."""


class Refused(AutotaskError):
    """Autotask read the request and says no, with its own words."""


class Busy(AutotaskError):
    """Too many requests at once or in this hour; nothing was done. Try again after `wait`."""

    def __init__(self, message: str, *, wait: timedelta) -> None:
        super().__init__(message)
        self.wait = wait


class BudgetSpent(Busy):
    """The customer database's hour is nearly used up: the rest is left to others."""
