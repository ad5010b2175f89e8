"""Observed state of mapped services: a few calls for many services, errors kept per service."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from core.months import Month
from integrations.autotask.api import entities
from integrations.autotask.api.client import CALLS_AT_ONCE, Client
from integrations.autotask.api.entities import Line
from integrations.autotask.api.errors import AutotaskError, NotUnderstood, Refused
from integrations.autotask.sync.plan import Observed
from integrations.models import ServiceMapping

# Services per reading, which takes three calls.
BATCH = 50

Observations = dict[int, Observed | AutotaskError]


def observe(*, client: Client, mappings: Sequence[ServiceMapping], month: Month) -> Observations:
    """Contract, line and unit rows by mapping id, or the error of the services that have one.

    Raises `AutotaskError` for an error that concerns all of them: connection, sign-in, permission,
    budget.
    """
    batches = [mappings[start : start + BATCH] for start in range(0, len(mappings), BATCH)]
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        observed = list(pool.map(lambda batch: _observe(client, batch, month), batches))
    return {key: one for observations in observed for key, one in observations.items()}


def _observe(client: Client, mappings: Sequence[ServiceMapping], month: Month) -> Observations:
    """Halve the batch until the row that can't be read stands alone."""
    try:
        return _observe_batch(client, mappings, month)
    except (NotUnderstood, Refused) as error:
        if len(mappings) == 1:
            return {mappings[0].pk: error}
        half = len(mappings) // 2
        return _observe(client, mappings[:half], month) | _observe(client, mappings[half:], month)


def _observe_batch(
    client: Client, mappings: Sequence[ServiceMapping], month: Month
) -> Observations:
    contract_ids = {mapping.contract_id for mapping in mappings}
    mapped = [
        Line(mapping.contract_service_id, mapping.contract_id, mapping.service_id)
        for mapping in mappings
    ]
    # Three endpoints, each with its own limit of calls at once.
    with ThreadPoolExecutor(2) as pool:
        contracts_call = pool.submit(entities.contracts, client, ids=contract_ids)
        lines_call = pool.submit(entities.lines, client, contract_ids=contract_ids)
        rows = entities.unit_rows(client, lines=mapped, first=month.first_day, last=month.last_day)
        contracts, lines = contracts_call.result(), lines_call.result()
    services = [(line.contract_id, line.service_id) for line in lines.values()]
    observations: Observations = {}
    for mapping in mappings:
        own = tuple(rows[mapping.contract_service_id])
        is_twice = services.count((mapping.contract_id, mapping.service_id)) > 1
        observations[mapping.pk] = Observed(
            contract=contracts.get(mapping.contract_id),
            line=lines.get(mapping.contract_service_id),
            rows=own,
            is_ambiguous=is_twice and any(row.line_id is None for row in own),
        )
    return observations
