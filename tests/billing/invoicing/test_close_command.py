"""`manage.py close_month`: its output and its errors."""

import pytest
from django.core.management import CommandError, call_command


@pytest.mark.proof
def test_the_command_closes_a_month_and_prints_the_charges(committed_scenario, capsys):
    scenario = committed_scenario
    scenario.card()
    scenario.organization(users=30)
    prefix = scenario.provider.invoice_prefix

    call_command("close_month", provider=prefix.lower(), month="2026-10")

    output = capsys.readouterr().out
    assert f"{scenario.provider.name}, 2026-10: 1 invoice, $330.00." in output
    assert f"{prefix}-000001" in output
    assert "Paid in Full: charged to the card" in output
    assert scenario.stripe.charges(customer=scenario.customer())["amount_charged"] == 33_000
    with pytest.raises(CommandError, match="is closed: 1 invoice"):
        call_command("close_month", provider=prefix, month="2026-10")


@pytest.mark.parametrize(
    ("provider", "month", "message"),
    [
        ("unknown", "2026-10", "There is no provider “unknown”"),
        ("NORTH", "2026-13", "there is no such month"),
        ("NORTH", "soon", "write it like 2026-10"),
        ("north", "2999-01", "2999-01 is not over"),
    ],
)
def test_the_command_refuses_wrong_arguments(scenario, provider, month, message):
    with pytest.raises(CommandError, match=message):
        call_command("close_month", provider=provider, month=month)
