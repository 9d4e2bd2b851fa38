"""The spreadsheets of the ground's models."""

from .cells import split_list
from .models import Department, GlossaryTerm, Place, SourceDocument
from .record_resources import PUBLICATION, RecordResource


class DepartmentResource(RecordResource):
    class Meta:
        model = Department
        import_id_fields = ["slug"]
        fields = [
            "slug",
            "name",
            "name_en",
            "parent",
            "description",
            "established_in",
            "abolished_in",
            "successors",
            "position",
        ]

    whole_columns = ("parent", "successors")

    def list_wholes(self, key, texts):
        return [(slug,) for slug in split_list("、".join(texts))]


class SourceDocumentResource(RecordResource):
    class Meta:
        model = SourceDocument
        import_id_fields = ["slug"]
        fields = ["slug", "title", "issued_by", "issued_on", "fiscal_year", "url", "note"]
        fields += PUBLICATION


class PlaceResource(RecordResource):
    class Meta:
        model = Place
        import_id_fields = ["code"]
        fields = ["code", "name"]


class GlossaryTermResource(RecordResource):
    class Meta:
        model = GlossaryTerm
        import_id_fields = ["term"]
        fields = ["term", "reading", "explanation", "easy_explanation"]
