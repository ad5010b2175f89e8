"""Tickets: create and change."""

from sandbox.autotask.schema import ENTITIES
from sandbox.autotask.wire import Refused, Row, format_instant
from sandbox.autotask.world import World

_ENTITY = ENTITIES["Tickets"]
_STAMPED = frozenset({"ticketNumber", "createDate", "lastActivityDate"})


def create_ticket(world: World, body: Row) -> int:
    """Store a new ticket and return its id. Equal external ids are not refused. Raises Refused."""
    given = _given(body)
    for name in _ENTITY.required:
        if given.get(name) in {None, ""}:
            raise Refused(f"Missing Required Field: {name}")
    _check(world, given)
    now = world.settings.instant()
    prefix = now.strftime("T%Y%m%d.")
    today = [t for t in world.rows["Tickets"].values() if t["ticketNumber"].startswith(prefix)]
    stamps = dict.fromkeys(("createDate", "lastActivityDate"), format_instant(now))
    number = {"ticketNumber": f"{prefix}{len(today) + 1:04}"}
    return int(world.add("Tickets", {**given, **stamps, **number})["id"])


def change_ticket(world: World, body: Row) -> int:
    """Change the given fields of a ticket and no others. Raises Refused."""
    named = {name.lower(): value for name, value in body.items()}
    ticket = world.rows["Tickets"].get(_ENTITY.coerce("id", named.get("id")))
    if ticket is None:
        raise Refused("Unable to find a Ticket with this id.")
    changed = {**ticket, **_given(body)}
    for name in _ENTITY.required:
        if changed.get(name) in {None, ""}:
            raise Refused(f"Missing Required Field: {name}")
    _check(world, changed)
    changed["lastActivityDate"] = format_instant(world.settings.instant())
    return int(world.add("Tickets", changed)["id"])


def _given(body: Row) -> Row:
    given = _ENTITY.read_body(body)
    given.pop("id", None)
    for name in given.keys() & set(_ENTITY.read_only):
        raise Refused(f"{name} is read-only.")
    return given


def _check(world: World, ticket: Row) -> None:
    if ticket["companyID"] not in world.rows["Companies"]:
        raise Refused("companyID does not reference a valid Company.")
    if ticket.get("contractID") not in {None, *world.rows["Contracts"]}:
        raise Refused("contractID does not reference a valid Contract.")
    for name, values in world.picklists["Tickets"].items():
        known = {value["value"] for value in values if value["isActive"]}
        if ticket.get(name) is not None and str(ticket[name]) not in known:
            raise Refused(f"The value of {name} is not an active picklist value.")
    if ticket.get("queueID") is None and ticket.get("assignedResourceID") is None:
        raise Refused("A Ticket needs a queueID or an assignedResourceID.")
    _check_assignment(world, ticket)


def _check_assignment(world: World, ticket: Row) -> None:
    resource_id, role = ticket.get("assignedResourceID"), ticket.get("assignedResourceRoleID")
    if resource_id is None and role is None:
        return
    if resource_id is None or role is None:
        raise Refused("assignedResourceID and assignedResourceRoleID must be set together.")
    resource = world.resources.get(resource_id)
    if resource is None:
        raise Refused("assignedResourceID does not reference a valid Resource.")
    if resource["isApiUser"]:
        raise Refused("An API user can not be assigned to a Ticket.")
    if role not in resource["roles"]:
        raise Refused("assignedResourceRoleID is not a role of this Resource.")
