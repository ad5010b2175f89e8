"""The forms that fill a draft of caps: by a rule, or from a pasted list."""

from django import forms

from core.plain_numbers import PlainIntegerField
from usage.cap_simulation.drafts import Base, Rule, Target
from usage.cap_simulation.input import LONGEST_LIST

LARGEST_PERCENT = 1000


class RuleForm(forms.Form):
    """A cap for many organizations: room in percent above a high-water mark."""

    base = forms.ChoiceField(
        label="Above",
        choices=[
            (Base.THIS_MONTH, "this month’s high-water mark so far"),
            (Base.TWELVE_MONTHS, "the highest high-water mark of the last twelve months"),
        ],
        initial=Base.THIS_MONTH,
    )
    percent = PlainIntegerField(
        label="Room in percent",
        min_value=0,
        max_value=LARGEST_PERCENT,
        initial=10,
        help_text="Rounded up to whole users: 10 % above 41 is 46.",
    )
    target = forms.ChoiceField(
        label="For",
        choices=[
            (Target.ALL, "all organizations"),
            (Target.UNCAPPED, "those without a cap"),
            (Target.CAPPED, "those with a cap"),
        ],
        initial=Target.ALL,
    )

    @property
    def rule(self) -> Rule:
        """The rule of a valid form."""
        cleaned = self.cleaned_data
        return Rule(Base(cleaned["base"]), cleaned["percent"], Target(cleaned["target"]))


class PasteForm(forms.Form):
    """A pasted list of organizations and caps."""

    caps = forms.CharField(
        label="Organizations and caps",
        max_length=LONGEST_LIST,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false"}),
        help_text="A line for each: the organization’s name or id, then the cap or “none”, "
        "separated by comma, semicolon or tab, as copied from a spreadsheet.",
    )
