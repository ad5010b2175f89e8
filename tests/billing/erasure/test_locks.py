"""What an erasure waits for, so that no name is written while it is erased."""

import pytest
from django.db import OperationalError, transaction

from billing.documents.store import render_documents
from billing.erasure.erase import erase_user, erase_users
from billing.models import Invoice
from tests.billing.conftest import BILL, NOVEMBER
from tests.billing.erasure.conftest import removed_peak_user, store_csv
from tests.held_locks import LEDGER, held, impatient

INVOICE = "SELECT FROM billing_invoice FOR NO KEY UPDATE"
COUNTER = "SELECT FROM usage_organizationcounter WHERE metric = 'users' FOR UPDATE"


def erase_by_hand(user):
    erase_user(user=user, actor=BILL, now=NOVEMBER)


def erase_after_the_period(user):
    with transaction.atomic():
        erase_users([user.pk], removed_before=NOVEMBER, now=NOVEMBER)


@pytest.mark.parametrize("erase", [erase_by_hand, erase_after_the_period])
@pytest.mark.parametrize("lock", [LEDGER, COUNTER, INVOICE])
def test_an_erasure_waits_for_a_close_an_addition_and_a_rendering(committed_scenario, lock, erase):
    ann = removed_peak_user(committed_scenario)
    store_csv(Invoice.objects.get())
    with (
        held(committed_scenario.provider, lock),
        impatient(lock_timeout="100ms"),
        pytest.raises(OperationalError, match="lock timeout"),
    ):
        erase(ann)
    ann.refresh_from_db()
    assert ann.erased_at is None


def test_a_rendering_of_names_waits_for_an_erasure(committed_scenario):
    removed_peak_user(committed_scenario)
    invoice = Invoice.objects.get()
    with (
        held(committed_scenario.provider, INVOICE),
        impatient(lock_timeout="100ms"),
        pytest.raises(OperationalError, match="lock timeout"),
    ):
        render_documents(invoice=invoice, now=NOVEMBER)
    assert not invoice.documents.filter(format="csv").exists()
