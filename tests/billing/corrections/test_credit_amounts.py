"""The amounts of credit notes: several notes add up to the invoice exactly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.corrections.credit_amounts import (
    MoreThanIsLeft,
    Split,
    credit_of_subtotal,
    credit_of_total,
)
from billing.rating.rate_month import tax_minor
from tests.billing.corrections.rates import currencies, rates

NOTHING = Split(0, 0)


def issued(subtotal, rate, currency="USD"):
    tax = tax_minor(subtotal_minor=subtotal, tax_rate=rate, currency=currency)
    return Split(subtotal, tax)


def test_an_amount_is_split_as_the_invoice_is():
    invoice = Split(10_000, 1_900)

    split = credit_of_total(invoice=invoice, credited=NOTHING, total_minor=1_190, currency="USD")

    assert split == Split(1_000, 190)


def test_a_credited_line_includes_its_tax():
    invoice = Split(10_000, 1_900)

    split = credit_of_subtotal(
        invoice=invoice, credited=NOTHING, subtotal_minor=333, currency="USD"
    )

    assert split == Split(333, 63)


def test_notes_over_three_thirds_credit_the_whole_tax():
    invoice, credited = Split(300, 1), NOTHING
    for _ in range(3):
        credited += credit_of_subtotal(
            invoice=invoice, credited=credited, subtotal_minor=100, currency="USD"
        )

    assert credited == invoice


@pytest.mark.parametrize("credit", [credit_of_total, credit_of_subtotal])
def test_a_note_above_the_rest_is_refused(credit):
    name = "total_minor" if credit is credit_of_total else "subtotal_minor"
    invoice, credited = Split(10_000, 1_900), Split(9_000, 1_710)
    left = getattr(invoice - credited, name)

    with pytest.raises(MoreThanIsLeft):
        credit(invoice=invoice, credited=credited, currency="USD", **{name: left + 1})
    assert (
        credited + credit(invoice=invoice, credited=credited, currency="USD", **{name: left})
        == invoice
    )


@pytest.mark.parametrize("minor", [0, -5])
def test_a_note_without_an_amount_is_refused(minor):
    with pytest.raises(ValueError, match="positive"):
        credit_of_total(invoice=Split(100, 0), credited=NOTHING, total_minor=minor, currency="USD")


@given(
    subtotal=st.integers(1, 500_000),
    rate=rates,
    currency=currencies,
    shares=st.lists(st.tuples(st.booleans(), st.integers(1, 200_000)), max_size=8),
)
def test_notes_stay_within_the_invoice_and_the_last_credits_the_rest(
    subtotal, rate, currency, shares
):
    invoice, credited = issued(subtotal, rate, currency), NOTHING
    for by_line, share in shares:
        left = invoice - credited
        whole = left.subtotal_minor if by_line else left.total_minor
        if not whole:
            continue
        credit = credit_of_subtotal if by_line else credit_of_total
        name = "subtotal_minor" if by_line else "total_minor"
        note = credit(
            invoice=invoice, credited=credited, currency=currency, **{name: min(share, whole)}
        )
        assert getattr(note, name) == min(share, whole)
        assert min(note.subtotal_minor, note.tax_minor) >= 0
        credited += note
        assert credited.subtotal_minor <= invoice.subtotal_minor
        assert credited.tax_minor <= invoice.tax_minor
    left = invoice - credited
    if left.total_minor:
        credited += credit_of_total(
            invoice=invoice, credited=credited, total_minor=left.total_minor, currency=currency
        )
    assert credited == invoice
