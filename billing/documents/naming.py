"""Which names of a document need a number beside them, because they could be taken for another.

A character that none of our fonts has is printed as U+FFFD, and different characters can have one
look: Greek, Cyrillic and Latin letters, forms of Arabic ones, Han radicals. Such names get the
number of their organization. docs/decisions/0052.
"""

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from billing.documents.text_fitting import MISSING, printable
from billing.models import InvoiceLine
from core.names import look_alikes
from core.text import without_invisible

# Characters with one drawing in our fonts that Unicode's list of confusables does not have; a test
# compares them with the fonts.
SAME_DRAWING = re.split(
    " ",
    "!ǃ CϹС\u216d NΝ YΥҮ cϲс\u217d ÆӔ ÇҪ ÐĐƉ æӕ çҫ ħћ ĸκ ŸΫ ƞη ƟϴѲӨ Ȳ\u1fe9 ɛε ɵө ʙв ʜн "
    "ʼ\u2019 ˮ\u201d ͺ\u1fbe ΓГ м\u1d0d т\u1d1b ѢҌ \u20dd\u25ef \u20de\u2b1c \u2460\u2780 "
    "\u2461\u2781 \u2462\u2782 \u2463\u2783 \u2464\u2784 \u2465\u2785 \u2466\u2786 "
    "\u2467\u2787 \u2468\u2788 \u25b7\u25bb \u25c0\u25c4 \u25c1\u25c5 \u2665\u2764 "
    "\u2215\uff0f \uff5e\u301c \u0629\u06c3\ufe93 \u0647\u06be\ufbaa "
    "\u0649\u06cc\ufbfc\ufeef \u0653\u06e4 \u0660۰ \u0661۱ \u0662۲ \u0663۳ \u0667۷ "
    "\u0668۸ \u0669۹ \u066f\u08bc \u06a1\u08bb \u06a8\u08c4 \u06ba\u08bd\ufb9e "
    "\u06c0\u06c2\ufba4 \u06c1\u06d5\ufba6\ufee9 \ufb68\ufba2 \ufb69\ufba3 \ufb90\ufedb "
    "\ufb91\ufedc \ufbac\ufeeb \ufbad\ufeec \ufbfd\ufef0 \ufbfe\ufef3 \ufbff\ufef4 "
    "\u05a2\u05aa \u1b04\u1b6a \u1b3e\u1b62 \ua6c9Ⴭ\ua4dc\U0001d5b9 \uaa4d\uaa51 "
    "\U0001f385\U0001f936 \U0001f46b\U0001f46c\U0001f46d \U0001f478\U0001f934\U0001fac5 "
    "\U0001f483\U0001f57a \U0001f930\U0001fac3\U0001fac4 \u1392\u22ee \u2e87\U00020628 "
    "\u2e8d\U0002d544 \u2e95\u5f50 \u2ea9\U000248e9 \u2eae\U00025ad7 \u2eb0\u7e9f "
    "\u2eb3\u34c1 \u2ebd\U00026951 \u2ec7\U000278b2 \u2eca\U00027fb7 \u2ed5\U00028e0f "
    "\u2ede\U0002967f \u2ee1\U00029810 \u3db7\U0002420e \u7468\U00024a01 \ufa23\U00027eaf "
    "\U00020984\U0002f82c \U000233cc\U0002f8db \U000270f0\U0002f9b2 \U00029fce\U00029fd7 "
    "\ua9aa\ua9d9 \u1df6\u1df7 \u2142\ua780 \ua698\ua74e \ua699\ua74f "
    "\ua4f3\U0001d5ae\u1c5b\U000104c2 \U0001d7e2\u1c50 ၑ\ua9fd \u261b\U0001f59d "
    "\u2659\U0001fa38 \u265f\U0001fa3e \U0001d36e\U0001d373 \U0001f7ac\U0001f7ad "
    "\u17b5\u17b6 \U0001f804\U0001f824 \U0001f805\U0001f825 \U0001f807\U0001f827",
)
_ARABIC_FORMS = frozenset(map(chr, (*range(0xFB50, 0xFE00), *range(0xFE70, 0xFF00))))
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
# A capital I, a small L and a bar are one stroke in our fonts.
_STROKES = str.maketrans("i|", "ll")


