"""One customer database with its API, faults, limits and a journal of requests."""

import time
from collections import deque
from pathlib import Path

from sandbox.autotask.api import Api
from sandbox.autotask.demo import demo_world
from sandbox.autotask.faults import FaultBook
from sandbox.autotask.limits import Limits
from sandbox.autotask.wire import Answer, Delivery, Request, Row, decode
from sandbox.autotask.world import World, load

_LONGEST_JOURNAL = 20_000


class StandIn:
    """The state of one process.

    With a state file the database outlives it: the file is written before a change is answered.
    Raises OSError, ValueError, KeyError or TypeError when the state file can't be read.
    """

    def __init__(self, *, state_file: Path | None = None) -> None:
        known = state_file is not None and state_file.exists()
        self._state_file = state_file
        self.world: World = load(state_file) if state_file and known else demo_world()
        self.faults = FaultBook()
        self.limits = Limits()
        self.journal: deque[Row] = deque(maxlen=_LONGEST_JOURNAL)
        self._api = Api(self.world, self.faults, self.limits, saved=self.save)

    def save(self) -> None:
        """Write the state file, if there is one."""
        if self._state_file is not None:
            with self.world.lock:
                self.world.save(self._state_file)

    def respond(self, request: Request) -> tuple[Answer, Delivery]:
        """Answer a request to the API and add it to the journal, without its secret."""
        entry = _journal_entry(request)
        with self.world.lock:
            self.journal.append(entry)
        answer, delivery = self._api.respond(request, pause=time.sleep)
        entry.update(status=answer.status, delivery=delivery)
        return answer, delivery


def _journal_entry(request: Request) -> Row:
    try:
        body = decode(request.body) if request.body else None
    except ValueError:
        body = request.body.decode(errors="replace")
    return {
        "method": request.method,
        "path": request.path,
        "userName": request.headers.get("username", ""),
        "body": body,
        "status": None,
        "delivery": None,
    }
