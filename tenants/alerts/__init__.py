"""Alerts: one open alert for each cause, resolved when the cause is gone.

An app registers a rule (`tenants.alerts.rules.rule`) or raises and resolves an alert directly.
"""

from tenants.alerts.transitions import raise_alert, resolve_alert

__all__ = ["raise_alert", "resolve_alert"]
