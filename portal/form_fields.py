"""Fields of staff forms that read years, amounts and numbers as people write them."""

from django import forms
from django.contrib.admin.widgets import AdminTextInputWidget

from .amounts import parse_amount, parse_number
from .fiscal_year import parse_fiscal_year


class _Parsed:
    """Reads text by `parse`, whose ValueError holds the sentence for a person."""

    widget = AdminTextInputWidget

    def to_python(self, value):
        if not isinstance(value, str):
            return value
        try:
            return self.parse(value) if value.strip() else None
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def prepare_value(self, value):
        return value if value is None or isinstance(value, str) else self.format(value)

    def format(self, value):
        return str(value)


class TextFormField(forms.CharField):
    """A text with the newlines that it is kept with; browsers send others."""

    def to_python(self, value):
        return super().to_python(value.replace("\r\n", "\n") if value else value)


class FiscalYearFormField(_Parsed, forms.IntegerField):
    parse = staticmethod(parse_fiscal_year)


class AmountFormField(_Parsed, forms.IntegerField):
    """Whole yen: "4,016千円", "１２，３４５円", "12345"; a blank and "－" are None."""

    parse = staticmethod(parse_amount)

    def format(self, value):
        return f"{value:,}"


class NumberFormField(_Parsed, forms.DecimalField):
    parse = staticmethod(parse_number)

    def format(self, value):
        return f"{value.normalize():,f}" if hasattr(value, "normalize") else f"{value:,}"
