"""Errors of Autotask, each with a message that a person can act on."""

from datetime import timedelta


class AutotaskError(Exception):
    """A call to Autotask failed."""


class Unreachable(AutotaskError):
    """Autotask did not answer, or a proxy before it answered. The call may have been applied."""


class NeverSent(Unreachable):
    """No connection was made, so the call was not applied."""


class NotUnderstood(AutotaskError):
    """The answer is not what the API promises: HTML, cut JSON, fields of another type."""


class UnknownUser(AutotaskError):
    """No zone knows this API user."""


class SignInRefused(AutotaskError):
    """The zone knows the user and refuses the secret or the tracking identifier."""


class PermissionMissing(AutotaskError):
    """The API user's security level does not allow it."""


class Refused(AutotaskError):
    """Autotask refused the request; the message is its own."""


class Busy(AutotaskError):
    """Too many requests at once or in this hour. Not applied; try again after `wait`."""

    def __init__(self, message: str, *, wait: timedelta) -> None:
        super().__init__(message)
        self.wait = wait


class BudgetSpent(Busy):
    """The hourly limit is nearly used up; the rest is left to other integrations."""
