from portal.cells import YearCell
from portal.figure_resources import FIGURE, FigureResource
from portal.fiscal_year import FiscalYearError, parse_calendar_year, parse_fiscal_year
from portal.record_resources import CITED, PUBLICATION, RecordResource

from .models import Indicator, IndicatorValue, Initiative, InitiativeFigure, PeriodKind


class InitiativeResource(RecordResource):
    class Meta:
        model = Initiative
        import_id_fields = ["slug"]
        fields = [
            "slug",
            "title",
            "summary",
            "body",
            "easy_summary",
            "fiscal_year",
            "occurred_on",
            "period",
            "report",
            "pillar",
            "departments",
            "places",
            "position",
            *CITED,
            *PUBLICATION,
        ]


class InitiativeFigureResource(FigureResource):
    owner = updates = "initiative"

    class Meta:
        model = InitiativeFigure
        import_id_fields = ["initiative__slug", "group", "label", "measure", "period"]
        fields = ["initiative__slug", *FIGURE]


class IndicatorResource(RecordResource):
    class Meta:
        model = Indicator
        import_id_fields = ["slug"]
        fields = [
            "slug",
            "name",
            "description",
            "unit",
            "direction",
            "period_kind",
            "department",
            "initiatives",
            "position",
            *CITED,
            *PUBLICATION,
        ]


class IndicatorValueResource(RecordResource):
    owner = updates = "indicator"

    class Meta:
        model = IndicatorValue
        import_id_fields = ["indicator__slug", "year"]
        fields = [
            "indicator__slug",
            "year",
            "actual",
            "target",
            "baseline",
            "state",
            "as_printed",
            "note",
            *CITED,
            *PUBLICATION,
        ]

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.fields["year"].widget = YearCell()

    def complete(self, run, row, instance, wrong):
        """Refuse a calendar year for an indicator by fiscal years, and the other way round."""
        if instance.indicator_id is None or "year" in wrong:
            return True
        is_calendar = instance.indicator.period_kind == PeriodKind.CALENDAR_YEAR
        try:
            (parse_calendar_year if is_calendar else parse_fiscal_year)(run.text(row, "year"))
        except FiscalYearError as error:
            wrong["year"] = [str(error)]
        return True
