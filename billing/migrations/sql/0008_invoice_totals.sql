-- What was credited, paid, disputed and carried out of each invoice, in minor units of its currency
-- (billing.models.InvoiceTotals says what each is).
CREATE VIEW billing_invoicetotals AS
    SELECT i.id AS invoice_id,
           (SELECT coalesce(sum(n.total_minor), 0)::bigint
            FROM billing_creditnote n WHERE n.invoice_id = i.id) AS credited_minor,
           (SELECT coalesce(sum(
                p.amount_minor
                - (SELECT coalesce(sum(r.amount_minor), 0) FROM billing_refund r
                   WHERE r.payment_id = p.id AND r.state <> 'failed')
                - (SELECT coalesce(sum(c.amount_minor), 0) FROM billing_chargeback c
                   WHERE c.payment_id = p.id AND c.state = 'lost')), 0)::bigint
            FROM billing_payment p WHERE p.invoice_id = i.id) AS paid_minor,
           (SELECT coalesce(sum(d.amount_minor), 0)::bigint
            FROM billing_linedispute d WHERE d.invoice_id = i.id AND d.state = 'open') AS disputed_minor,
           (SELECT coalesce(sum(b.amount_minor), 0)::bigint
            FROM billing_carriedbalance b JOIN billing_invoice later ON later.id = b.to_invoice_id
            WHERE b.from_invoice_id = i.id AND later.voided_at IS NULL) AS carried_minor
    FROM billing_invoice i;
