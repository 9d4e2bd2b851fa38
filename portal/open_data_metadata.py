"""What the bulk files tell machines about themselves: Data Package, DCAT, schema.org. Pure.

`folder` is the whole address of the open-data page, below which the files lie; `warning` is said
before all else.
"""

from collections.abc import Iterable
from datetime import datetime

from .open_data_columns import Column, Table
from .open_data_files import Facts, Form
from .structured_data import LICENCE

LICENCE_ID, LICENCE_TITLE = "CC-BY-4.0", "クリエイティブ・コモンズ 表示 4.0 国際"
LICENCE_URL = "https://creativecommons.org/licenses/by/4.0/"
CURRENCY = "JPY"
# Format: media type, and its word in the EU's list of file types, which DCAT catalogues use.
FORMATS = {
    "csv": ("text/csv", "CSV"),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "XLSX"),
    "jsonl": ("application/jsonl", "JSON"),
}
AUTHORITY = "http://publications.europa.eu/resource/authority"
CONTEXT = {
    "dcat": "http://www.w3.org/ns/dcat#",
    "dct": "http://purl.org/dc/terms/",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


def describe_package(
    tables: Iterable[Table],
    *,
    site: str,
    publisher: str,
    changed_at: datetime | None,
    folder: str,
    warning: str = "",
    form: Form,
    facts: dict[str, Facts] | None = None,
    is_local: bool = False,
) -> dict:
    """Return the Data Package descriptor of CSV files of this form.

    `is_local`: the files lie beside it, as in the ZIP; else at their addresses. With `facts` by
    the name of the table it tells bytes, rows and hash too.
    """
    query = "&".join(
        f"{name}={value}"
        for name in ("encoding", "header")
        if (value := getattr(form, name)) != getattr(Form, name)
    )

    def path(table):
        file = f"{table.name}.csv"
        return f"{folder}{file}?{query}" if query and not is_local else file

    return {
        "profile": "tabular-data-package",
        "name": "open-data",
        "title": f"{site} 一括ファイル",
        "description": f"{warning}公開中の取組と決算の記録です。空欄は資料に記載がないことを表し、0とは違います。",
        "homepage": folder,
        **({"created": changed_at.isoformat()} if changed_at else {}),
        "licenses": [{"name": LICENCE_ID, "title": LICENCE_TITLE, "path": LICENCE_URL}],
        "contributors": [{"title": publisher, "role": "publisher"}],
        "resources": [
            {
                "profile": "tabular-data-resource",
                "name": table.name,
                "title": table.title,
                "description": "。".join(filter(None, (table.row, table.note.rstrip("。")))),
                "path": path(table),
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "cp932" if form.encoding == "cp932" else "utf-8",
                **_describe_facts(facts and facts[table.name]),
                "schema": _describe_schema(table, form.header),
            }
            for table in tables
        ],
    }


def _describe_facts(facts: Facts | None) -> dict:
    if facts is None:
        return {}
    return {"bytes": facts.bytes, "hash": f"sha256:{facts.sha256}", "rows": facts.rows}


def _describe_schema(table: Table, header: str) -> dict:
    keys = [column for column in table.columns if column.key in table.keys]
    schema = {
        "fields": [_describe_field(column, header) for column in table.columns],
        "missingValues": [""],
    }
    if keys:
        schema["primaryKey"] = [column.header(header) for column in keys]
    if any(column.phase for column in table.columns):
        schema["extraFields"] = [
            {
                "name": "amount",
                "type": "number",
                "columnType": "value",
                "normalizationTarget": True,
            },
            {"name": "phase", "type": "string", "columnType": "phase:id"},
            {"name": "direction", "type": "string", "columnType": "direction"},
            {
                "name": "currency",
                "type": "string",
                "columnType": "value-currency:code",
                "constant": CURRENCY,
            },
        ]
    return schema


def _describe_field(column: Column, header: str) -> dict:
    field = {
        "name": column.header(header),
        "title": column.title_with_unit if header == "en" else column.key,
        "description": column.meaning,
        "type": column.type,
    }
    if column.is_path:
        field["format"] = "uri"
    if column.unit:
        field["unit"] = column.unit
    if column.unit == "円":
        field |= {"currency": CURRENCY, "factor": 1}
    if column.concept:
        field["columnType"] = column.concept
    if column.phase:
        measure = {"phase": column.phase, "direction": "expenditure"}
        field |= measure | {"normalize": measure}
    constraints = {} if column.blank else {"required": True}
    if column.codes:
        constraints["enum"] = [code for code, _ in column.codes]
        field["enumLabels"] = dict(column.codes)
    if constraints:
        field["constraints"] = constraints
    if column.blank:
        field["blankMeans"] = column.blank
    return field


def describe_catalog(
    tables: Iterable[Table],
    *,
    site: str,
    publisher: str,
    changed_at: datetime | None,
    folder: str,
    warning: str = "",
) -> dict:
    """Return the DCAT catalogue (DCAT-AP) as JSON-LD that carries its own context."""
    agency = {"@type": "foaf:Agent", "@id": f"{folder}#publisher", "foaf:name": _ja(publisher)}
    modified = (
        {"dct:modified": {"@value": changed_at.isoformat(), "@type": "xsd:dateTime"}}
        if changed_at
        else {}
    )
    licence = {"@id": LICENCE_URL, "@type": "dct:LicenseDocument"}

    def distribution(table, format):
        media_type, file_type = FORMATS[format]
        address = f"{folder}{table.name}.{format}"
        return {
            "@type": "dcat:Distribution",
            "@id": address,
            "dct:title": _ja(f"{table.title}（{format.upper()}）"),
            "dct:license": {"@id": LICENCE_URL},
            "dct:format": {
                "@id": f"{AUTHORITY}/file-type/{file_type}",
                "@type": "dct:MediaTypeOrExtent",
            },
            "dcat:mediaType": {
                "@id": f"https://www.iana.org/assignments/media-types/{media_type}",
                "@type": "dct:MediaType",
            },
            "dcat:accessURL": {"@id": folder},
            "dcat:downloadURL": {"@id": address},
        }

    return {
        "@context": CONTEXT,
        "@type": "dcat:Catalog",
        "@id": f"{folder}#catalog",
        "dct:title": _ja(f"{site} オープンデータ"),
        "dct:description": _ja(f"{warning}{publisher}の取組と決算の、公開中の記録です。"),
        "dct:publisher": agency,
        "dct:license": licence,
        "dct:language": _language(),
        "foaf:homepage": {"@id": folder, "@type": "foaf:Document"},
        **modified,
        "dcat:dataset": [
            {
                "@type": "dcat:Dataset",
                "@id": f"{folder}#{table.name}",
                "dct:identifier": table.name,
                "dct:title": _ja(table.title),
                "dct:description": _ja(describe_rows(table)),
                "dct:publisher": {"@id": agency["@id"]},
                "dct:language": _language(),
                "dcat:keyword": [_ja(word) for word in dict.fromkeys((table.title, publisher))],
                "dcat:theme": {"@id": f"{AUTHORITY}/data-theme/GOVE"},
                "dcat:landingPage": {
                    "@id": f"{folder}dictionary/#{table.name}",
                    "@type": "foaf:Document",
                },
                **modified,
                "dcat:distribution": [distribution(table, format) for format in FORMATS],
            }
            for table in tables
        ],
    }


def describe_rows(table: Table) -> str:
    return f"公開中の「{table.title}」の全件です。1行が「{table.row}」を表します。{table.note}"


def _ja(text: str) -> dict:
    return {"@value": text, "@language": "ja"}


def _language() -> dict:
    return {"@id": f"{AUTHORITY}/language/JPN", "@type": "dct:LinguisticSystem"}


def describe_data_catalog(tables: Iterable[Table], site: str, publisher: str, folder: str) -> dict:
    """Return the bulk files as a schema.org DataCatalog."""
    return {
        "@type": "DataCatalog",
        "name": f"{site} 一括ファイル",
        "url": folder,
        "license": LICENCE,
        "inLanguage": "ja",
        "publisher": {"@type": "GovernmentOrganization", "name": publisher},
        "dataset": [
            {
                "@type": "Dataset",
                "name": f"{table.title}（一括ファイル）",
                "description": describe_rows(table),
                "url": f"{folder}dictionary/#{table.name}",
                "license": LICENCE,
                "isAccessibleForFree": True,
                "creator": {"@type": "GovernmentOrganization", "name": publisher},
                "variableMeasured": [column.title_with_unit for column in table.columns],
                "distribution": [
                    {
                        "@type": "DataDownload",
                        "encodingFormat": media_type,
                        "contentUrl": f"{folder}{table.name}.{format}",
                    }
                    for format, (media_type, _) in FORMATS.items()
                ],
            }
            for table in tables
        ],
    }
