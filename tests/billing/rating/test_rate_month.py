"""Rating of a month: charges, lines, tax and collection."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.choices import Collection, ContractKind, InvoiceKind, LineKind
from billing.money import round_minor
from billing.rating.rate_month import BilledQuantity, Terms, billed_by, rate_month, tax_minor
from core.metrics import COUNTED, Metric

PAY_AS_YOU_GO = Terms(
    kind=ContractKind.PAY_AS_YOU_GO,
    package_name="Complete",
    metric=Metric.USERS,
    currency="USD",
    unit_price=Decimal("11.00"),
    automatic_limit_minor=400_000,
    has_card=True,
)
COMMITTED = replace(PAY_AS_YOU_GO, kind=ContractKind.COMMITTED, committed_quantity=14)


def users(number, *, organization_id=1, name="Acme"):
    return BilledQuantity(organization_id, name, Metric.USERS, number)


def devices(number, *, organization_id=1, name="Acme"):
    return BilledQuantity(organization_id, name, Metric.DEVICES, number)


def rate(terms, *quantities):
    billed = billed_by(metric=terms.metric, quantities=quantities)
    return rate_month(terms=terms, quantities=billed, month_name="October 2026")


def test_a_carried_in_count_of_thirty_bills_thirty():
    (invoice,) = rate(PAY_AS_YOU_GO, users(30))

    (line,) = invoice.lines
    assert (line.quantity, line.amount_minor) == (30, 33_000)
    assert invoice.total_minor == 33_000


def test_a_peak_of_seventeen_above_fourteen_committed_bills_three_on_a_separate_invoice():
    commitment, overage = rate(
        COMMITTED, users(9, organization_id=1), users(8, organization_id=2, name="Bolt")
    )

    assert (commitment.kind, commitment.total_minor) == (InvoiceKind.COMMITMENT, 14 * 1100)
    assert (overage.kind, overage.total_minor) == (InvoiceKind.OVERAGE, 3 * 1100)
    charged, *basis = overage.lines
    assert (charged.kind, charged.quantity) == (LineKind.OVERAGE, 3)
    assert [(line.kind, line.quantity, line.amount_minor) for line in basis] == [
        (LineKind.BASIS, 9, 0),
        (LineKind.BASIS, 8, 0),
    ]


@pytest.mark.parametrize("peak", [0, 1, 13, 14])
def test_a_peak_within_the_commitment_bills_only_the_commitment(peak):
    (invoice,) = rate(COMMITTED, users(peak))

    assert (invoice.kind, invoice.total_minor) == (InvoiceKind.COMMITMENT, 15_400)


def test_organizations_without_a_quantity_have_no_line():
    (invoice,) = rate(PAY_AS_YOU_GO, users(0), users(2, organization_id=2, name="Bolt"))

    assert [line.organization_name for line in invoice.lines] == ["Bolt"]
    assert rate(PAY_AS_YOU_GO, users(0)) == []
    assert rate(PAY_AS_YOU_GO) == []


@pytest.mark.parametrize(
    ("metric", "quantity", "of"),
    [
        (Metric.USERS, 5, "users"),
        (Metric.DEVICES, 9, "devices"),
        (Metric.GREATER, 9, "devices"),
    ],
)
def test_the_metric_of_the_contract_decides_the_billed_quantity(metric, quantity, of):
    (invoice,) = rate(replace(PAY_AS_YOU_GO, metric=metric), users(5), devices(9))

    (line,) = invoice.lines
    assert (line.quantity, line.metric) == (quantity, of)


@pytest.mark.parametrize("quantities", [(users(7), devices(7)), (devices(7), users(7))])
def test_users_are_billed_if_two_peaks_are_equal(quantities):
    (invoice,) = rate(replace(PAY_AS_YOU_GO, metric=Metric.GREATER), *quantities)

    assert invoice.lines[0].metric == "users"


def test_tax_is_rounded_once_for_an_invoice():
    terms = replace(PAY_AS_YOU_GO, unit_price=Decimal("0.07"), tax_rate=Decimal("7.5"))

    (invoice,) = rate(terms, *(users(1, organization_id=n, name=f"O{n}") for n in range(10)))

    # Ten lines of 7 cents: 5.25 cents of tax, where each line alone would round to 1 cent.
    assert (invoice.subtotal_minor, invoice.tax_minor, invoice.total_minor) == (70, 5, 75)


@pytest.mark.parametrize(
    ("subtotal", "rate_percent", "currency", "tax"),
    [
        (1_000, "19", "USD", 190),
        (10, "5", "USD", 1),
        (10, "4.9", "USD", 0),
        (1_005, "10", "JPY", 101),
        (5_120, "5", "KWD", 260),
        (33_000, "0", "USD", 0),
    ],
)
def test_tax_is_rounded_to_the_steps_of_the_currency(subtotal, rate_percent, currency, tax):
    assert (
        tax_minor(subtotal_minor=subtotal, tax_rate=Decimal(rate_percent), currency=currency) == tax
    )


@pytest.mark.parametrize(
    ("quantity", "change", "expected"),
    [
        (363, {}, Collection.AUTOMATIC),
        (364, {}, Collection.BY_INVOICE),
        (364, {"automatic_limit_minor": 400_401}, Collection.AUTOMATIC),
        (364, {"automatic_limit_minor": 400_400}, Collection.BY_INVOICE),
        (363, {"has_card": False}, Collection.BY_INVOICE),
        (363, {"invoice_agreement": True}, Collection.BY_INVOICE),
        (363, {"tax_rate": Decimal(10)}, Collection.BY_INVOICE),
    ],
)
def test_the_card_is_charged_only_below_the_limit(quantity, change, expected):
    (invoice,) = rate(replace(PAY_AS_YOU_GO, **change), users(quantity))

    assert invoice.collection is expected


QUANTITIES = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from(COUNTED), st.integers(0, 20_000)),
    max_size=40,
    unique_by=lambda row: row[:2],
).map(
    lambda rows: [
        BilledQuantity(ident, f"Org {ident}", metric, mark) for ident, metric, mark in rows
    ]
)
TERMS = st.builds(
    Terms,
    kind=st.sampled_from(ContractKind),
    package_name=st.just("Complete"),
    metric=st.sampled_from(Metric),
    currency=st.sampled_from(["USD", "JPY", "KWD"]),
    unit_price=st.decimals(min_value=0, max_value=500, places=4),
    automatic_limit_minor=st.integers(0, 1_000_000),
    has_card=st.booleans(),
    committed_quantity=st.integers(1, 50_000),
    tax_rate=st.decimals(min_value=0, max_value=30, places=3),
)


@given(terms=TERMS, quantities=QUANTITIES)
def test_totals_are_sums_of_whole_minor_units(terms, quantities):
    for invoice in rate(terms, *quantities):
        assert invoice.subtotal_minor == sum(line.amount_minor for line in invoice.lines)
        assert invoice.total_minor == invoice.subtotal_minor + invoice.tax_minor
        assert invoice.tax_minor == tax_minor(
            subtotal_minor=invoice.subtotal_minor,
            tax_rate=terms.tax_rate,
            currency=terms.currency,
        )
        for line in invoice.lines:
            assert type(line.amount_minor) is int
            assert type(line.unit_price) is Decimal
            assert line.amount_minor == round_minor(line.quantity * line.unit_price, terms.currency)


@given(terms=TERMS, quantities=QUANTITIES, data=st.data())
def test_the_order_of_organizations_does_not_matter(terms, quantities, data):
    shuffled = data.draw(st.permutations(quantities))

    assert rate(terms, *shuffled) == rate(terms, *quantities)


@given(terms=TERMS, quantities=QUANTITIES.filter(bool), more=st.integers(1, 5_000), data=st.data())
def test_a_higher_peak_never_costs_less(terms, quantities, more, data):
    chosen = data.draw(st.sampled_from(range(len(quantities))))
    higher = list(quantities)
    higher[chosen] = replace(quantities[chosen], quantity=quantities[chosen].quantity + more)

    def total(some):
        return sum(invoice.total_minor for invoice in rate(terms, *some))

    assert total(higher) >= total(quantities)


@given(terms=TERMS, quantities=QUANTITIES)
def test_the_basis_lines_add_up_to_the_charged_quantity(terms, quantities):
    terms = replace(terms, kind=ContractKind.COMMITTED)
    for invoice in rate(terms, *quantities):
        if invoice.kind is InvoiceKind.OVERAGE:
            charged, *basis = invoice.lines
            counted = sum(line.quantity for line in basis)
            assert charged.quantity == counted - terms.committed_quantity > 0
