"""What invoice lines call the quantities they charge for. Pure."""

from core.metrics import Metric


def counted_as(metric: Metric) -> str:
    """What an organization's quantity is: highest number of users, monthly active users."""
    return f"highest number of {metric.unit}" if metric.counted else metric.unit


def together_as(metric: Metric) -> str:
    """What all organizations' quantities are that were added up."""
    return "highest numbers together" if metric.counted else "all together"


def covered_as(*, committed: int, prepaid: int) -> str:
    """What a covered quantity is made of: committed, prepaid, or both."""
    parts = {"committed": committed, "prepaid": prepaid}
    return " and ".join(name for name, quantity in parts.items() if quantity) or "committed"
