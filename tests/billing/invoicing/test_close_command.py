"""`manage.py close_month`: what it tells whoever closes a month by hand."""

import pytest
from django.core.management import CommandError, call_command


@pytest.mark.proof
def test_the_command_closes_charges_and_says_what_became_of_it(committed_scenario, capsys):
    scenario = committed_scenario
    scenario.card()
    scenario.organization(users=30)
    prefix = scenario.provider.invoice_prefix

    call_command("close_month", provider=prefix.lower(), month="2026-10")

    told = capsys.readouterr().out
    assert f"{scenario.provider.name}, 2026-10: 1 invoice, $330.00." in told
    assert f"{prefix}-000001" in told
    assert "Paid in Full: charged to the card" in told
    assert scenario.stripe.charges(customer=scenario.customer())["amount_charged"] == 33_000
    with pytest.raises(CommandError, match="is closed: 1 invoice"):
        call_command("close_month", provider=prefix, month="2026-10")


@pytest.mark.parametrize(
    ("provider", "month", "message"),
    [
        ("nobody", "2026-10", "There is no provider “nobody”"),
        ("NORTH", "2026-13", "there is no such month"),
        ("NORTH", "soon", "write it like 2026-10"),
        ("north", "2999-01", "2999-01 is not over"),
    ],
)
def test_the_command_says_what_is_wrong(scenario, provider, month, message):
    with pytest.raises(CommandError, match=message):
        call_command("close_month", provider=provider, month=month)
