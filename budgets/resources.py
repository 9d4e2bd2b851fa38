from portal.figure_resources import FIGURE, FigureResource
from portal.record_resources import CITED, PUBLICATION, RecordResource

from .item_codes import parent_code
from .models import Program, Settlement, SettlementFigure, SettlementItem


class SettlementResource(RecordResource):
    owner = "department"

    class Meta:
        model = Settlement
        import_id_fields = ["department__slug", "fiscal_year"]
        fields = [
            "fiscal_year",
            "department__slug",
            "heading",
            "introduction",
            "easy_summary",
            "stage",
            *CITED,
            *PUBLICATION,
        ]


class SettlementItemResource(RecordResource):
    """Items of settlements. The parent of an item follows from its code."""

    owner = updates = "settlement"

    class Meta:
        model = SettlementItem
        import_id_fields = ["settlement__fiscal_year", "settlement__department__slug", "code"]
        fields = [
            "settlement__fiscal_year",
            "settlement__department__slug",
            "code",
            "name",
            "amount_yen",
            "initial_budget_yen",
            "supplementary_yen",
            "carried_in_yen",
            "budget_yen",
            "carried_over_yen",
            "unused_yen",
            "program",
            "body",
            "easy_summary",
            *CITED,
        ]

    def list_wholes(self, key, texts):
        above = parent_code(key[-1])
        return [(*key[:-1], above)] if above else []

    def complete(self, run, row, instance, wrong):
        """Hang a new item on the one above it."""
        if instance.settlement_id is None or "code" in wrong:
            return False
        if not instance._state.adding:
            return True
        for above in self.list_wholes((*run.root_key_of(instance), instance.code), ()):
            try:
                instance.parent = run.there.named[run.find_own(above, above[-1])]
            except ValueError as error:
                wrong["code"] = [f"上位の項目が要ります。{error}"]
                return False
        return True


class SettlementFigureResource(FigureResource):
    owner = "item"
    updates = "item__settlement"

    class Meta:
        model = SettlementFigure
        import_id_fields = [
            "item__settlement__fiscal_year",
            "item__settlement__department__slug",
            "item__code",
            "group",
            "label",
            "measure",
            "period",
        ]
        fields = [*import_id_fields[:3], *FIGURE]


class ProgramResource(RecordResource):
    class Meta:
        model = Program
        import_id_fields = ["slug"]
        fields = ["slug", "name", "description", "department"]
