"""Suggested companies for an organization, by name. A person confirms every mapping. Pure."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from integrations.autotask.api.entities import Company

# Below this a search is quicker than the suggestion.
LEAST_LIKENESS = 0.6
SUGGESTIONS = 3
# Legal forms, which do not tell companies apart.
FORMS = frozenset({
    "ag", "and", "bv", "co", "company", "corp", "corporation", "gmbh", "inc",
    "incorporated", "limited", "llc", "llp", "lp", "ltd", "plc", "pty", "sa", "sarl", "srl", "the",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A company that may be the organization; `likeness` from 0 to 1."""

    company: Company
    likeness: float

    @property
    def is_same(self) -> bool:
        """Whether the names differ in case, signs and legal form only."""
        return self.likeness >= 1


class Names:
    """Companies, indexed by the beginnings of their words, so that few are compared per name."""

    def __init__(self, companies: Sequence[Company]) -> None:
        self._keys = {company.id: words_of(company.name) for company in companies}
        self._companies = {company.id: company for company in companies}
        self._by_stem: dict[str, set[int]] = {}
        for company_id, words in self._keys.items():
            for word in words:
                self._by_stem.setdefault(word[:3], set()).add(company_id)

    def suggestions(self, name: str) -> list[Suggestion]:
        """The most similar companies, best first; empty where none is similar."""
        words = words_of(name)
        ids = {one for word in words for one in self._by_stem.get(word[:3], ())}
        all_likely = (Suggestion(self._companies[n], _likeness(words, self._keys[n])) for n in ids)
        likely = [one for one in all_likely if one.likeness >= LEAST_LIKENESS]
        likely.sort(key=lambda one: (-one.likeness, one.company.name.casefold(), one.company.id))
        return likely[:SUGGESTIONS]


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, without accents, case, signs and legal form."""
    plain = unicodedata.normalize("NFKD", name.casefold().replace("&", " and "))
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    words = re.findall(r"\w+", letters)
    return tuple(word for word in words if word not in FORMS) or tuple(words)


def _likeness(one: tuple[str, ...], other: tuple[str, ...]) -> float:
    if one == other:
        return 1.0
    ratio = SequenceMatcher(None, " ".join(one), " ".join(other)).ratio()
    shared = len(set(one) & set(other)) / max(1, min(len(set(one)), len(set(other))))
    return min(0.99, max(ratio, 0.5 * ratio + 0.5 * shared))
