"""Tables of parts on a record's page, which take the same few queries however many rows they have."""

from django.contrib import admin
from django.contrib.admin.widgets import (
    AdminTextareaWidget,
    AdminTextInputWidget,
    AutocompleteSelect,
    RelatedFieldWidgetWrapper,
)
from django.db import models
from django.forms.models import BaseInlineFormSet

from .form_fields import AmountFormField, FiscalYearFormField, NumberFormField, TextFormField
from .models import FiscalYearField
from .publishing import Status

FORM_FIELDS = {
    FiscalYearField: {"form_class": FiscalYearFormField},
    models.BigIntegerField: {"form_class": AmountFormField, "widget": AdminTextInputWidget},
    models.DecimalField: {"form_class": NumberFormField},
    models.TextField: {"form_class": TextFormField},
    models.URLField: {"assume_scheme": "https"},
}
COMPACT = FORM_FIELDS | {
    models.TextField: {
        "form_class": TextFormField,
        "widget": AdminTextareaWidget(attrs={"rows": 1}),
    },
}


class LabelledSelect(AutocompleteSelect):
    """Takes the labels of all rows of an inline from one query; Django asks once a row."""

    def __init__(self, *args, load_labels, **kwargs):
        super().__init__(*args, **kwargs)
        self.load_labels = load_labels
        self.labels = {}

    def optgroups(self, name, value, attrs=None):
        options = [] if self.is_required else [self.create_option(name, "", "", False, 0)]
        for pk in filter(None, value):
            if not self.labels:
                self.labels.update(self.load_labels())
            if pk not in self.labels:
                chosen = self.choices.queryset.filter(pk=pk).first()
                self.labels[pk] = str(chosen or "")
            options.append(self.create_option(name, pk, self.labels[pk], True, len(options)))
        return [(None, options, 0)]


class RecordFormSet(BaseInlineFormSet):
    """Checks uniqueness among the rows, which Django does not do where a constraint has expressions.

    A row may not take what another row holds until now either: it may be saved before the other.
    """

    def clean(self):
        super().clean()
        for constraint in self.model._meta.constraints:
            if isinstance(constraint, models.UniqueConstraint):
                self.check_unique(constraint)

    def check_unique(self, constraint):
        names = {*constraint.fields, *(expression.name for expression in constraint.expressions)}
        fields = [self.model._meta.get_field(name) for name in names - {self.fk.name}]
        forms = [form for form in self.forms if form.instance.pk or form.has_changed()]
        taken = {
            tuple(form.initial.get(field.name) for field in fields): form
            for form in forms
            if form.instance.pk
        }
        for form in forms:
            key = tuple(getattr(form.instance, field.attname) for field in fields)
            other = taken.setdefault(key, form)
            # Django deletes rows before it adds new ones.
            is_free = self._should_delete_form(other) and not form.instance.pk
            is_kept = not self._should_delete_form(form)
            if other is not form and is_kept and not is_free and None not in key:
                form.add_error(None, constraint.get_violation_error_message())


class StateChoices:
    def formfield_for_choice_field(self, db_field, request, **kwargs):
        """Offer for a part's own state what `published()` tells apart; steps are its record's."""
        if db_field.name == "status":
            states = (Status.DRAFT, Status.PUBLISHED, Status.WITHDRAWN)
            kwargs["choices"] = [(state.value, state.label) for state in states]
        return super().formfield_for_choice_field(db_field, request, **kwargs)


class RecordInline(StateChoices, admin.TabularInline):
    formset = RecordFormSet
    formfield_overrides = FORM_FIELDS
    extra = 0
    show_change_link = True
    view_on_site = False

    def get_queryset(self, request):
        relations = [name for name in self.fields if self.model._meta.get_field(name).many_to_one]
        queryset = super().get_queryset(request)
        return queryset.select_related(*relations) if relations else queryset

    @property
    def parent_admin(self):
        return self.admin_site.get_model_admin(self.parent_model)

    def has_view_permission(self, request, obj=None):
        return self.parent_admin.has_view_permission(request, obj)

    def has_add_permission(self, request, obj=None):
        return self.parent_admin.has_change_permission(request, obj)

    def has_change_permission(self, request, obj=None):
        return self.parent_admin.has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None):
        return self.parent_admin.has_change_permission(request, obj)

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        """Leave out the buttons beside a choice, for which a table has no room."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget
        return field

    def parent_rows(self, request):
        """Return the rows of the parent that is being edited."""
        parent = request.resolver_match.kwargs.get("object_id")
        names = [f.name for f in self.opts.fields if f.related_model is self.parent_model]
        return self.get_queryset(request).filter(**{self.fk_name or names[0]: parent})

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        own_admin = self.admin_site.get_model_admin(self.model)
        if db_field.name != (self.fk_name or own_admin.owner_name):
            chosen = self.parent_rows(request).filter(**{f"{db_field.name}__isnull": False})
            kwargs["queryset"] = own_admin.limit_choices(
                request,
                db_field.related_model._default_manager.all(),
                db_field.name,
                chosen.order_by().values(db_field.name),
            )
        if db_field.name in self.get_autocomplete_fields(request):

            def load_labels():
                chosen = self.parent_rows(request).order_by().values(db_field.name)
                records = db_field.related_model._default_manager.filter(pk__in=chosen)
                return {str(record.pk): str(record) for record in records}

            kwargs["widget"] = LabelledSelect(
                db_field, self.admin_site, using=kwargs.get("using"), load_labels=load_labels
            )
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class FigureFormSet(RecordFormSet):
    def clean(self):
        """Refuse figures that are, by detours, parts of themselves."""
        super().clean()
        wholes = {
            form.instance.pk: form.instance.part_of_id
            for form in self.forms
            if form.instance.pk and not self._should_delete_form(form)
        }
        for form in self.forms:
            seen, pk = set(), form.instance.pk
            while pk in wholes and pk not in seen:
                seen.add(pk)
                pk = wholes[pk]
            if pk and pk == form.instance.pk and not form.errors:
                form.add_error("part_of", "内訳をたどると、この数値に戻って輪になります。")


class FigureInline(RecordInline):
    formset = FigureFormSet
    classes = ["collapse", "figures"]
    autocomplete_fields = ["source"]
    verbose_name_plural = "実績値"
    fields = [
        "group",
        "label",
        "measure",
        "kind",
        "value",
        "unit",
        "period",
        "part_of",
        "source",
        "locator",
        "as_printed",
        "note",
        "position",
    ]
    formfield_overrides = COMPACT

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if db_field.name == "part_of":
            limit_choices(field, self.parent_rows(request), lambda figure: figure.name)
        return field


def limit_choices(field, queryset, label=str):
    """Let a field choose from a queryset, which is read once for all rows."""
    field.queryset = queryset
    field.choices = [("", field.empty_label), *((record.pk, label(record)) for record in queryset)]