# What a document has of a name.
Shown = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Numbered:
    """The names of an invoice's organizations and people that get a number."""

    organizations: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()

    @classmethod
    def of(
        cls,
        lines: Iterable[InvoiceLine],
        *,
        shown: Iterable[Shown],
        shown_person: Iterable[Shown],
    ) -> "Numbered":
        """`shown` and `shown_person` say what the document has room for."""
        lines = list(lines)
        names = (line.organization_name for line in lines if line.organization_id is not None)
        people = (line.peak_actor_name for line in lines if line.peak_event_id is not None)
        return cls(names_to_number(names, shown=shown), names_to_number(people, shown=shown_person))

    def of_organization(self, line: InvoiceLine) -> str:
        """The number that is printed beside the organization of the line, or ""."""
        has_one = line.organization_id is not None and line.organization_name in self.organizations
        return f"no. {line.organization_id}" if has_one else ""

    def of_person(self, line: InvoiceLine) -> str:
        """The number that is printed beside the person who added: of the event, or ""."""
        has_one = line.peak_event_id is not None and line.peak_actor_name in self.people
        return f"event {line.peak_event_id}" if has_one else ""


def with_number(name: str, number: str) -> str:
    """The name with the number behind it, if there is one."""
    return f"{name} ({number})" if number else name


def names_to_number(
    names: Iterable[str], *, shown: Iterable[Shown] = (printable,)
) -> frozenset[str]:
    """Those of the names that need a number: not printed whole, or alike another one.

    `shown` says what the document has room for, by default all that it prints of a name; with
    several, names that are alike by one of them get a number.
    """
    different = set(names)
    numbered = {name for name in different if MISSING in printable(name)}
    for what_fits in shown:
        by_look: defaultdict[str, set[str]] = defaultdict(set)
        for name in different:
            by_look[look_of(what_fits(name))].add(name)
        numbered.update(*(group for group in by_look.values() if len(group) > 1))
    return frozenset(numbered)


def look_of(text: str) -> str:
    """The same text for texts that look the same in print.

    Generous: two texts that differ in print may have one look, which costs a number more. In a
    text with letters from right to left, their order on paper is not that of the characters, so
    only which characters it has counts.
    """
    drawn = without_invisible(text.translate(_drawings()))
    plain = unicodedata.normalize("NFKD", drawn).translate(_drawings())
    is_reordered = not plain.isascii() and any(
        unicodedata.bidirectional(each) in _RIGHT_TO_LEFT for each in plain
    )
    look = "".join(_folded(plain).translate(_looks()).translate(_STROKES).split())
    return "".join(sorted(look)) if is_reordered else look


def _folded(plain: str) -> str:
    """In lower case, with an ASCII letter for each letter that looks like one."""
    if plain.isascii():
        return plain.casefold()
    return unicodedata.normalize("NFKD", plain.casefold()).translate(look_alikes())


@cache
def _drawings() -> dict[int, str]:
    """One character for all with its drawing, before case is folded: Greek Υ is Y, but υ is not.

    Letters whose Arabic forms have one drawing look the same where they take that form.
    """
    forms = [[each for each in group if each in _ARABIC_FORMS] for group in SAME_DRAWING]
    letters = [[unicodedata.normalize("NFKD", each) for each in group] for group in forms]
    return _firsts(
        [
            *map(list, SAME_DRAWING),
            *([each for each in group if len(each) == 1] for group in letters),
        ]
    )


@cache
def _looks() -> dict[int, str]:
    """One character for all that look like it by Unicode's list, ASCII letters aside."""
    source = files("confusable_homoglyphs").joinpath("confusables.json")
    similar: dict[str, list[dict[str, str]]] = json.loads(source.read_text(encoding="utf-8"))
    pairs = [(letter, other["c"]) for letter, others in similar.items() for other in others]
    folded = [[_folded(unicodedata.normalize("NFKD", each)) for each in pair] for pair in pairs]
    return _firsts(
        pair for pair in folded if all(len(each) == 1 and not each.isascii() for each in pair)
    )


def _firsts(groups: Iterable[list[str]]) -> dict[int, str]:
    """The first of all characters that groups connect, for each of the others."""
    same: dict[str, str] = {}

    def first(character: str) -> str:
        while character in same:
            character = same[character]
        return character

    for group in groups:
        found = sorted({first(each) for each in group})
        for other in found[1:]:
            same[other] = found[0]
    return {ord(character): first(character) for character in same}
