"""Each place to which a name was copied, and each spelling of it there."""

import pytest

from accounts.models import ErasedUser
from billing.documents.fingerprint import fingerprint
from billing.documents.store import document
from billing.erasure.erase import erase_again, erase_user
from billing.models import DataExport, Invoice, InvoiceDocument, InvoiceLine
from core.actors import SYSTEM_ACTOR
from tenants.models import (
    AuditEntry,
    Device,
    ManagedUser,
    MeteringPolicy,
    RefusedLine,
    UserAlias,
)
from tenants.users.changes import change_user, end_alias
from tenants.users.external_ids import set_external_id
from tenants.users.membership import Via, add_member, remove_member
from tests.billing.conftest import BILL, NOVEMBER
from tests.billing.erasure.conftest import (
    PERSONAL,
    at,
    import_run,
    named_in,
    removed_peak_user,
    store_csv,
)
from usage.models import UsageEvent

FORMER = ("ann.former@acme.example", "Ann Former", "hr-16")
BEA = "Email;Name;Number\r\nbea@acme.example;;7\r\n"


def erase(user):
    erase_user(user=user, actor=BILL, now=NOVEMBER)
    user.refresh_from_db()


def entry(organization, **fields):
    common = {"at": NOVEMBER, "actor_name": "Bill", "organization_id": organization.pk}
    return AuditEntry.objects.create(**{**common, **fields})


def test_every_entry_of_the_audit_log(scenario):
    scenario.contract()
    acme = scenario.organization(users=1)
    user = ManagedUser(organization=acme, email=FORMER[0], name=FORMER[1])
    add_member(member=user, actor=BILL, via=Via.FORM, now=at("2026-10-20"))
    for external_id in (FORMER[2], PERSONAL[2], None):
        set_external_id(member=user, external_id=external_id, actor=BILL, now=at("2026-10-21"))
    change_user(user=user, email=PERSONAL[0], name=PERSONAL[1], actor=BILL, now=at("2026-10-22"))
    end_alias(alias=user.aliases.get(), actor=BILL, now=at("2026-10-23"))
    # As earlier releases, merges and further ids write them.
    entry(acme, action="user.external_id_changed", subject=PERSONAL[1])
    entry(acme, action="user.merged", subject=PERSONAL[0].upper(), after={"alias": FORMER[0]})
    remove_member(member=user, actor=BILL, now=at("2026-10-24"))
    MeteringPolicy.objects.update(closed_through=NOVEMBER)
    user.refresh_from_db()
    assert "tenants_auditentry" in named_in(scenario.provider, (*PERSONAL, *FORMER))

    erase(user)

    assert named_in(scenario.provider, (*PERSONAL, *FORMER)) == set()
    changed = AuditEntry.objects.filter(action="user.changed").get()
    assert (changed.subject, changed.before, changed.after) == (f"Erased user #{user.pk}", {}, {})


def test_an_administrator_of_the_same_address_stays_in_the_audit_log(ann):
    kept = entry(ann.organization, action="contact.added", subject=PERSONAL[0])
    erase(ann)
    kept.refresh_from_db()
    assert kept.subject == PERSONAL[0]


@pytest.mark.parametrize("subject", ["HR-17", "ANN.Baker@acme.example", "further-9"])
def test_a_refused_line_by_any_name_and_only_of_its_organization(scenario, ann, subject):
    UserAlias.objects.create(
        organization=ann.organization, user=ann, kind="external_id", text="further-9",
        key="further-9",
    )  # fmt: skip
    runs = [
        import_run(organization, BEA)
        for organization in (ann.organization, scenario.organization(users=0, name="Bolt"))
    ]
    RefusedLine.objects.update(subject=subject)
    erase(ann)
    assert [RefusedLine.objects.get(run=run).subject for run in runs] == ["", subject]


FILES = (
    "Email\r\nann.baker@acme.example\r\n",
    "Name\r\n ANN BAKER \r\n",
    "Number\r\nHR-17\r\n",
    "Number\r\nfurther-9\r\n",
    "Who\r\nAnn <Ann.Baker@acme.example>\r\n",
    'Who\r\n"bea@acme.example; ann.baker@acme.example"\r\n',
    "Who\r\nSMTP:bea@acme.example+smtp:ANN.BAKER@acme.example+x500:z\r\n",
    "Name\r\nAnn Miller\r\n",
)


