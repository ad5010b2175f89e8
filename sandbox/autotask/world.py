"""The content of one Autotask customer database, and its state file."""

import threading
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sandbox.autotask.schema import ENTITIES
from sandbox.autotask.wire import Row, decode, encode, parse_instant


@dataclass
class Settings:
    """The settings of the stand-in, changed through the control API only."""

    zone: int = 3
    # Requests per rolling timeframe of this many minutes, for the whole customer database.
    threshold: int = 10_000
    timeframe_minutes: int = 60
    # Seconds added to each answer from 50 % and from 75 % of the threshold.
    latency_at_half: float = 0.5
    latency_at_three_quarters: float = 1.0
    threshold_status: int = 429
    # Requests at once per endpoint and integration code.
    thread_limit: int = 3
    thread_status: int = 429
    # Seconds in the Retry-After header of both refusals; 0 sends none.
    retry_after: int = 5
    # Live systems answer a missing permission with 403 or with 500.
    permission_status: int = 403
    # Whether Autotask accepts a total of 0 units is not known.
    zero_units_allowed: bool = True
    # A fixed instant for createDate and ticket numbers; empty is the real clock, shifted.
    now: str = ""
    shift_seconds: int = 0

    def instant(self) -> datetime:
        """The current instant of the stand-in."""
        if self.now:
            return parse_instant(self.now)
        return datetime.now(UTC) + timedelta(seconds=self.shift_seconds)


@dataclass
class ApiUser:
    """An API user. `permissions` names entities and operations; None allows everything."""

    user_name: str
    secret: str
    integration_code: str
    permissions: dict[str, list[str]] | None = None
    can_read_costs: bool = True


@dataclass
class World:
    """The rows by entity and id, with users and settings. Hold `lock` for every use."""

    settings: Settings = field(default_factory=Settings)
    users: dict[str, ApiUser] = field(default_factory=dict)
    # entity → field → picklist values as `fields` answers them.
    picklists: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    # Resources a ticket may name: id → {"isApiUser": bool, "roles": [ids]}.
    resources: dict[int, Row] = field(default_factory=dict)
    rows: dict[str, dict[int, Row]] = field(default_factory=lambda: {name: {} for name in ENTITIES})
    next_ids: dict[str, int] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add(self, entity: str, row: Row) -> Row:
        """Store a row under its id, or under the next free one."""
        row_id = row.get("id")
        if row_id is None:
            row_id = self.next_ids.get(entity, 1)
        self.next_ids[entity] = max(self.next_ids.get(entity, 1), row_id + 1)
        stored = {**row, "id": row_id}
        self.rows[entity][row_id] = stored
        return stored

    def add_user(self, user: ApiUser) -> None:
        """Add or replace an API user; user names ignore case."""
        self.users[user.user_name.lower()] = user

    def periods_of(self, line_id: int) -> list[Row]:
        """The unit rows of a contract service by date, also those that don't name it."""
        units = self.rows["ContractServiceUnits"].values()
        return sorted(
            (u for u in units if u["_line"] == line_id), key=lambda u: str(u["startDate"])
        )

    def save(self, path: Path) -> None:
        """Write everything to `path` in one step: a killed process leaves the old or the new."""
        content = {
            "settings": asdict(self.settings),
            "users": [asdict(user) for user in self.users.values()],
            "picklists": self.picklists,
            "resources": list(self.resources.items()),
            "rows": {name: list(rows.values()) for name, rows in self.rows.items()},
            "nextIds": self.next_ids,
        }
        draft = path.with_name(path.name + ".new")
        draft.write_text(encode(content), encoding="utf-8")
        draft.replace(path)


def load(path: Path) -> World:
    """The world of a state file. Raises OSError, ValueError, KeyError or TypeError."""
    content = decode(path.read_text(encoding="utf-8"))
    settings = Settings(**content["settings"])
    settings.latency_at_half = float(settings.latency_at_half)
    settings.latency_at_three_quarters = float(settings.latency_at_three_quarters)
    world = World(settings=settings, picklists=content["picklists"], next_ids=content["nextIds"])
    for user in content["users"]:
        world.add_user(ApiUser(**user))
    world.resources = {int(key): value for key, value in content["resources"]}
    for name, rows in content["rows"].items():
        world.rows[name] = {row["id"]: row for row in rows}
    return world
