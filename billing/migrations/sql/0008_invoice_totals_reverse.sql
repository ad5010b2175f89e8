DROP VIEW billing_invoicetotals;
