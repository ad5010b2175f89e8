"""Run the stand-in: python -m sandbox.autotask --port N [--state FILE]."""

import argparse
import signal
import sys
from pathlib import Path

from sandbox.autotask.server import Server
from sandbox.autotask.stand_in import StandIn


def main() -> int:
    """Serve until a signal stops it. Returns 0 after a clean stop and 1 if it could not start."""
    parser = argparse.ArgumentParser(prog="python -m sandbox.autotask", description=__doc__)
    parser.add_argument("--port", type=int, required=True, help="0 takes a free port")
    parser.add_argument("--state", type=Path, help="a file that keeps the database between runs")
    arguments = parser.parse_args()
    try:
        server = Server(StandIn(state_file=arguments.state), port=arguments.port)
    except (OSError, OverflowError) as problem:
        return _refuse(f"The Autotask stand-in can't start: {problem}")
    except (ValueError, KeyError, TypeError) as problem:
        return _refuse(f"{arguments.state} is not a state file of this stand-in: {problem!r}")
    signal.signal(signal.SIGTERM, _stop)
    print(f"Autotask stand-in at http://127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
    return 0


def _stop(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _refuse(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
