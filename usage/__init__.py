"""Counting of usage: the ledger, high-water marks, active users, forecasts. In provider schemas."""
