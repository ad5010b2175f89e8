"""Two providers that use one Autotask database never overwrite each other's units."""

from datetime import timedelta

import pytest

from accounts.models import Provider, PsaServiceClaim
from core.schema import provider_schema
from integrations.autotask.connection import current_client, disconnect
from integrations.autotask.mapping.service_mappings import MappingRefused, confirm, remove
from integrations.models import ServiceMapping
from tenants.alerts.evaluation import evaluate_rules
from tenants.models import Alert, MeteringPolicy, Organization
from tests.integrations.psa_scenario import BILL, PsaScenario


@pytest.fixture
def other(scenario: PsaScenario, south: Provider) -> PsaScenario:
    """South with the credentials of the same Autotask; each use enters its schema."""
    theirs = PsaScenario(provider=south, stand_in=scenario.stand_in, now=scenario.now)
    with provider_schema(south):
        MeteringPolicy.objects.update(free_user_limit=None)
        theirs.contract()
        theirs.connect()
    return theirs


def mapped(scenario: PsaScenario, organization: Organization, number: int = 0) -> ServiceMapping:
    """Map through the form's own call, which checks everything in Autotask."""
    with current_client() as client:
        return confirm(
            client=client,
            organization=organization,
            company_id=29_683_500 + number,
            contract_service_id=scenario.line(number),
            non_billable_users=0,
            actor=BILL,
            now=scenario.now,
        )


def test_a_service_of_another_provider_is_refused_when_it_is_mapped(
    scenario: PsaScenario, other: PsaScenario
) -> None:
    mine = Organization.objects.create(name="Mine")
    mapped(scenario, mine)
    with provider_schema(other.provider):
        theirs = Organization.objects.create(name="Theirs")
        with pytest.raises(MappingRefused, match="Another provider") as refusal:
            mapped(other, theirs)
        assert scenario.provider.name not in str(refusal.value)
        assert not ServiceMapping.objects.exists()
        mapped(other, theirs, number=1)
    remove(organization=mine, actor=BILL, now=scenario.now)
    with provider_schema(other.provider):
        mapped(other, theirs)
        assert ServiceMapping.objects.living().get().contract_service_id == scenario.line(0)


def test_a_sync_overwrites_no_number_of_another_provider(
    scenario: PsaScenario, other: PsaScenario
) -> None:
    """Mapped before there were claims: the first to sync keeps it, the other gets an alert."""
    scenario.organization(25)
    with provider_schema(other.provider):
        other.organization(17)
        other.organization(4, number=1)
    scenario.sync()
    assert scenario.units() == 25
    with provider_schema(other.provider):
        run = other.sync()
        check = other.check(run)
        assert (check.outcome, check.units_after) == ("needs_person", None)
        assert "Another provider" in check.reason
        assert other.check(run, number=1).outcome == "changed"
        evaluate_rules(now=other.now)
        [alert] = Alert.objects.filter(cause__startswith="psa-service-", resolved_at=None)
        assert "Another provider" in alert.text
    assert (scenario.units(), scenario.units(1)) == (25, 4)
    # Nothing looks as if a person had edited it.
    scenario.now += timedelta(days=1)
    assert scenario.check(scenario.sync()).outcome == "unchanged"


def test_what_is_not_mapped_any_more_is_free_for_another_provider(
    scenario: PsaScenario, other: PsaScenario
) -> None:
    mapping = scenario.organization(25)
    scenario.sync()
    # As after a crash between the two transactions of a removal.
    ServiceMapping.objects.filter(pk=mapping.pk).update(removed_at=scenario.now)
    assert PsaServiceClaim.objects.filter(provider=scenario.provider).count() == 1
    scenario.sync()
    assert not PsaServiceClaim.objects.filter(provider=scenario.provider).exists()
    with provider_schema(other.provider):
        other.organization(17)
        assert other.check(other.sync()).outcome == "changed"
        disconnect(actor=BILL, now=other.now)
        assert not PsaServiceClaim.objects.exists()


def test_the_same_number_in_another_database_is_another_service(
    scenario: PsaScenario, other: PsaScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario.organization(25)
    scenario.sync()
    monkeypatch.setattr(
        "integrations.autotask.api.credentials.Credentials.customer_database", "another"
    )
    with provider_schema(other.provider):
        other.organization(17)
        assert other.check(other.sync()).outcome == "changed"
        assert PsaServiceClaim.objects.count() == 2
