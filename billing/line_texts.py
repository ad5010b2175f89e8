"""What invoice lines call the quantities they charge for. Pure."""

_UNITS = {"greater": "seats", "mau": "monthly active users"}


def unit_text(metric: str) -> str:
    """What one of the quantity is, in the plural: users, devices, seats, monthly active users."""
    return _UNITS.get(metric, metric)


def counted_as(metric: str) -> str:
    """What an organization's quantity is: highest number of users, monthly active users."""
    return _UNITS["mau"] if metric == "mau" else f"highest number of {metric}"


def together_as(metric: str) -> str:
    """What all organizations' quantities are that were added up."""
    return "all together" if metric == "mau" else "highest numbers together"


def covered_as(*, committed: int, prepaid: int) -> str:
    """What a covered quantity is made of: committed, prepaid, or both."""
    parts = {"committed": committed, "prepaid": prepaid}
    return " and ".join(name for name, quantity in parts.items() if quantity) or "committed"
