"""The letter of each menu entry, which opens it after a g."""

from typing import Any


def with_keys(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The groups of a menu with a `key` in each item: the first letter that no item before has.

    Empty where all letters of the label are taken.
    """
    taken: set[str] = set()
    for group in groups:
        for item in group["items"]:
            letters = (letter for letter in item["label"].lower() if letter.isalpha())
            item["key"] = next((letter for letter in letters if letter not in taken), "")
            taken.add(item["key"])
    return groups
