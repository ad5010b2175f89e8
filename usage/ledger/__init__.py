"""The usage ledger: the append-only events, and the counters and months projected from them."""
