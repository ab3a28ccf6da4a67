"""The file of saved objects: whole, stable, of fields that exist; and the check that says so refuses broken ones."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams

from dashboards.definitions import Values, one_of
from dashboards.lens import fields_of
from dashboards.pages import every_dashboard
from dashboards.saved_objects import FIELD_NAMES, FROM_RECORD, LANGUAGES, read_alias_of, saved_objects, to_ndjson
from dashboards.structure import StructureError, check_structure
from diembao.article import Article
from diembao.errors import ConfigError, UsageError
from diembao.settings import Settings
from diembao.taxonomy import Taxonomy, read_taxonomy
from index.elasticsearch_mapping import MAPPING
from tests.elasticsearch.lens_reading import fields_named, fields_of_kql, kql_query, lens_panels
from web.pages import search as search_page
from web.searching.addresses import FILTERS, SearchAddress

Json = dict[str, Any]
TAXONOMY = read_taxonomy(Path(__file__).parents[2] / "config" / "taxonomy.toml")
SEARCH, DAILY = 2, 3
"""Where in the file the first list and the dashboard that shows it are."""
CAN_BE_COUNTED = {"keyword", "date", "integer", "long", "boolean"}


@pytest.fixture
def objects() -> list[Json]:
    return saved_objects("diembao-articles", TAXONOMY, "https://diembao.example.vn/")


def test_the_file_is_whole_and_has_the_ids_that_it_always_had(objects: list[Json]) -> None:
    check_structure(objects)
    assert [(entry["type"], entry["id"]) for entry in objects] == [
        ("index-pattern", "diembao-articles"),
        ("index-pattern", "diembao-articles-collected"),
        *(
            (kind, f"diembao-articles-{key}-{language}")
            for language in ("vi", "en")
            for kind, key in (
                ("search", "negative"),
                ("dashboard", "daily"),
                *(
                    pair
                    for field in ("security", "digital", "environment", "trade", "culture")
                    for pair in (("search", f"negative-{field}"), ("dashboard", f"field-{field}"))
                ),
                ("dashboard", "collecting"),
            )
        ),
    ]
    lines = to_ndjson(objects).splitlines()
    assert [json.loads(line) for line in lines] == objects
    assert to_ndjson(objects) == to_ndjson(saved_objects("diembao-articles", TAXONOMY, "https://diembao.example.vn/"))


@pytest.mark.parametrize(("key", "at_least"), [("daily", 60), ("field-security", 35), ("collecting", 15)])
def test_a_dashboard_says_everything_in_both_languages(objects: list[Json], key: str, at_least: int) -> None:
    by_id = {entry["id"]: entry for entry in objects}
    texts = {}
    for language in LANGUAGES:
        panels = lens_panels(by_id[f"diembao-articles-{key}-{language}"])
        texts[language] = [
            text
            for panel in panels
            for text in (
                panel.title,
                *(column["label"] for key, column in panel.layer["columns"].items() if "X" not in key),
                *(entry["label"] for column in panel.layer["columns"].values() for entry in column.get("params", {}).get("filters", [])),
            )
        ]
    assert len(texts["vi"]) == len(texts["en"]) > at_least
    assert [pair for pair in zip(texts["vi"], texts["en"], strict=True) if pair[0] == pair[1]] == []


def _mapped(name: str) -> str:
    """The type of a field of the mapping; "" when there is none."""
    record: Json = MAPPING
    for part in name.split("."):
        record = record.get("properties", {}).get(part, {})
    return str(record.get("type", ""))


def test_every_field_of_a_panel_is_mapped_so_that_it_can_be_counted(objects: list[Json]) -> None:
    for entry in objects:
        if entry["type"] != "dashboard":
            continue
        controls = json.loads(entry["attributes"]["controlGroupInput"]["panelsJSON"])
        for control in controls.values():
            assert _mapped(control["explicitInput"]["fieldName"]) in CAN_BE_COUNTED
        for panel in lens_panels(entry):
            # Of a text only whether there is one is asked.
            assert {_mapped(name) for name in fields_named(panel)} <= CAN_BE_COUNTED | {"text"}, panel.index
    for dashboard in every_dashboard(TAXONOMY):
        for shown in dashboard.panels:
            assert all(_mapped(name) in CAN_BE_COUNTED for name in (*fields_of(shown), dashboard.time)), shown.key


def test_what_a_list_shows_is_mapped_or_read_from_the_record(objects: list[Json]) -> None:
    mapped = set(MAPPING["properties"])
    view, collected = (entry["attributes"] for entry in objects if entry["type"] == "index-pattern")
    assert (view["timeFieldName"], collected["timeFieldName"]) == ("published_at", "first_seen_at")
    assert {name.partition(".")[0] for name in FROM_RECORD} == {"record"}
    assert MAPPING["properties"]["record"]["enabled"] is False
    assert {name.partition(".")[2] for name in FROM_RECORD} <= set(Article.model_fields)
    assert json.loads(view["runtimeFieldMap"]).keys() == set(FROM_RECORD)
    assert set(FIELD_NAMES) <= mapped | set(FROM_RECORD)
    for entry in objects:
        if entry["type"] == "search":
            assert set(entry["attributes"]["columns"]) <= set(FIELD_NAMES)
            source = json.loads(entry["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
            assert all(map(_mapped, fields_of_kql(source["query"]["query"])))


def test_an_article_of_a_list_leads_to_our_page(objects: list[Json]) -> None:
    formats = json.loads(objects[0]["attributes"]["fieldFormatMap"])
    assert formats["id"]["params"]["urlTemplate"] == "https://diembao.example.vn/articles/{{value}}"
    without = json.loads(saved_objects("diembao-articles", TAXONOMY)[0]["attributes"]["fieldFormatMap"])
    assert "id" not in without
    for wrong in ("javascript:alert(1)", "diembao.example.vn", "https://"):
        with pytest.raises(UsageError):
            saved_objects("diembao-articles", TAXONOMY, wrong)


def test_conditions_survive_what_a_name_may_hold() -> None:
    wild = ['Sở "A"', "back\\slash", "a) or (b", "not x : *"]
    assert kql_query(one_of("source", wild).kql) == {"bool": {"filter": [{"terms": {"source": wild}}]}}
    assert kql_query(one_of("source", wild[:1]).kql) == {"bool": {"filter": [{"term": {"source": wild[0]}}]}}


def _parsed(address: str) -> tuple[SearchAddress, dict[str, str]]:
    """What our search page reads of `address`, if it leads there."""
    (page,) = (route for route in search_page.router.routes if isinstance(route, APIRoute) and route.path == urlsplit(address).path)
    assert page.endpoint is search_page.search
    return SearchAddress.parse(QueryParams(urlsplit(address).query))


def test_links_open_our_search_page_with_the_condition_of_the_panel(objects: list[Json]) -> None:
    by_id = {entry["id"]: entry for entry in objects}
    for dashboard in every_dashboard(TAXONOMY):
        record = by_id[f"diembao-articles-{dashboard.key}-vi"]
        shown = {panel["panelIndex"]: panel for panel in json.loads(record["attributes"]["panelsJSON"])}
        for panel in dashboard.panels:
            enhancements = shown[panel.key]["embeddableConfig"]["enhancements"]
            events = enhancements.get("dynamicActions", {}).get("events", [])
            triggers = [event["triggers"][0] for event in events]
            assert ("CONTEXT_MENU_TRIGGER" in triggers) == (dashboard.time == "published_at"), panel.key
            assert ("VALUE_CLICK_TRIGGER" in triggers) == isinstance(panel.by, Values), panel.key
            for event in events:
                template = event["action"]["config"]["url"]["template"]
                assert template.startswith("https://diembao.example.vn/search?")
                # As Kibana fills it in: the time that is looked at, and what was clicked.
                filled = re.sub(r"\{\{date context\.panel\.timeRange\.(from|to) \"YYYY-MM-DD\"\}\}", "2026-11-20", template)
                filled = filled.replace("{{encodeURIComponent event.value}}", quote("Đồng Tháp & Bến Tre", safe=""))
                assert "{{" not in filled
                address, problems = _parsed(filled)
                assert problems == {}
                assert address.copies
                wanted = dict(panel.where.values)
                if event["triggers"] == ["VALUE_CLICK_TRIGGER"]:
                    assert isinstance(panel.by, Values)
                    wanted[panel.by.field] = ("Đồng Tháp & Bến Tre",)
                assert {name: address.values(name) for name in FILTERS if address.values(name)} == wanted, panel.key
                assert (address.from_, address.to) == (("2026-11-20",) * 2 if dashboard.time == "published_at" else ("", ""))


def test_the_note_links_for_everybody(objects: list[Json]) -> None:
    (record,) = (entry for entry in objects if entry["id"] == "diembao-articles-field-culture-en")
    note = next(panel for panel in json.loads(record["attributes"]["panelsJSON"]) if panel["panelIndex"] == "reading")
    links = dict(re.findall(r"\[([^]]+)\]\((\S+)\)", note["embeddableConfig"]["savedVis"]["params"]["markdown"]))
    assert list(links) == ["all", "negative", "critical of an authority"]
    address, problems = _parsed(links["negative"])
    assert (address.topic, address.sentiment, problems) == (("culture", "sport"), ("negative",), {})


def test_without_a_search_page_there_are_no_links() -> None:
    for entry in saved_objects("diembao-articles", TAXONOMY):
        assert "URL_DRILLDOWN" not in json.dumps(entry)
        assert "copies=1" not in json.dumps(entry)


def test_a_field_that_cannot_have_an_id_is_refused() -> None:
    record = TAXONOMY.model_dump()
    record["fields"]["Y tế"] = {**record["fields"]["trade"], "name": {"vi": "Y tế", "en": "Health"}}
    with pytest.raises(ConfigError, match="Y tế"):
        saved_objects("diembao-articles", Taxonomy.model_validate(record))


def test_names_of_an_office_that_cannot_be_told_apart_are_refused() -> None:
    record = TAXONOMY.model_dump()
    record["topics"]["sport"] = record["topics"]["culture"]
    with pytest.raises(ConfigError, match="Văn hóa, du lịch"):
        saved_objects("diembao-articles", Taxonomy.model_validate(record))


def test_the_alias_is_that_of_the_office(tmp_path: Path) -> None:
    def settings(index: str) -> Settings:
        return Settings(tmp_path, tmp_path, index, "sqlite://")

    assert read_alias_of(settings("sqlite")) == "diembao-articles"
    assert read_alias_of(settings("http://127.0.0.1:9200")) == "diembao-articles"
    assert read_alias_of(settings("http://127.0.0.1:9200/tinh-a")) == "tinh-a-articles"
    with pytest.raises(UsageError):
        saved_objects("Wrong Name", TAXONOMY)


# -- broken files: the check must have been seen to refuse them -----------------------------------------------------------------------


def _in_panels(change: Callable[[list[Json]], None]) -> Callable[[list[Json]], None]:
    def apply(objects: list[Json]) -> None:
        attributes = objects[DAILY]["attributes"]
        panels = json.loads(attributes["panelsJSON"])
        change(panels)
        attributes["panelsJSON"] = json.dumps(panels)

    return apply


def _panel(panels: list[Json], index: str) -> Json:
    return next(panel for panel in panels if panel["panelIndex"] == index)


def _in_layer(index: str, change: Callable[[Json, Json], None]) -> Callable[[list[Json]], None]:
    """Change the columns and the drawing of panel `index`."""

    def apply(panels: list[Json]) -> None:
        state = _panel(panels, index)["embeddableConfig"]["attributes"]["state"]
        change(state["datasourceStates"]["formBased"]["layers"][index], state["visualization"])

    return _in_panels(apply)


def _set(record: Json, value: object, *path: str | int) -> None:
    target: Any = record
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value


BREAKS: dict[str, tuple[str, Callable[[list[Json]], None]]] = {
    "an id twice": ("used twice", lambda objects: objects.append(copy.deepcopy(objects[0]))),
    "the data view is missing": ("not in the file", lambda objects: objects.pop(0) and None),
    "a search is missing": ("not in the file", lambda objects: objects.pop(SEARCH) and None),
    "a reference too few": ("its parts need", lambda objects: objects[DAILY]["references"].pop() and None),
    "a reference under another name": ("its parts need", lambda objects: _set(objects[DAILY], "x", "references", 0, "name")),
    "a search without its data view": ("its parts need", lambda objects: objects[SEARCH]["references"].clear()),
    "an id with a space": ("id", lambda objects: _set(objects[0], "a b", "id")),
    "a newer format than Kibana knows": ("coreMigrationVersion", lambda objects: _set(objects[0], "99.0.0", "coreMigrationVersion")),
    "a misspelt property": ("Extra inputs", lambda objects: _set(objects[0], "x", "attributes", "timeField")),
    "panels that are not JSON": ("panelsJSON", lambda objects: _set(objects[DAILY], "[{", "attributes", "panelsJSON")),
    "a panel twice": ("panelIndex is used twice", _in_panels(lambda panels: panels.append(copy.deepcopy(panels[0])))),
    "panels over each other": ("overlap", _in_panels(lambda panels: _set(_panel(panels, "topics"), 0, "gridData", "x"))),
    "a panel beyond the edge": ("out of the grid", _in_panels(lambda panels: _set(_panel(panels, "topics"), 30, "gridData", "x"))),
    "a grid entry of another panel": ("gridData.i", _in_panels(lambda panels: _set(_panel(panels, "topics"), "x", "gridData", "i"))),
    "a column left out of the order": ("columnOrder", _in_layer("share", lambda layer, _: layer["columnOrder"].pop() and None)),
    "numbers before groups": ("before numbers", _in_layer("coverage", lambda layer, _: layer["columnOrder"].reverse())),
    "a formula without a part": (
        "refers to what is not there",
        _in_layer("share", lambda layer, _: _set(layer, ["gone"], "columns", "metric0", "references")),
    ),
    "a formula that computes with others": (
        "other columns than it names",
        _in_layer("share", lambda layer, _: layer["columns"]["metric0X2"]["params"]["tinymathAst"]["args"].reverse()),
    ),
    "an order by nothing": (
        "ordered by what is not there",
        _in_layer("sources", lambda layer, _: _set(layer, "gone", "columns", "by", "params", "orderBy", "columnId")),
    ),
    "groups of the same name": (
        "two groups of the same name",
        _in_layer(
            "fields", lambda layer, _: layer["columns"]["by"]["params"]["filters"].append(layer["columns"]["by"]["params"]["filters"][0])
        ),
    ),
    "an unknown operation": (
        "operationType",
        _in_layer("share", lambda layer, _: _set(layer, "sumup", "columns", "metric0", "operationType")),
    ),
    "a count of a field": (
        "sourceField",
        _in_layer("articles", lambda layer, _: _set(layer, "topic", "columns", "metric0", "sourceField")),
    ),
    "a layer that is not there": ("not there", _in_layer("articles", lambda _, drawing: _set(drawing, "gone", "layerId"))),
    "a number drawn from a group": (
        "not a number",
        _in_layer("coverage", lambda _, drawing: _set(drawing, ["by"], "layers", 0, "accessors")),
    ),
    "an axis of numbers": ("not a group", _in_layer("coverage", lambda _, drawing: _set(drawing, "metric0", "layers", 0, "xAccessor"))),
    "a colour of nothing": (
        "colours what is not drawn",
        _in_layer("coverage", lambda _, drawing: _set(drawing, "gone", "layers", 0, "yConfig", 0, "forAccessor")),
    ),
    "a table without its groups": ("leaves out", _in_layer("sources", lambda _, drawing: drawing["columns"].pop(0) and None)),
    "a table sorted by nothing": ("does not show", _in_layer("sources", lambda _, drawing: _set(drawing, "gone", "sorting", "columnId"))),
    "a link that is no address": (
        "template",
        _in_panels(
            lambda panels: _set(
                _panel(panels, "articles"),
                "javascript:x",
                "embeddableConfig",
                "enhancements",
                "dynamicActions",
                "events",
                0,
                "action",
                "config",
                "url",
                "template",
            )
        ),
    ),
    "a link that opens by magic": (
        "triggers",
        _in_panels(
            lambda panels: _set(
                _panel(panels, "articles"), ["MAGIC"], "embeddableConfig", "enhancements", "dynamicActions", "events", 0, "triggers"
            )
        ),
    ),
    "a drawing of another kind": ("visualization", _in_layer("articles", lambda _, drawing: drawing.pop("metricAccessor") and None)),
}


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_a_broken_file_is_refused(objects: list[Json], name: str) -> None:
    message, change = BREAKS[name]
    broken = copy.deepcopy(objects)
    change(broken)
    with pytest.raises(StructureError, match=message):
        check_structure(broken)
