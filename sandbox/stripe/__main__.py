"""Starts the stand-in: python -m sandbox.stripe --port 12111 --state stripe.sqlite"""

import argparse
import logging
import os
import signal
import threading

from sandbox.guard import Guard
from sandbox.stripe.api import Api
from sandbox.stripe.control import Control
from sandbox.stripe.deliveries import Deliveries
from sandbox.stripe.faults import Faults
from sandbox.stripe.idempotency import Keys
from sandbox.stripe.server import Server
from sandbox.stripe.store import Store


def build(host: str, port: int, state: str) -> Server:
    """A stand-in that listens, with its deliveries running; port 0 takes any free one."""
    store = Store(state)
    api = Api(store=store, faults=Faults(), keys=Keys(store))
    deliveries = Deliveries(store=store, now=api.now)
    guard = Guard(host=host, portal=os.environ.get("STRIPE_STANDIN_PORTAL_URL", ""))
    control = Control(api=api, deliveries=deliveries, guard=guard)
    server = Server((host, port), api=api, control=control)
    deliveries.start()
    return server


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.stripe", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=12111)
    parser.add_argument("--state", default=":memory:", help="SQLite file; default: forgets all")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    server = build(options.host, options.port, options.state)

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    host, port = str(server.server_address[0]), server.server_address[1]
    print(f"Stripe stand-in at http://{host}:{port}", flush=True)
    server.serve_forever()
    server.server_close()


if __name__ == "__main__":
    main()
