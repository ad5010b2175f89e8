"""Forms of an import."""

from django import forms
from django.core.files.uploadedfile import UploadedFile

from tenants.imports.file_reading import LARGEST_FILE
from tenants.models import ImportRun


class UploadForm(forms.Form):
    """A file to import; its columns are checked when it is read."""

    file = forms.FileField(
        label="CSV file",
        help_text="At most 10 MB and 50,000 lines. Nothing is added before you confirm.",
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
            raise forms.ValidationError("The file is larger than 10 MB. Split it into several.")
        return file


class ConfirmationForm(forms.Form):
    """The mode in which a checked file is imported."""

    mode = forms.ChoiceField(choices=ImportRun.Mode)
