"""The metrics that are counted, forecast and billed."""

from django.db.models import TextChoices


class Metric(TextChoices):
    """A metric that is counted, forecast or billed; triggers and tables use the same values.

    Triggers count users and devices, and only these have high-water marks. GREATER is the larger of
    an organization's two. Active users are reported, not counted.
    """

    USERS = "users", "Users"
    DEVICES = "devices", "Devices"
    GREATER = "greater", "Seats"
    ACTIVE_USERS = "mau", "Active users"

    @property
    def counted(self) -> "tuple[Metric, ...]":
        """The counted metrics whose largest quantity it is; empty for active users."""
        return _COUNTED[self]

    @property
    def unit(self) -> str:
        """Its unit in the plural: users, devices, seats, monthly active users."""
        return _UNITS.get(self, self.value)

    @property
    def short_unit(self) -> str:
        """The unit where space is short, as in a column: users, devices, seats, MAU."""
        return _SHORT_UNITS.get(self, self.unit)


# The metrics that triggers count.
COUNTED = (Metric.USERS, Metric.DEVICES)
COUNTED_CHOICES = [(metric.value, metric.label) for metric in COUNTED]

_COUNTED = {
    Metric.USERS: (Metric.USERS,),
    Metric.DEVICES: (Metric.DEVICES,),
    Metric.GREATER: COUNTED,
    Metric.ACTIVE_USERS: (),
}
_UNITS = {Metric.GREATER: "seats", Metric.ACTIVE_USERS: "monthly active users"}
_SHORT_UNITS = {Metric.ACTIVE_USERS: "MAU"}
