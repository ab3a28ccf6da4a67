"""Ways from a dashboard to our search page, with the same condition: its address is a contract (`web.searching.addresses`)."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import quote, urlencode

from dashboards.definitions import Condition, Dashboard, Panel, Values

Json = dict[str, Any]

SEARCH_FILTERS = frozenset({"topic", "sentiment", "critical_of", "place", "source", "kind"})
"""Fields that the search page narrows by under the same name."""
_TIME = "&".join(f'{name}={{{{date context.panel.timeRange.{name} "YYYY-MM-DD"}}}}' for name in ("from", "to"))


def search_address(desk: str, condition: Condition) -> str:
    """The address of the search page that shows the articles of `condition`, copies one by one as the dashboards count them.

    Raises:
        ValueError: when the page cannot be narrowed so; a defect of ours.

    >>> from dashboards.definitions import one_of
    >>> search_address("https://diembao.example.vn", one_of("topic", ["security", "traffic"]))
    'https://diembao.example.vn/search?topic=security&topic=traffic&copies=1'
    """
    if condition.since or condition.missing or any(name not in SEARCH_FILTERS for name, _ in condition.values):
        raise ValueError(f"the search page cannot be narrowed to {condition.kql}")
    fields = [name for name, _ in condition.values]
    if len(set(fields)) < len(fields):
        raise ValueError(f"the search page cannot be narrowed twice by one field: {condition.kql}")
    parameters = [(name, value) for name, values in condition.values for value in values]
    return f"{desk}/search?{urlencode([*parameters, ('copies', '1')], quote_via=quote)}"


def drilldowns(desk: str, dashboard: Dashboard, panel: Panel, language: str) -> list[Json]:
    """What Kibana offers on the panel besides its own menu; its template is Handlebars, filled in by Kibana.

    The panel's menu leads to its articles in the time that the reader looks at; a click on a source or place to those of that one.
    Kibana shows these with a paid subscription only, so every dashboard has plain links in its note too.
    """
    name = "Mở trên trang Điểm Báo" if language == "vi" else "Open on the Điểm Báo page"
    address = search_address(desk, panel.where)
    events = []
    if dashboard.time == "published_at":
        address += f"&{_TIME}"
        events.append(_event(panel, "CONTEXT_MENU_TRIGGER", name, address))
    if isinstance(panel.by, Values) and panel.by.field in SEARCH_FILTERS:
        clicked = f"{address}&{panel.by.field}={{{{encodeURIComponent event.value}}}}"
        events.append(_event(panel, "VALUE_CLICK_TRIGGER", name, clicked))
    return events


def _event(panel: Panel, trigger: Literal["CONTEXT_MENU_TRIGGER", "VALUE_CLICK_TRIGGER"], name: str, template: str) -> Json:
    # Everything in the template is percent-encoded already: Kibana must not do it a second time.
    config = {"url": {"template": template}, "openInNewTab": True, "encodeUrl": False}
    action = {"factoryId": "URL_DRILLDOWN", "name": name, "config": config}
    return {"eventId": f"{panel.key}-{trigger.lower().replace('_', '-')}", "triggers": [trigger], "action": action}
