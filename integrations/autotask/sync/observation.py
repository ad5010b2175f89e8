"""What Autotask shows of mapped services: a few calls for many, and one bad row spoils no other."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from core.months import Month
from integrations.autotask.api import entities
from integrations.autotask.api.client import CALLS_AT_ONCE, Client
from integrations.autotask.api.entities import Line
from integrations.autotask.api.errors import AutotaskError, NotUnderstood, Refused
from integrations.autotask.sync.service_month import Observed
from integrations.models import ServiceMapping

# Services whose rows share the calls; a reading of so many takes three.
PORTION = 50

Reading = dict[int, Observed | AutotaskError]


def read_services(*, client: Client, mappings: Sequence[ServiceMapping], month: Month) -> Reading:
    """Contract, line and unit rows of each mapping by its id, or why its own could not be read.

    Raises `AutotaskError` for what concerns them all: no connection, no sign-in, no permission, no
    budget.
    """
    portions = [mappings[start : start + PORTION] for start in range(0, len(mappings), PORTION)]
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        readings = list(pool.map(lambda portion: _read(client, portion, month), portions))
    return {key: found for reading in readings for key, found in reading.items()}


def _read(client: Client, mappings: Sequence[ServiceMapping], month: Month) -> Reading:
    try:
        return _read_together(client, mappings, month)
    except (NotUnderstood, Refused) as error:
        if len(mappings) == 1:
            return {mappings[0].pk: error}
        half = len(mappings) // 2
        return _read(client, mappings[:half], month) | _read(client, mappings[half:], month)


def _read_together(client: Client, mappings: Sequence[ServiceMapping], month: Month) -> Reading:
    contract_ids = {mapping.contract_id for mapping in mappings}
    mapped = [
        Line(mapping.contract_service_id, mapping.contract_id, mapping.service_id)
        for mapping in mappings
    ]
    # Three endpoints, each with its own limit of calls at once.
    with ThreadPoolExecutor(2) as pool:
        asked_contracts = pool.submit(entities.contracts, client, ids=contract_ids)
        asked_lines = pool.submit(entities.lines, client, contract_ids=contract_ids)
        rows = entities.unit_rows(client, lines=mapped, first=month.first_day, last=month.last_day)
        contracts, lines = asked_contracts.result(), asked_lines.result()
    reading: Reading = {}
    for mapping in mappings:
        own = tuple(rows[mapping.contract_service_id])
        alike = [
            line
            for line in lines.values()
            if (line.contract_id, line.service_id) == (mapping.contract_id, mapping.service_id)
        ]
        reading[mapping.pk] = Observed(
            contract=contracts.get(mapping.contract_id),
            line=lines.get(mapping.contract_service_id),
            rows=own,
            is_ambiguous=len(alike) > 1 and any(row.line_id is None for row in own),
        )
    return reading
