"""The clients of the crash proof, in a separate process without Django.

Started with a file of JSON (`Plan`); ends when the file `stop` lies beside it and writes `seen`
(`Seen`). Half of the clients are systems that add users by the API, half are people who read pages
and invite administrators. A new connection for each request: one that the web server closed
because it was idle would look like one that it dropped.

An addition with an external id, and an invitation, are repeated until they are acknowledged. A
third of the additions have no external id and are not repeated: what was answered with "Nothing was
changed" must not be there.

With several addresses, a request whose connection is refused or dropped goes to another one, as a
proxy sends it. With one address, that is an error.
"""

import json
import random
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

# Sooner than Retry-After says, so that an outage is met by many requests.
PAUSE = 0.25
LONGEST_TRIAL = 120.0
SHOWN = 20
OUTCOME_UNKNOWN = "outcome-unknown"


@dataclass(frozen=True)
class Plan:
    """Where the portal is, who the clients are, and how often they ask."""

    urls: list[str]
    key: str
    session: str
    organizations: list[int]
    clients: int
    seed: int
    pause: float


@dataclass
class Seen:
    """What the clients saw. Instants are monotonic seconds of this machine."""

    seed: int = 0
    requests: int = 0
    unavailable: int = 0
    moved: int = 0
    acknowledged: list[tuple[float, str]] = field(default_factory=list)
    invited: list[tuple[float, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    codes: dict[str, int] = field(default_factory=dict)
    slowest: float = 0.0


class Load:
    """All clients of the plan, as threads."""

    def __init__(self, plan: Plan, *, stop: Path) -> None:
        self.plan = plan
        self.seen = Seen(seed=plan.seed)
        self._stop = stop
        self._lock = threading.Lock()

    def run(self) -> Seen:
        """Run the clients until they are stopped."""
        work = [self._add_users, self._use_pages]
        threads = [
            threading.Thread(target=work[number % 2], args=(number,))
            for number in range(self.plan.clients)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.seen

    def _add_users(self, number: int) -> None:
        dice = random.Random(self.plan.seed + number)
        headers = {"x-api-key": self.plan.key}
        with httpx.Client(headers=headers, timeout=60) as client:
            for turn in self._turns(dice):
                name = f"u{self.plan.seed}-{number}-{turn}"
                path = f"/api/v1/organizations/{dice.choice(self.plan.organizations)}/users"
                body = {"email": f"{name}@crash.example"}
                if turn % 3:
                    sent = {"json": body | {"external_id": name}}
                    if self._until_done(client, path, sent, done={200, 201}):
                        self._note(self.seen.acknowledged, (time.monotonic(), name))
                else:
                    self._add_once(client, path, body)

    def _add_once(self, client: httpx.Client, path: str, body: dict[str, str]) -> None:
        answer = self._ask(client, "POST", path, is_repeated=False, json=body)
        if answer is None:
            self._note(self.seen.unknown, body["email"])
        elif answer.status_code == 201:
            self._note(self.seen.acknowledged, (time.monotonic(), body["email"]))
        elif answer.status_code == 503 and self._code(answer) == OUTCOME_UNKNOWN:
            self._note(self.seen.unknown, body["email"])
        elif answer.status_code == 503:
            self._note(self.seen.refused, body["email"])

    def _use_pages(self, number: int) -> None:
        dice = random.Random(self.plan.seed + number)
        pages = ["/dashboard/", "/account/usage/", "/account/payments/", "/organizations/"]
        pages += [f"/organizations/{number}/users/" for number in self.plan.organizations[:2]]
        cookies = {"sessionid": self.plan.session, "csrftoken": "c" * 32}
        form = {"X-CSRFToken": "c" * 32}
        with httpx.Client(cookies=cookies, timeout=60) as client:
            for turn in self._turns(dice):
                if turn % 5:
                    self._ask(client, "GET", dice.choice(pages), expected={200})
                    continue
                email = f"a{self.plan.seed}-{number}-{turn}@crash.example"
                person = {"email": email, "name": "Ann", "role": "read_only"}
                path = "/account/administrators/invite/"
                sent = {"data": person, "headers": form}
                # 422: it was done by a request whose answer was lost.
                if self._until_done(client, path, sent, done={302}, done_before={422}):
                    self._note(self.seen.invited, (time.monotonic(), email))

    def _turns(self, dice: random.Random) -> Any:
        turn = 0
        while not self._stop.exists():
            yield turn
            turn += 1
            time.sleep(dice.random() * 2 * self.plan.pause)

    def _until_done(
        self,
        client: httpx.Client,
        path: str,
        sent: dict[str, Any],
        *,
        done: set[int],
        done_before: frozenset[int] | set[int] = frozenset(),
    ) -> bool:
        """Repeat the request while it is answered with 503; whether it was done."""
        began, expected = time.monotonic(), done
        while time.monotonic() - began < LONGEST_TRIAL:
            answer = self._ask(
                client, "POST", path, expected=expected, done_before=done_before, **sent
            )
            if answer is None or answer.status_code != 503:
                return answer is not None and answer.status_code in done | done_before
            expected = done | done_before
            time.sleep(PAUSE)
        self._note(self.seen.unexpected, f"{path}: unavailable for {LONGEST_TRIAL:.0f} s")
        return False

    def _ask(
        self,
        client: httpx.Client,
        method: str,
        path: str,
        *,
        expected: set[int] | frozenset[int] = frozenset({201}),
        done_before: set[int] | frozenset[int] = frozenset(),
        is_repeated: bool = True,
        **sent: Any,
    ) -> httpx.Response | None:
        """One request; None where every connection was dropped. Notes what no client should see."""
        began = time.monotonic()
        headers = {"Connection": "close", **sent.pop("headers", {})}
        urls = random.sample(self.plan.urls, len(self.plan.urls))
        answer, error = None, ""
        for url in urls if is_repeated else urls[:1]:
            try:
                answer = client.request(method, url + path, headers=headers, **sent)
                break
            except httpx.HTTPError as dropped:
                error = f"{method} {path}: {type(dropped).__name__}: {dropped}"
                expected = expected | done_before
        with self._lock:
            self.seen.requests += 1
            self.seen.moved += bool(error)
            self.seen.slowest = max(self.seen.slowest, time.monotonic() - began)
        if answer is not None:
            self._judge(answer, f"{method} {path}", expected=expected)
        elif is_repeated or len(urls) == 1:
            self._note(self.seen.unexpected, error)
        return answer

    def _judge(
        self, answer: httpx.Response, request: str, *, expected: set[int] | frozenset[int]
    ) -> None:
        if answer.status_code == 503 and answer.headers.get("Retry-After", "").isdecimal():
            self._count(self._code(answer))
        elif answer.status_code not in expected:
            text = f"{request}: {answer.status_code} {answer.text[:300]!r}"
            self._note(self.seen.unexpected, text)

    def _code(self, answer: httpx.Response) -> str:
        if answer.headers["Content-Type"].startswith("application/problem+json"):
            return str(answer.json()["code"])
        return "page"

    def _count(self, code: str) -> None:
        with self._lock:
            self.seen.unavailable += 1
            self.seen.codes[code] = self.seen.codes.get(code, 0) + 1

    def _note(self, where: list[Any], what: Any) -> None:
        with self._lock:
            if where is not self.seen.unexpected or len(where) < SHOWN:
                where.append(what)


def main() -> None:
    """Run the plan that the first argument names."""
    place = Path(sys.argv[1])
    plan = Plan(**json.loads(place.read_text()))
    seen = Load(plan, stop=place.with_name("stop")).run()
    draft = place.with_name("seen.new")
    draft.write_text(json.dumps(asdict(seen)))
    draft.rename(place.with_name("seen"))
