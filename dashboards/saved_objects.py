"""The file that Kibana imports: one saved object per line (NDJSON), with ids that stay the same from build to build.

An object says which version of Kibana's format it is written in (`coreMigrationVersion`, `typeMigrationVersion`, the panels'
`version`); Kibana brings older ones up to its own when it imports them. The versions here are those of the sample
dashboards that Kibana 9 itself ships.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

from dashboards.definitions import RELEVANT, ArticleList, Dashboard, Note, Panel, Place, Time
from dashboards.desk import drilldowns, search_address
from dashboards.lens import kql, layer_reference, lens_attributes
from dashboards.pages import every_dashboard
from diembao.errors import UsageError
from diembao.settings import Settings
from diembao.taxonomy import Name, Taxonomy
from index.elasticsearch_engine import ElasticsearchEngine

Json = dict[str, Any]

LANGUAGES = ("vi", "en")
PANEL_VERSION = "8.8.0"
_CORE_VERSION = "8.8.0"
_TYPE_VERSIONS = {"index-pattern": "8.0.0", "search": "7.9.3", "dashboard": "8.7.0"}

FROM_RECORD = ("record.title", "record.url")
"""Parts of the stored record that are not indexed: Elasticsearch reads them from the document where a list shows them."""

FIELD_NAMES = {
    "record.title": Name(vi="Tiêu đề", en="Title"),
    "record.url": Name(vi="Bài gốc", en="Original"),
    "id": Name(vi="Điểm Báo", en="Điểm Báo"),
    "source": Name(vi="Nguồn", en="Source"),
    "kind": Name(vi="Loại nguồn", en="Kind of source"),
    "topic": Name(vi="Chủ đề", en="Topic"),
    "place": Name(vi="Địa phương", en="Place"),
    "sentiment": Name(vi="Sắc thái", en="Sentiment"),
    "critical_of": Name(vi="Phê phán ai", en="Critical of"),
    "subject": Name(vi="Sự việc", en="Story"),
    "published_at": Name(vi="Đăng lúc", en="Published"),
    "first_seen_at": Name(vi="Thu được lúc", en="Found"),
}
"""What columns are called; a data view has one name for a field, so it is in both languages."""


def read_alias_of(settings: Settings) -> str:
    """The alias that the office's Elasticsearch is read by; the default one where the embedded engine is used so far.

    Raises:
        ConfigError: when DIEMBAO_INDEX cannot be used.
    """
    if settings.index == "sqlite":
        return "diembao-articles"
    engine = ElasticsearchEngine(settings.index)  # connects with the first request only
    engine.close()
    return engine.read_alias


def saved_objects(read_alias: str, taxonomy: Taxonomy, desk: str = "") -> list[Json]:
    """Everything that is imported, in an order in which nothing refers to something that comes later.

    Args:
        read_alias: what the data view reads (`ElasticsearchEngine.read_alias`); the ids begin with it.
        taxonomy: names of topics and fields.
        desk: address of our staff page ("https://diembao.example.vn"), for links to articles and searches; empty: no links.

    Raises:
        ConfigError: when the taxonomy's names or keys cannot be shown.
        UsageError: when `desk` is not an http(s) address, or `read_alias` cannot be the name of an alias.
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,200}", read_alias):
        raise UsageError(f"{read_alias!r} cannot be the name of an alias", "Use small letters, digits and hyphens")
    if desk and (urlsplit(desk).scheme not in ("http", "https") or not urlsplit(desk).netloc):
        raise UsageError(f"{desk!r} is not the address of a page", "Write it like https://diembao.example.vn")
    desk = desk.rstrip("/")
    dashboards = every_dashboard(taxonomy)
    times = dict.fromkeys(dashboard.time for dashboard in dashboards)
    objects = [_data_view(read_alias, time, desk) for time in times]
    for language in LANGUAGES:
        for dashboard in dashboards:
            objects += [_search(read_alias, dashboard.time, entry, language) for entry in dashboard.lists]
            objects.append(_dashboard(read_alias, dashboard, language, desk))
    return objects


def to_ndjson(objects: list[Json]) -> str:
    """The objects as the lines of a file."""
    return "".join(json.dumps(entry, ensure_ascii=False, separators=(",", ":")) + "\n" for entry in objects)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _object(kind: str, identity: str, attributes: Json, references: list[Json]) -> Json:
    return {
        "type": kind,
        "id": identity,
        "attributes": attributes,
        "references": references,
        "coreMigrationVersion": _CORE_VERSION,
        "typeMigrationVersion": _TYPE_VERSIONS[kind],
        "managed": False,
    }


def _reference(kind: str, identity: str, name: str) -> Json:
    return {"type": kind, "id": identity, "name": name}


def _view_id(read_alias: str, time: Time) -> str:
    """The id of the data view by `time`: Kibana knows one date per data view."""
    return read_alias if time == "published_at" else f"{read_alias}-collected"


def _data_view(read_alias: str, time: Time, desk: str) -> Json:
    formats: Json = {"record.url": {"id": "url", "params": {"openLinkInCurrentTab": False}}}
    if desk:
        for field in ("source", "place"):
            params = {
                "urlTemplate": f"{desk}/search?{field}={{{{value}}}}&copies=1",
                "labelTemplate": "{{value}}",
                "openLinkInCurrentTab": False,
            }
            formats[field] = {"id": "url", "params": params}
        formats["id"] = {
            "id": "url",
            "params": {"urlTemplate": f"{desk}/articles/{{{{value}}}}", "labelTemplate": "Mở / Open", "openLinkInCurrentTab": False},
        }
    both = {field: {"customLabel": name.vi if name.vi == name.en else f"{name.vi} / {name.en}"} for field, name in FIELD_NAMES.items()}
    attributes = {
        "title": read_alias,
        "name": f"Điểm Báo ({_view_id(read_alias, time)})",
        "timeFieldName": time,
        "fieldFormatMap": _compact(formats),
        "fieldAttrs": _compact(both),
        "runtimeFieldMap": _compact({field: {"type": "keyword"} for field in FROM_RECORD}),
        "sourceFilters": "[]",
        "allowNoIndex": True,  # dashboards may be imported before the first article is indexed
    }
    return _object("index-pattern", _view_id(read_alias, time), attributes, [])