def test_a_file_of_an_import_by_any_name_and_only_of_its_organization(scenario, ann):
    acme = ann.organization
    # A name with a dotless i, which the file has with a dot.
    again = ManagedUser(organization=acme, email=PERSONAL[0], name="Ann M\u0131ller")
    add_member(member=again, actor=BILL, via=Via.FORM, now=at("2026-11-02"))
    remove_member(member=again, actor=BILL, now=at("2026-11-03"))
    UserAlias.objects.create(
        organization=acme, user=again, kind="external_id", text="further-9", key="further-9"
    )
    MeteringPolicy.objects.update(closed_through=at("2026-12-01"))
    emptied = [import_run(acme, text) for text in FILES]
    unreadable = import_run(acme)
    unreadable.content = b"PK\x03\x04 a workbook"
    unreadable.save()
    bolt = scenario.organization(users=0, name="Bolt")
    kept = [import_run(acme, BEA), *(import_run(bolt, text) for text in FILES)]

    erase(ann)

    for run in (*emptied, unreadable, *kept):
        run.refresh_from_db()
    assert [bytes(run.content) for run in (*emptied, unreadable)] == [b""] * 9
    assert all(run.content for run in kept)


def test_without_a_name_no_empty_cell_is_taken_for_one(scenario):
    scenario.contract()
    acme = scenario.organization(users=0)
    user = ManagedUser(organization=acme, email=PERSONAL[0])
    add_member(member=user, actor=BILL, via=Via.FORM, now=at("2026-10-20"))
    remove_member(member=user, actor=BILL, now=at("2026-10-21"))
    MeteringPolicy.objects.update(closed_through=NOVEMBER)
    kept = import_run(acme, BEA)
    erase(user)
    kept.refresh_from_db()
    assert kept.content


def test_a_device_with_the_id_of_the_user_keeps_its_name(scenario, ann):
    device = Device(pk=ann.pk, organization=ann.organization, serial_number="SN-1", name="Mac")
    add_member(member=device, actor=BILL, via=Via.FORM, now=at("2026-11-02"))
    event = UsageEvent.objects.get(metric="devices", subject_id=ann.pk)
    line = InvoiceLine.objects.exclude(peak_event_id=None).get()
    other = scenario.invoice(month="2026-09-01")
    line.pk, line.metric, line.invoice = None, "devices", Invoice.objects.get(pk=other.pk)
    line.peak_event_id, line.peak_subject_name = event.pk, "SN-1"
    line.save()
    store_csv(line.invoice)
    InvoiceDocument.objects.update(rendered_at=at("2026-11-02"))

    erase(ann)

    line.refresh_from_db()
    assert line.peak_subject_name == "SN-1"
    # Its invoice is not rendered again.
    assert line.invoice.documents.get().rendered_at == at("2026-11-02")


def test_another_user_whose_address_is_its_name_stays_in_the_audit_log(scenario):
    scenario.contract()
    acme = scenario.organization(users=0)
    bea = ManagedUser(organization=acme, email="bea@acme.example", name="Bea")
    add_member(member=bea, actor=BILL, via=Via.FORM, now=at("2026-10-20"))
    user = ManagedUser(organization=acme, email=PERSONAL[0], name=bea.email)
    add_member(member=user, actor=BILL, via=Via.FORM, now=at("2026-10-20"))
    remove_member(member=user, actor=BILL, now=at("2026-10-24"))
    MeteringPolicy.objects.update(closed_through=NOVEMBER)
    user.refresh_from_db()
    erase(user)
    assert AuditEntry.objects.get(action="user.added", subject=bea.email)


def test_a_csv_that_is_damaged_of_an_earlier_layout_or_not_rendered_yet(ann):
    csv = InvoiceDocument.Format.CSV
    InvoiceDocument.objects.update(content=b"damaged", fingerprint="earlier")
    erase(ann)
    stored = document(invoice=Invoice.objects.get(), format="csv")
    assert f"Erased user #{ann.pk}" in bytes(stored.content).decode()
    assert stored.fingerprint == fingerprint(csv)


def test_an_invoice_that_is_not_rendered_yet_is_rendered_without_the_name(scenario):
    user = removed_peak_user(scenario)
    erase(user)
    assert not InvoiceDocument.objects.exists()
    assert InvoiceLine.objects.get().peak_subject_name == f"Erased user #{user.pk}"


def test_after_a_restore_only_what_is_named_is_erased_and_an_export_goes_on(scenario, ann, south):
    export = DataExport.objects.create(requested_by_name="Bill", requested_at=NOVEMBER)
    ErasedUser.objects.create(provider=south, user_id=ann.pk, erased_at=NOVEMBER)
    assert erase_again(provider=scenario.provider, now=NOVEMBER) == []
    ann.refresh_from_db()
    assert ann.email == PERSONAL[0]

    ErasedUser.objects.create(provider=scenario.provider, user_id=ann.pk, erased_at=NOVEMBER)
    for _ in range(2):
        assert erase_again(provider=scenario.provider, now=NOVEMBER) == []

    ann.refresh_from_db()
    assert ann.email == f"Erased user #{ann.pk}"
    assert AuditEntry.objects.get(action="user.erased").actor_name == SYSTEM_ACTOR.name
    assert DataExport.objects.filter(pk=export.pk).exists()
