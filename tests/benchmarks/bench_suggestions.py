"""Suggesting companies by name, against reading the words of each company's name once."""

import time

from integrations.autotask.api.entities import Company
from integrations.autotask.mapping.suggestions import Names, words_of
from tests.benchmarks.result import Result

COMPANIES, ASKED = 10_000, 50
LIMIT = 2.0


def run(*, full: bool) -> list[Result]:
    """Fifty suggestions among 10,000 companies, index included; always at full size."""
    del full
    companies = [Company(n, f"Company {n % 97} of Place {n}", 1, True) for n in range(COMPANIES)]
    began = time.process_time()
    for company in companies:
        words_of(company.name)
    floor = time.process_time() - began
    began = time.process_time()
    names = Names(companies)
    for number in range(ASKED):
        names.suggestions(f"Nordwind {number} Logistics")
    measured = time.process_time() - began
    name = "fifty_suggestions_among_10000_companies"
    return [Result(name, measured * 1000, floor * 1000, "ms", LIMIT)]
