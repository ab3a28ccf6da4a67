"""A second reading of saved objects: what Kibana asks Elasticsearch for a Lens panel, and the numbers that it then shows.

It reads the finished file, not our definitions, so a wrong column, condition or formula in the file gives wrong numbers here.
Kibana adds the time that the reader chose and the panel's own query; empty days come from `extended_bounds`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

Json = dict[str, Any]

_TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|(not|or|and)\b|([A-Za-z_][\w.]*)|(>=|[:()*]))')


@dataclass(frozen=True)
class LensPanel:
    """A Lens panel of the file: its index, title, shape, query, and its only layer; the dashboard's query narrows it too."""

    index: str
    title: str
    kind: str
    query: str
    dashboard_query: str
    layer: Json
    drawing: Json


def lens_panels(dashboard: Json) -> list[LensPanel]:
    found = []
    source = json.loads(dashboard["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
    for panel in json.loads(dashboard["attributes"]["panelsJSON"]):
        if panel["type"] == "lens":
            attributes = panel["embeddableConfig"]["attributes"]
            (layer,) = attributes["state"]["datasourceStates"]["formBased"]["layers"].values()
            state = attributes["state"]
            found.append(
                LensPanel(
                    panel["panelIndex"],
                    panel["title"],
                    attributes["visualizationType"],
                    state["query"]["query"],
                    source["query"]["query"],
                    layer,
                    state["visualization"],
                )
            )
    return found


def fields_named(panel: LensPanel) -> set[str]:
    """Every field that the panel groups by, counts or narrows by."""
    named = {*fields_of_kql(panel.query), *fields_of_kql(panel.dashboard_query)}
    for column in panel.layer["columns"].values():
        if column.get("sourceField", "___records___") != "___records___":
            named.add(column["sourceField"])
        if "filter" in column:
            named |= set(fields_of_kql(column["filter"]["query"]))
        for entry in column.get("params", {}).get("filters", []):
            named |= set(fields_of_kql(entry["input"]["query"]))
    return named


# -- Kibana's query language, as far as the file uses it --------------------------------------------------------------------------------


def _tokens(query: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(query.rstrip()):
        found = _TOKEN.match(query, position)
        if not found:
            raise ValueError(f"not KQL at {position}: {query}")
        position = found.end()
        text, word, name, sign = found.groups()
        if text is not None:
            yield "text", re.sub(r"\\(.)", r"\1", text)
        else:
            yield ("word", word) if word else (("name", name) if name else ("sign", sign))


def fields_of_kql(query: str) -> list[str]:
    return [value for kind, value in _tokens(query) if kind == "name"]


def kql_query(query: str) -> Json:
    """The Elasticsearch query of `[not] field : value`, where value is `*`, `"text"` or `("text" or "text")`, joined by `and`.

    `field >= "moment"` too: Kibana hands the moment over as it stands.
    """
    tokens = list(_tokens(query))
    conditions: list[Json] = []
    while tokens:
        negated = tokens[0] == ("word", "not")
        if negated:
            tokens.pop(0)
        (kind, field), colon = tokens.pop(0), tokens.pop(0)
        assert (kind, colon[0], colon[1] in (":", ">=")) == ("name", "sign", True), query
        value = tokens.pop(0)
        if colon[1] == ">=":
            assert value[0] == "text", query
            condition: Json = {"range": {field: {"gte": value[1]}}}
        elif value == ("sign", "*"):
            condition = {"exists": {"field": field}}
        elif value[0] == "text":
            condition = {"term": {field: value[1]}}
        else:
            assert value == ("sign", "("), query
            values = [tokens.pop(0)]
            while tokens[0] == ("word", "or"):
                tokens.pop(0)
                values.append(tokens.pop(0))
            assert tokens.pop(0) == ("sign", ")"), query
            assert all(entry[0] == "text" for entry in values), query
            condition = {"terms": {field: [entry[1] for entry in values]}}
        conditions.append({"bool": {"must_not": [condition]}} if negated else condition)
        if tokens:
            assert tokens.pop(0) == ("word", "and"), query
            assert tokens, query
    return {"bool": {"filter": conditions}}


# -- what is asked, what is shown -------------------------------------------------------------------------------------------------------


def request_of(panel: LensPanel, time_field: str, since: str, until: str, zone: str) -> Json:
    """The search that Kibana sends for the panel when it is set to `zone` and the reader looks at [since, until)."""
    window = {"range": {time_field: {"gte": since, "lt": until}}}
    query = {"bool": {"filter": [window, kql_query(panel.query), kql_query(panel.dashboard_query)]}}
    columns = panel.layer["columns"]
    buckets = [key for key in panel.layer["columnOrder"] if columns[key]["isBucketed"]]
    assert len(buckets) <= 1
    numbers: Json = {}
    for key, column in columns.items():
        if column["operationType"] == "count" and "filter" in column:
            numbers[key] = {"filter": kql_query(column["filter"]["query"])}
        elif column["operationType"] == "unique_count":
            numbers[key] = {"cardinality": {"field": column["sourceField"]}}
        elif column["operationType"] == "max":
            numbers[key] = {"max": {"field": column["sourceField"]}}
    if not buckets:
        return {"query": query, "size": 0, "track_total_hits": True, "aggs": numbers}
    column = columns[buckets[0]]
    params = column["params"]
    if column["operationType"] == "date_histogram":
        window_bounds = {"min": _milliseconds(since), "max": _milliseconds(until) - 1}
        bounds: Json = {"extended_bounds": window_bounds, "min_doc_count": 0} if params["includeEmptyRows"] else {"min_doc_count": 1}
        grouping: Json = {
            "date_histogram": {
                "field": column["sourceField"],
                "calendar_interval": params["interval"],
                "time_zone": zone,
                **bounds,
            }
        }
    elif column["operationType"] == "filters":
        grouping = {"filters": {"filters": {entry["label"]: kql_query(entry["input"]["query"]) for entry in params["filters"]}}}
    else:
        assert column["operationType"] == "terms"
        assert (params["otherBucket"], params["missingBucket"], params["include"], params["exclude"]) == (False, False, [], [])
        ordered_by = columns[params["orderBy"]["columnId"]]
        assert ordered_by["operationType"] == "count"
        assert "filter" not in ordered_by
        order = [{"_count": params["orderDirection"]}, {"_key": "asc"}]
        grouping = {"terms": {"field": column["sourceField"], "size": params["size"], "order": order}}
    return {"query": query, "size": 0, "track_total_hits": True, "aggs": {"by": {**grouping, **({"aggs": numbers} if numbers else {})}}}


def _milliseconds(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def table_of(panel: LensPanel, answer: Json, zone: tzinfo) -> dict[str, list[float | None]]:
    """What the panel shows: by group (one named "" where there is none) the numbers that are drawn, in their order.

    Days are named as Kibana, set to `zone`, names them.
    """
    drawing = panel.drawing
    if panel.kind == "lnsMetric":
        shown = [drawing["metricAccessor"]]
    elif panel.kind == "lnsDatatable":
        shown = [entry["columnId"] for entry in drawing["columns"] if not panel.layer["columns"][entry["columnId"]]["isBucketed"]]
    else:
        (layer,) = drawing["layers"]
        shown = layer["accessors"]
    if "by" not in answer.get("aggregations", {}):
        total = {"doc_count": answer["hits"]["total"]["value"], **answer.get("aggregations", {})}
        return {"": [_value(panel.layer["columns"], key, total) for key in shown]}
    buckets = answer["aggregations"]["by"]["buckets"]
    named: Iterable[tuple[str, Json]]
    if isinstance(buckets, dict):
        # Elasticsearch answers by name; Kibana puts named groups back into the order of the panel.
        (column,) = (column for column in panel.layer["columns"].values() if column["operationType"] == "filters")
        named = [(entry["label"], buckets[entry["label"]]) for entry in column["params"]["filters"]]
    elif any(column["operationType"] == "date_histogram" for column in panel.layer["columns"].values()):
        named = ((datetime.fromtimestamp(bucket["key"] / 1000, zone).strftime("%Y-%m-%d %H:%M"), bucket) for bucket in buckets)
    else:
        named = ((bucket["key"], bucket) for bucket in buckets)
    return {name: [_value(panel.layer["columns"], key, bucket) for key in shown] for name, bucket in named}


def _value(columns: Json, key: str, bucket: Json) -> float | None:
    column = columns[key]
    operation = column["operationType"]
    if operation == "count":
        return bucket[key]["doc_count"] if "filter" in column else bucket["doc_count"]
    if operation in ("unique_count", "max"):
        return bucket[key]["value"]
    if operation == "formula":
        return _value(columns, column["references"][0], bucket)
    assert operation == "math"
    tree = column["params"]["tinymathAst"]
    assert tree["name"] == "divide"
    above, below = (_value(columns, part, bucket) for part in tree["args"])
    assert above is not None
    return above / below if below else None
