"""Dunning: stages, mails and suspension of a provider whose invoices stay unpaid."""
