"""Rounds that look at due providers only, against a pass over everything, on random histories.

    make prove-rounds ARGS="--tries 40"

A try is a provider in a random time zone: contracts, cards, invoices, payments, users, caps, logins
and PSA runs change, and time passes to just before and after the instants that matter. After every
step the rounds look at the provider if it is due. Then each round looks at it anyway: whatever that
changes (alerts, their history and mails, dunning steps, reminders, snapshots, alerts of operations)
was missed. The rounds must also come to rest, and read no table that does not mark its provider.
"""

from typing import Any

from tests.proofs.run import Run, main


def prove(run: Run) -> dict[str, Any]:
    """Play the histories; Django is set up by then."""
    from tests.proofs.rounds_stage import play_all

    return play_all(run)


if __name__ == "__main__":
    raise SystemExit(main(prove, about=str(__doc__), unit="providers", tries=20))
