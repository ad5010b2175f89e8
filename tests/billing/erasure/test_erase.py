"""An erased user is named nowhere, and every number, explanation and verification still holds."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction

from accounts.models import ErasedUser, Provider
from billing.documents.store import document
from billing.erasure.erase import CannotErase, erasable_users, erase_user, refusal
from billing.invoicing.month_close import close_month
from billing.models import DataExport, Invoice, InvoiceLine
from billing.verification.verify import verify_month
from core.metrics import Metric
from core.schema import provider_schema
from tenants.models import AuditEntry, ManagedUser, MeteringPolicy, Organization, RefusedLine
from tenants.users.changes import change_user, end_alias
from tenants.users.membership import Via, add_member, remove_member
from tests.billing.conftest import BILL, NOVEMBER
from tests.billing.erasure.conftest import (
    OCTOBER,
    PERSONAL,
    add_ann,
    at,
    import_run,
    named_in,
    store_csv,
)
from usage.explain.counted_at_peak import counted_at_peak
from usage.explain.peaks import explain_month
from usage.ledger.verify import verify_ledger

LATER = NOVEMBER + timedelta(days=3)


def erase(user):
    erase_user(user=user, actor=BILL, now=LATER)
    user.refresh_from_db()


def explanation(organization_id):
    return explain_month(
        organization_id=organization_id,
        metric=Metric.USERS,
        month=OCTOBER,
        zone=Invoice.objects.get().billing_zone(),
    )


def export(*, finished_at):
    return DataExport.objects.create(
        requested_by_name="Bill", requested_at=NOVEMBER, finished_at=finished_at
    )


def test_every_copy_of_the_name_is_found_before_and_none_after(scenario, ann):
    import_run(ann.organization)
    kept = import_run(ann.organization, "Email\r\nbea@acme.example\r\n")
    # The report of a sync names users who are not in the file.
    kept.report = {"sync": {"gone": 1, "people_gone": ["ann.baker@acme.example"]}}
    kept.save(update_fields=["report"])
    made = export(finished_at=NOVEMBER)
    assert named_in(scenario.provider) == {
        "tenants_manageduser", "tenants_auditentry", "tenants_importrun", "tenants_refusedline",
        "billing_invoiceline", "billing_invoicedocument",
    }  # fmt: skip

    erase(ann)

    assert named_in(scenario.provider) == set()
    assert (str(ann), ann.name, ann.external_id) == (f"Erased user #{ann.pk}", "", None)
    kept.refresh_from_db()
    assert kept.content
    assert kept.report == {}
    assert not DataExport.objects.filter(pk=made.pk).exists()


def test_every_number_explanation_and_verification_holds(scenario, ann):
    before = explanation(ann.organization_id)
    assert before.peak.event.subject_name == PERSONAL[0]
    amounts = list(InvoiceLine.objects.values_list("quantity", "amount_minor", "peak_at"))

    erase(ann)

    after = explanation(ann.organization_id)
    assert after.peak.event.subject_name == f"Erased user #{ann.pk}"
    assert (after.high_water_mark, after.hours, after.peak.at) == (3, before.hours, before.peak.at)
    counted, number = counted_at_peak(explanation=after)
    assert number == 3
    assert [each.name for each in counted if each.subject_id == ann.pk] == [
        f"Erased user #{ann.pk}"
    ]
    assert counted_at_peak(explanation=after, search="baker") == ([], 0)
    assert counted_at_peak(explanation=after, search="ERASED")[1] == 1
    assert list(InvoiceLine.objects.values_list("quantity", "amount_minor", "peak_at")) == amounts
    assert verify_ledger() == []
    verification = verify_month(provider=scenario.provider, month=OCTOBER, renders=True)
    assert verification.differences == []
    assert verification.checked["renderings"] == 1
    csv = bytes(document(invoice=Invoice.objects.get(), format="csv").content).decode()
    assert f"Erased user #{ann.pk}" in csv


def test_the_audit_entry_names_the_id_only(ann):
    erase(ann)
    entry = AuditEntry.objects.get(action="user.erased")
    assert (entry.subject, entry.actor_name, entry.organization_id) == (
        f"Erased user #{ann.pk}",
        "Bill",
        ann.organization_id,
    )
    added = AuditEntry.objects.get(action="user.external_id_changed")
    assert (added.subject, added.before, added.after) == (f"Erased user #{ann.pk}", {}, {})


def test_again_it_changes_nothing(scenario, ann):
    erase(ann)
    import_run(ann.organization, state="checked")
    assert refusal(ann) == ""
    erase_user(user=ann, actor=BILL, now=LATER + timedelta(days=1))
    ann.refresh_from_db()
    assert ann.erased_at == LATER
    assert AuditEntry.objects.filter(action="user.erased").count() == 1
    assert ErasedUser.objects.get().user_id == ann.pk


def test_earlier_stays_of_the_same_address_are_erased_too(scenario, ann):
    again = add_ann(ann.organization, at("2026-11-01 10:00"))
    remove_member(member=again, actor=BILL, now=at("2026-11-01 11:00"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tenants_meteringpolicy SET closed_through = '2026-12-01Z'")
    erase(again)
    assert named_in(scenario.provider) == set()
    ann.refresh_from_db()
    assert str(ann) == f"Erased user #{ann.pk}"


def test_users_of_other_organizations_and_other_audit_entries_stay(scenario, ann):
    bolt = scenario.organization(users=0, name="Bolt")
    namesake = add_ann(bolt, at("2026-11-02 10:00"))
    others = AuditEntry.objects.exclude(organization_id=ann.organization_id)
    before = list(others.order_by("pk").values())
    erase(ann)
    namesake.refresh_from_db()
    assert (namesake.email, namesake.name) == PERSONAL[:2]
    assert list(others.order_by("pk").values()) == before


def test_another_provider_is_not_touched(scenario, ann, south):
    with provider_schema(south):
        acme = Organization.objects.create(name="Acme")
        user = add_ann(acme, at("2026-10-20"))
        remove_member(member=user, actor=BILL, now=at("2026-10-21"))
        import_run(acme)
    before = named_in(south)
    with provider_schema(scenario.provider):
        erase(ann)
    assert named_in(south) == before != set()


def active(user):
    return add_ann(user.organization, at("2026-11-02")), "is still active. Remove the user first."


def added_again(user):
    add_ann(user.organization, at("2026-11-02"))
    return user, "was added again and is active. Remove the user first."


def in_an_open_month(user):
    again = add_ann(user.organization, at("2026-11-01 10:00"))
    remove_member(member=again, actor=BILL, now=at("2026-11-02"))
    return user, "counts in November 2026, which is not closed yet."


def in_an_unfinished_import(user):
    import_run(user.organization, state="checked")
    return user, "An import into Acme is not finished."


def in_an_export_that_is_built(user):
    export(finished_at=None)
    return user, "An export of your data is being built."


@pytest.mark.parametrize(
    "case",
    [active, added_again, in_an_open_month, in_an_unfinished_import, in_an_export_that_is_built],
)
def test_refused_with_the_reason(scenario, ann, case):
    user, reason = case(ann)
    before = named_in(scenario.provider)
    assert reason in refusal(user)
    with pytest.raises(CannotErase, match=reason):
        erase(user)
    assert named_in(scenario.provider) == before
    assert not erasable_users(removed_before=at("2031-01-01")).exists()


def test_the_database_keeps_addresses_until_they_are_erased_for_good(ann):
    users = ManagedUser.objects.filter(pk=ann.pk)

    def change(**values):
        with transaction.atomic():
            users.update(**values)

    with pytest.raises(DatabaseError, match="keeps its e-mail address"):
        change(email="other@acme.example", address_key="other@acme.example")
    with pytest.raises(DatabaseError, match="manageduser_erased"):
        change(erased_at=LATER)
    erase(ann)
    for values in ({"email": PERSONAL[0]}, {"erased_at": None, "address_key": PERSONAL[0]}):
        with pytest.raises(DatabaseError, match="keeps its e-mail address"):
            change(**values)
    with pytest.raises(DatabaseError, match="manageduser_erased"):
        change(name=PERSONAL[1])


def test_the_log_has_no_column_for_a_name(scenario):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = %s AND table_name = 'usage_usageevent'",
            [scenario.provider.schema_name],
        )
        columns = {name for (name,) in cursor.fetchall()}
    assert "subject_id" in columns
    assert "subject_name" not in columns


def test_a_refused_line_stays_without_its_subject(ann):
    run = import_run(ann.organization)
    erase(ann)
    line = RefusedLine.objects.get(run=run)
    assert (line.line, line.subject, str(line)) == (2, "", "line 2: Already there")


def test_providers_are_registered_apart(scenario, ann):
    erase(ann)
    registered = ErasedUser.objects.get()
    assert Provider.objects.get(pk=registered.provider_id) == scenario.provider


def test_a_renamed_user_verifies_and_is_erased_with_every_earlier_name(scenario):
    former = "ann.former@acme.example"
    scenario.contract()
    acme = scenario.organization(users=2, name="Acme")
    user = ManagedUser(organization=acme, email=former, name=PERSONAL[1])
    add_member(member=user, actor=BILL, via=Via.FORM, now=at("2026-10-20 08:00"))
    # The invoice names the peak's user as it was called at the close.
    close_month(provider=scenario.provider, month=OCTOBER, now=NOVEMBER)
    store_csv(Invoice.objects.get())
    change_user(
        user=user, email=PERSONAL[0], name=PERSONAL[1], actor=BILL, now=at("2026-11-02 08:00")
    )
    for alias in user.aliases.all():
        end_alias(alias=alias, actor=BILL, now=NOVEMBER)
    assert verify_month(provider=scenario.provider, month=OCTOBER, renders=False).differences == []
    InvoiceLine.objects.filter(peak_subject_name=former).update(peak_subject_name="x@acme.example")
    found = verify_month(provider=scenario.provider, month=OCTOBER, renders=False).differences
    assert "who was added" in {difference.what for difference in found}
    InvoiceLine.objects.filter(peak_subject_name="x@acme.example").update(peak_subject_name=former)
    import_run(acme, f"Proxies\r\nSMTP:ann@other.example+smtp:{former.upper()}\r\n")
    remove_member(member=user, actor=BILL, now=at("2026-11-03 08:00"))
    MeteringPolicy.objects.update(closed_through=at("2026-12-01"))
    user.refresh_from_db()
    erase(user)
    assert named_in(scenario.provider, (*PERSONAL[:2], former)) == set()
