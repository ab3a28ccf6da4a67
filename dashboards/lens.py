"""A panel of ours as Kibana's Lens keeps it: the columns of a `formBased` layer and how they are drawn.

The structure follows Kibana's own sample dashboards (docs/dashboards.md says which).
"""

from __future__ import annotations

from typing import Any

from dashboards.definitions import EVERY_ARTICLE, Condition, Count, Days, Distinct, Groups, Latest, Metric, Panel, Share, Time, Values

Json = dict[str, Any]

RECORDS = "___records___"
"""What Lens calls "the documents" where a column needs a field."""
_BUCKET = "by"
_TYPES = {"number": "lnsMetric", "table": "lnsDatatable"}
_SERIES = {"bars": "bar_stacked", "lines": "line", "horizontal_bars": "bar_horizontal_stacked"}


def layer_reference(layer: str) -> str:
    """The name under which a Lens panel refers to the data view of one of its layers."""
    return f"indexpattern-datasource-layer-{layer}"


def lens_attributes(panel: Panel, language: str, data_view: str, time: Time) -> Json:
    """The attributes of a Lens visualisation, as Kibana stores them.

    Args:
        panel: what to show.
        language: "vi" or "en".
        data_view: id of the data view.
        time: the date of that data view, by which days are told.
    """
    columns: Json = {}
    order: list[str] = []
    if panel.by is not None:
        columns[_BUCKET] = _bucket(panel, language, time)
        order.append(_BUCKET)
    accessors = []
    for number, metric in enumerate(panel.metrics):
        accessor = f"metric{number}"
        parts = _metric(accessor, metric, language)
        columns |= parts
        order += list(parts)
        accessors.append(accessor)
    return {
        "title": panel.title.in_language(language),
        "description": "",
        "visualizationType": _TYPES.get(panel.form, "lnsXY"),
        "type": "lens",
        "references": [{"type": "index-pattern", "id": data_view, "name": layer_reference(panel.key)}],
        "state": {
            "visualization": _drawing(panel, accessors),
            "query": kql(panel.where.kql),
            "filters": [],
            "datasourceStates": {
                "formBased": {"layers": {panel.key: {"columns": columns, "columnOrder": order, "incompleteColumns": {}, "sampling": 1}}}
            },
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }


def kql(query: str) -> Json:
    """A KQL query as Kibana stores it."""
    return {"query": query, "language": "kuery"}


def _bucket(panel: Panel, language: str, time: Time) -> Json:
    by = panel.by
    assert by is not None
    column: Json = {"label": by.label.in_language(language), "customLabel": True, "isBucketed": True}
    if isinstance(by, Days):
        return column | {
            "dataType": "date",
            "operationType": "date_histogram",
            "sourceField": time,
            "scale": "interval",
            "params": {"interval": "1d", "includeEmptyRows": True, "dropPartials": False},
        }
    if isinstance(by, Groups):
        filters = [{"input": kql(condition.kql), "label": name.in_language(language)} for name, condition in by.groups]
        return column | {"dataType": "string", "operationType": "filters", "scale": "ordinal", "params": {"filters": filters}}
    return column | {
        "dataType": "string",
        "operationType": "terms",
        "scale": "ordinal",
        "sourceField": by.field,
        "params": {
            "size": by.size,
            "orderBy": {"type": "column", "columnId": "metric0"},
            "orderDirection": "desc",
            "otherBucket": False,
            "missingBucket": False,
            "parentFormat": {"id": "terms"},
            "include": [],
            "exclude": [],
            "includeIsRegex": False,
            "excludeIsRegex": False,
        },
    }


def _metric(accessor: str, metric: Metric, language: str) -> Json:
    """The columns of one number; a formula needs one for each of its parts."""
    label = metric.label.in_language(language)
    if isinstance(metric, Count):
        return {accessor: _count(label, metric.where)}
    if isinstance(metric, Distinct):
        return {
            accessor: {
                "label": label,
                "customLabel": True,
                "dataType": "number",
                "operationType": "unique_count",
                "scale": "ratio",
                "sourceField": metric.field,
                "isBucketed": False,
                "params": {"emptyAsNull": False},
            }
        }
    if isinstance(metric, Latest):
        return {
            accessor: {
                "label": label,
                "customLabel": True,
                "dataType": "date",
                "operationType": "max",
                "scale": "ratio",
                "sourceField": metric.field,
                "isBucketed": False,
                "params": {"emptyAsNull": True},
            }
        }
    escaped = metric.where.kql.replace("\\", "\\\\").replace("'", "\\'")
    formula = f"count(kql='{escaped}') / count()"
    matching, all_of_them, quotient = (f"{accessor}X{number}" for number in range(3))
    part = f"Part of {formula}"
    number: Json = {"customLabel": True, "dataType": "number", "isBucketed": False, "scale": "ratio"}
    return {
        matching: _count(part, metric.where),
        all_of_them: _count(part, EVERY_ARTICLE),
        quotient: number
        | {
            "label": part,
            "operationType": "math",
            "params": {
                "tinymathAst": {
                    "type": "function",
                    "name": "divide",
                    "args": [matching, all_of_them],
                    "location": {"min": 0, "max": len(formula)},
                    "text": formula,
                }
            },
            "references": [matching, all_of_them],
        },
        accessor: number
        | {
            "label": label,
            "operationType": "formula",
            "params": {"formula": formula, "isFormulaBroken": False, "format": {"id": "percent", "params": {"decimals": 1}}},
            "references": [quotient],
        },
    }


def _count(label: str, where: Condition) -> Json:
    column: Json = {
        "label": label,
        "customLabel": True,
        "dataType": "number",
        "operationType": "count",
        "isBucketed": False,
        "scale": "ratio",
        "sourceField": RECORDS,
        "params": {"emptyAsNull": False},  # no bad news is the number 0, not an empty place
    }
    return column | {"filter": kql(where.kql)} if where.kql else column


def _drawing(panel: Panel, accessors: list[str]) -> Json:
    if panel.form == "number":
        (metric,) = panel.metrics
        colour = metric.colour if isinstance(metric, Count | Share) else ""
        drawing: Json = {"layerId": panel.key, "layerType": "data", "metricAccessor": accessors[0]}
        return drawing | {"color": colour} if colour else drawing
    if panel.form == "table":
        columns = [_BUCKET, *accessors] if panel.by is not None else accessors
        return {
            "layerId": panel.key,
            "layerType": "data",
            "columns": [{"columnId": column, "isTransposed": False} for column in columns],
            "sorting": {"columnId": accessors[panel.sorted_by[0]], "direction": panel.sorted_by[1]},
        }
    series = _SERIES[panel.form]
    axes = {"x": False, "yLeft": False, "yRight": False}
    shown = {"x": True, "yLeft": True, "yRight": True}
    colours = [
        {"forAccessor": accessor, "color": metric.colour, "axisMode": "left"}
        for accessor, metric in zip(accessors, panel.metrics, strict=True)
        if isinstance(metric, Count | Share) and metric.colour
    ]
    return {
        "legend": {"isVisible": True, "position": "bottom", "showSingleSeries": False},
        "valueLabels": "hide",
        "fittingFunction": "None",
        "yLeftExtent": {"mode": "full"},
        "yRightExtent": {"mode": "full"},
        "axisTitlesVisibilitySettings": axes,
        "tickLabelsVisibilitySettings": shown,
        "labelsOrientation": {"x": 0, "yLeft": 0, "yRight": 0},
        "gridlinesVisibilitySettings": shown,
        "preferredSeriesType": series,
        "layers": [
            {
                "layerId": panel.key,
                "layerType": "data",
                "seriesType": series,
                "xAccessor": _BUCKET,
                "accessors": accessors,
                "yConfig": colours,
            }
        ],
    }


def fields_of(panel: Panel) -> set[str]:
    """The fields that the panel groups by or counts the values of; conditions are not looked into."""
    found = {metric.field for metric in panel.metrics if isinstance(metric, Distinct | Latest)}
    return found | ({panel.by.field} if isinstance(panel.by, Values) else set())
