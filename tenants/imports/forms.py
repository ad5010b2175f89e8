"""Forms of an import."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.forms import BoundField

from accounts.validation import time_zone_names
from core.plain_numbers import PlainIntegerField
from tenants.imports.kinds import import_kind
from tenants.imports.reading.options import APART, Category, DateOrder, DoubtKind, ReadingOptions
from tenants.imports.reading.upload import LARGEST_FILE, TOO_LARGE
from tenants.models import ImportRun

MOST_TITLES = 200
_COLUMN, _CATEGORY = "column_", "category_"


class UploadForm(forms.Form):
    """A file to import; a worker reads it."""

    file = forms.FileField(
        label="CSV file",
        help_text="At most 40 MB and 50,000 lines. Nothing is added before you confirm.",
        error_messages={
            "required": "Choose a file.",
            "empty": "The file is empty.",
            "invalid": "Choose a file.",
        },
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,text/csv"}),
    )

    def clean_file(self) -> "UploadedFile[bytes]":
        """Refuse a large file before it is read into memory."""
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        if file.size is None or file.size > LARGEST_FILE:
            raise forms.ValidationError(TOO_LARGE)
        return file


class ConfirmationForm(forms.Form):
    """The mode and the purpose with which a checked file is imported."""

    mode = forms.ChoiceField(choices=ImportRun.Mode)
    purpose = forms.ChoiceField(choices=ImportRun.Purpose, required=False)
    gone_are = forms.ChoiceField(
        choices=ImportRun.Gone,
        required=False,
        widget=forms.RadioSelect,
        label="Users who are not in the file",
        initial=ImportRun.Gone.REMOVE,
    )
    gone_confirmed = PlainIntegerField(
        required=False, min_value=0, label="How many users will be gone?"
    )


class ReadingForm(forms.Form):
    """How the file of an import is read, and which of the lines apart count.

    It has the fields for what the file leaves open.
    """

    def __init__(self, data: Any = None, *, run: ImportRun) -> None:
        super().__init__(data)
        self._run = run
        self._chosen = ReadingOptions.of_json(run.options)
        self._doubts = run.report.get("doubts", [])
        self._add_columns()
        self._add_encoding()
        self._add_dates()
        self._add_categories()

    def options(self) -> ReadingOptions:
        """What the person chose; the rest is as before."""
        given = self.cleaned_data
        columns = {
            name.removeprefix(_COLUMN): value
            for name, value in given.items()
            if name.startswith(_COLUMN) and value
        }
        include = {
            name.removeprefix(_CATEGORY)
            for name, value in given.items()
            if name.startswith(_CATEGORY) and value == "count"
        }
        asked = {name for name in self.fields if name.startswith(_CATEGORY)}
        kept = {each for each in self._chosen.include if _CATEGORY + each not in asked}
        order = given.get("date_order", self._chosen.date_order)
        return ReadingOptions(
            encoding=given.get("encoding", self._chosen.encoding) or None,
            columns=columns if self.has_columns else self._chosen.columns,
            date_order=DateOrder(order) if order else None,
            zone=given.get("zone", self._chosen.zone) or None,
            include=frozenset(map(Category, include | kept)),
        )

    @property
    def has_columns(self) -> bool:
        """Whether columns can be chosen."""
        return any(name.startswith(_COLUMN) for name in self.fields)

    @property
    def column_fields(self) -> Iterator[BoundField]:
        """The fields for columns."""
        return (self[name] for name in self.fields if name.startswith(_COLUMN))

    @property
    def other_fields(self) -> Iterator[BoundField]:
        """The fields for encoding and dates."""
        return (self[name] for name in ("encoding", "date_order", "zone") if name in self.fields)

    def category_field(self, category: str) -> BoundField | None:
        """The field for the lines of a category."""
        return self[_CATEGORY + category] if _CATEGORY + category in self.fields else None

    def _add_columns(self) -> None:
        titles = [title for title in self._run.report.get("titles", []) if title][:MOST_TITLES]
        if not titles:
            return
        choices = [(title, title) for title in dict.fromkeys(titles)]
        found = self._run.report.get("columns", {})
        for name, label in import_kind(self._run.kind).field_labels.items():
            automatic = found.get(name) if name not in self._chosen.columns else None
            empty = f"Automatic: {automatic}" if automatic else "Automatic"
            self.fields[_COLUMN + name] = forms.ChoiceField(
                choices=[("", empty), *choices],
                required=False,
                label=label,
                initial=self._chosen.columns.get(name, ""),
            )

    def _add_encoding(self) -> None:
        names = self._alternatives(DoubtKind.ENCODING, DoubtKind.FOREIGN_BYTES)
        names += [name for name in (self._run.encoding, self._chosen.encoding) if name]
        names = list(dict.fromkeys(names))
        if len(names) > 1:
            examples = self._examples(DoubtKind.ENCODING, DoubtKind.FOREIGN_BYTES)
            self.fields["encoding"] = forms.ChoiceField(
                choices=[
                    ("", "Automatic"),
                    *(
                        (name, f"{name}: {examples[name]}" if examples.get(name) else name)
                        for name in names
                    ),
                ],
                required=False,
                label="Encoding",
                initial=self._chosen.encoding or "",
            )

    def _add_dates(self) -> None:
        if self._asks(DoubtKind.DATE_ORDER) or self._chosen.date_order:
            self.fields["date_order"] = forms.ChoiceField(
                choices=[("", "Choose"), *DateOrder.choices],
                required=self._asks(DoubtKind.DATE_ORDER),
                label="Order of day and month",
                initial=self._chosen.date_order or "",
            )
        if self._asks(DoubtKind.ZONE) or self._chosen.zone:
            likely = self._alternatives(DoubtKind.ZONE)
            names = dict.fromkeys([*likely, *sorted(time_zone_names())])
            self.fields["zone"] = forms.ChoiceField(
                choices=[("", "Choose"), *((name, name) for name in names)],
                required=self._asks(DoubtKind.ZONE),
                label="Time zone of the file",
                initial=self._chosen.zone or "",
            )

    def _add_categories(self) -> None:
        found = {each["category"] for each in self._run.report.get("apart", [])}
        for category in APART:
            if category in found or category in self._chosen.include:
                self.fields[_CATEGORY + category] = forms.ChoiceField(
                    choices=[("", "Leave them out"), ("count", "Count them")],
                    required=False,
                    label=category.label,
                    initial="count" if category in self._chosen.include else "",
                )

    def _asks(self, kind: DoubtKind) -> bool:
        return any(doubt["kind"] == kind for doubt in self._doubts)

    def _alternatives(self, *kinds: DoubtKind) -> list[str]:
        return [
            str(name)
            for doubt in self._doubts
            if doubt["kind"] in kinds
            for name in doubt["alternatives"]
        ]

    def _examples(self, *kinds: DoubtKind) -> dict[str, str]:
        return {
            str(name): str(example)
            for doubt in self._doubts
            if doubt["kind"] in kinds
            for name, example in zip(doubt["alternatives"], doubt["examples"], strict=False)
        }
