"""Alerts: what needs a person, opened once for each cause, closed when it is gone.

Who can find something wrong registers a watcher (`conditions.watch`) or raises it directly.
"""

from tenants.alerts.transitions import raise_alert, resolve_alert

__all__ = ["raise_alert", "resolve_alert"]