def _search_id(read_alias: str, entry: ArticleList, language: str) -> str:
    return f"{read_alias}-{entry.key}-{language}"


def _search(read_alias: str, time: Time, entry: ArticleList, language: str) -> Json:
    reference = "kibanaSavedObjectMeta.searchSourceJSON.index"
    source = {"highlightAll": True, "version": True, "query": kql((entry.where & RELEVANT).kql), "filter": [], "indexRefName": reference}
    attributes = {
        "title": f"Điểm Báo – {entry.title.in_language(language)}",
        "description": "",
        "hits": 0,
        "columns": list(entry.columns),
        "sort": [[time, "desc"]],
        "version": 1,
        "kibanaSavedObjectMeta": {"searchSourceJSON": _compact(source)},
    }
    references = [_reference("index-pattern", _view_id(read_alias, time), reference)]
    return _object("search", _search_id(read_alias, entry, language), attributes, references)


def _dashboard(read_alias: str, dashboard: Dashboard, language: str, desk: str) -> Json:
    view = _view_id(read_alias, dashboard.time)
    panels = [_note_panel(note, dashboard, language, desk) for note in dashboard.notes]
    references: list[Json] = []
    for panel in dashboard.panels:
        panels.append(_lens_panel(view, dashboard, panel, language, desk))
        references.append(_reference("index-pattern", view, f"{panel.key}:{layer_reference(panel.key)}"))
    for entry in dashboard.lists:
        name = f"panel_{entry.key}-list"
        index = f"{entry.key}-list"
        panels.append(
            _panel("search", index, entry.place, {"enhancements": {}}, entry.title.in_language(language)) | {"panelRefName": name}
        )
        references.append(_reference("search", _search_id(read_alias, entry, language), f"{index}:{name}"))
    controls: Json = {}
    for order, (field, name_of_field) in enumerate(dashboard.controls):
        controls[field] = {
            "order": order,
            "width": "medium",
            "grow": True,
            "type": "optionsListControl",
            "explicitInput": {"id": field, "fieldName": field, "title": name_of_field.in_language(language), "enhancements": {}},
        }
        references.append(_reference("index-pattern", view, f"controlGroup_{field}:optionsListDataView"))
    ignore = {"ignoreFilters": False, "ignoreQuery": False, "ignoreTimerange": False, "ignoreValidations": False}
    options = {"useMargins": True, "syncColors": False, "syncCursor": True, "syncTooltips": False, "hidePanelTitles": False}
    attributes = {
        "title": dashboard.title.in_language(language),
        "description": dashboard.description.in_language(language),
        "version": 1,
        "timeRestore": True,
        "timeFrom": dashboard.since,
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 60000},
        "optionsJSON": _compact(options),
        "panelsJSON": _compact(panels),
        "kibanaSavedObjectMeta": {"searchSourceJSON": _compact({"query": kql(RELEVANT.kql), "filter": []})},
        "controlGroupInput": {
            "controlStyle": "oneLine",
            "chainingSystem": "HIERARCHICAL",
            "panelsJSON": _compact(controls),
            "ignoreParentSettingsJSON": _compact(ignore),
        },
    }
    return _object("dashboard", f"{read_alias}-{dashboard.key}-{language}", attributes, references)


def _panel(kind: str, index: str, place: Place, config: Json, title: str = "") -> Json:
    grid = {"x": place.x, "y": place.y, "w": place.w, "h": place.h, "i": index}
    panel: Json = {"version": PANEL_VERSION, "type": kind, "gridData": grid, "panelIndex": index, "embeddableConfig": config}
    return panel | {"title": title} if title else panel


def _lens_panel(view: str, dashboard: Dashboard, panel: Panel, language: str, desk: str) -> Json:
    events = drilldowns(desk, dashboard, panel, language) if desk else []
    config = {
        "attributes": lens_attributes(panel, language, view, dashboard.time),
        "enhancements": {"dynamicActions": {"events": events}} if events else {},
        "hidePanelTitles": panel.form == "number",  # a number says what it is itself
    }
    return _panel("lens", panel.key, panel.place, config, panel.title.in_language(language))


def _note_panel(note: Note, dashboard: Dashboard, language: str, desk: str) -> Json:
    markdown = note.text.in_language(language)
    if desk and dashboard.links:
        links = (f"[{name.in_language(language)}]({search_address(desk, where)})" for name, where in dashboard.links)
        markdown += ("\n\nTrên trang tra cứu: " if language == "vi" else "\n\nOn the search page: ") + " · ".join(links)
    visualisation = {
        "title": "",
        "description": "",
        "type": "markdown",
        "params": {"fontSize": 12, "openLinksInNewTab": True, "markdown": markdown},
        "uiState": {},
        "data": {"aggs": [], "searchSource": {"query": kql(""), "filter": []}},
    }
    return _panel("visualization", note.key, note.place, {"savedVis": visualisation, "enhancements": {}, "hidePanelTitles": True})
