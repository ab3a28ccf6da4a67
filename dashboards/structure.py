"""What a file of saved objects must look like, checked without Kibana: shapes, references, columns, the grid.

The shapes are those of the sample dashboards that Kibana ships (docs/dashboards.md); a property that they do not have is refused,
so a misspelt one cannot slip through. `check_structure` is run on every file before it leaves us.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Json, TypeAdapter, ValidationError

GRID_COLUMNS = 48


class StructureError(ValueError):
    """An object is not as Kibana wants it; a defect of ours."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Reference(_Shape):
    type: Literal["index-pattern", "search", "visualization"]
    id: str = Field(min_length=1)
    name: str = Field(min_length=1)


class _Query(_Shape):
    query: str
    language: Literal["kuery"]


# -- Lens ---------------------------------------------------------------------------------------------------------------------------


class _Column(_Shape):
    label: str = Field(min_length=1)
    customLabel: bool = False


class _BucketColumn(_Column):
    isBucketed: Literal[True]


class _ValueColumn(_Column):
    isBucketed: Literal[False]


class _NumberColumn(_ValueColumn):
    dataType: Literal["number"]
    scale: Literal["ratio"]


class _DateParams(_Shape):
    interval: Literal["auto", "1h", "1d", "1w", "1M"]
    includeEmptyRows: bool = True
    dropPartials: bool = False


class DateHistogram(_BucketColumn):
    """Groups by time."""

    operationType: Literal["date_histogram"]
    dataType: Literal["date"]
    scale: Literal["interval"]
    sourceField: str
    params: _DateParams


class _FilterEntry(_Shape):
    input: _Query
    label: str


class _FiltersParams(_Shape):
    filters: list[_FilterEntry] = Field(min_length=1)


class Filters(_BucketColumn):
    """Groups by named conditions."""

    operationType: Literal["filters"]
    dataType: Literal["string"]
    scale: Literal["ordinal"]
    params: _FiltersParams


class _OrderByColumn(_Shape):
    type: Literal["column"]
    columnId: str


class _OrderByName(_Shape):
    type: Literal["alphabetical"]
    fallback: bool = False


class _FormatId(_Shape):
    id: Literal["terms"]


class _TermsParams(_Shape):
    size: int = Field(ge=1, le=1000)
    orderBy: _OrderByColumn | _OrderByName = Field(discriminator="type")
    orderDirection: Literal["asc", "desc"]
    otherBucket: bool
    missingBucket: bool
    parentFormat: _FormatId | None = None
    include: list[str] = []
    exclude: list[str] = []
    includeIsRegex: bool = False
    excludeIsRegex: bool = False


class Terms(_BucketColumn):
    """Groups by the values of a field."""

    operationType: Literal["terms"]
    dataType: Literal["string"]
    scale: Literal["ordinal"]
    sourceField: str
    params: _TermsParams


class _Empty(_Shape):
    emptyAsNull: bool


class CountColumn(_NumberColumn):
    """How many documents."""

    operationType: Literal["count"]
    sourceField: Literal["___records___"]
    filter: _Query | None = None
    params: _Empty | None = None


class UniqueCount(_NumberColumn):
    """How many values."""

    operationType: Literal["unique_count"]
    sourceField: str
    params: _Empty | None = None


class LatestColumn(_ValueColumn):
    """The greatest moment of a date."""

    operationType: Literal["max"]
    dataType: Literal["date"]
    scale: Literal["ratio"]
    sourceField: str
    params: _Empty | None = None


class _Location(_Shape):
    min: int
    max: int


class _Ast(_Shape):
    type: Literal["function"]
    name: Literal["divide", "subtract", "add", "multiply"]
    args: list[str] = Field(min_length=2, max_length=2)
    location: _Location
    text: str


class _MathParams(_Shape):
    tinymathAst: _Ast


class MathColumn(_NumberColumn):
    """What a formula does with its parts."""

    operationType: Literal["math"]
    params: _MathParams
    references: list[str] = Field(min_length=1)


class _Decimals(_Shape):
    decimals: int


class _NumberFormat(_Shape):
    id: Literal["percent", "number"]
    params: _Decimals | None = None


class _FormulaParams(_Shape):
    formula: str = Field(min_length=1)
    isFormulaBroken: Literal[False]
    format: _NumberFormat | None = None


class FormulaColumn(_NumberColumn):
    """A number that is worked out from others."""

    operationType: Literal["formula"]
    params: _FormulaParams
    references: list[str] = Field(min_length=1, max_length=1)


Column = Annotated[
    DateHistogram | Filters | Terms | CountColumn | UniqueCount | LatestColumn | MathColumn | FormulaColumn,
    Field(discriminator="operationType"),
]
_ANY_COLUMN: TypeAdapter[Column] = TypeAdapter(Column)


class _Layer(_Shape):
    columns: dict[str, dict[str, Any]] = Field(min_length=1)
    columnOrder: list[str] = Field(min_length=1)
    incompleteColumns: dict[str, Any] = Field(max_length=0)
    sampling: int = 1


class _Layers(_Shape):
    layers: dict[str, _Layer] = Field(min_length=1)


class _Datasources(_Shape):
    formBased: _Layers


class _MetricDrawing(_Shape):
    layerId: str
    layerType: Literal["data"]
    metricAccessor: str
    color: str = "#000000"


class _TableColumn(_Shape):
    columnId: str
    isTransposed: bool = False


class _Sorting(_Shape):
    columnId: str
    direction: Literal["asc", "desc"]


class _TableDrawing(_Shape):
    layerId: str
    layerType: Literal["data"]
    columns: list[_TableColumn] = Field(min_length=1)
    sorting: _Sorting | None = None


class _YConfig(_Shape):
    forAccessor: str
    color: str = Field(pattern=r"^#[0-9a-f]{6}$")
    axisMode: Literal["left", "right", "auto"]


class _XYLayer(_Shape):
    layerId: str
    layerType: Literal["data"]
    seriesType: Literal["bar_stacked", "line", "bar_horizontal_stacked", "bar", "area_stacked", "bar_horizontal"]
    xAccessor: str
    accessors: list[str] = Field(min_length=1)
    yConfig: list[_YConfig] = []


class _Sides(_Shape):
    x: bool
    yLeft: bool
    yRight: bool


class _Orientations(_Shape):
    x: int
    yLeft: int
    yRight: int


class _Extent(_Shape):
    mode: Literal["full", "dataBounds"]


class _Legend(_Shape):
    isVisible: bool
    position: Literal["top", "bottom", "left", "right"]
    showSingleSeries: bool = False


class _XYDrawing(_Shape):
    legend: _Legend
    valueLabels: Literal["hide", "show"]
    fittingFunction: Literal["None", "Zero", "Linear"]
    yLeftExtent: _Extent
    yRightExtent: _Extent
    axisTitlesVisibilitySettings: _Sides
    tickLabelsVisibilitySettings: _Sides
    labelsOrientation: _Orientations
    gridlinesVisibilitySettings: _Sides
    preferredSeriesType: str
    layers: list[_XYLayer] = Field(min_length=1)


class _LensState(_Shape):
    visualization: dict[str, Any]
    query: _Query
    filters: list[Any] = Field(max_length=0)
    datasourceStates: _Datasources
    internalReferences: list[Any] = Field(max_length=0)
    adHocDataViews: dict[str, Any] = Field(max_length=0)


class _LensAttributes(_Shape):
    title: str
    description: str = ""
    visualizationType: Literal["lnsXY", "lnsMetric", "lnsDatatable"]
    type: Literal["lens"]
    references: list[_Reference] = Field(min_length=1)
    state: _LensState


# -- panels -------------------------------------------------------------------------------------------------------------------------


class _Grid(_Shape):
    x: int = Field(ge=0)
    y: int = Field(ge=0)
    w: int = Field(ge=1, le=GRID_COLUMNS)
    h: int = Field(ge=1)
    i: str


class _Template(_Shape):
    template: str = Field(pattern=r"^https?://")


class _UrlConfig(_Shape):
    url: _Template
    openInNewTab: bool
    encodeUrl: bool


class _UrlAction(_Shape):
    factoryId: Literal["URL_DRILLDOWN"]
    name: str = Field(min_length=1)
    config: _UrlConfig


class _Event(_Shape):
    eventId: str = Field(min_length=1)
    triggers: list[Literal["CONTEXT_MENU_TRIGGER", "VALUE_CLICK_TRIGGER"]] = Field(min_length=1, max_length=1)
    action: _UrlAction


class _Events(_Shape):
    events: list[_Event]


class _Enhancements(_Shape):
    dynamicActions: _Events | None = None


class _LensConfig(_Shape):
    attributes: _LensAttributes
    enhancements: _Enhancements
    hidePanelTitles: bool = False


class _SearchConfig(_Shape):
    enhancements: dict[str, Any] = Field(max_length=0)


class _MarkdownParams(_Shape):
    fontSize: int
    openLinksInNewTab: bool
    markdown: str = Field(min_length=1)


class _Source(_Shape):
    query: _Query
    filter: list[Any] = Field(max_length=0)


class _VisualisationData(_Shape):
    aggs: list[Any] = Field(max_length=0)
    searchSource: _Source


class _Markdown(_Shape):
    title: str
    description: str
    type: Literal["markdown"]
    params: _MarkdownParams
    uiState: dict[str, Any] = Field(max_length=0)
    data: _VisualisationData


class _MarkdownConfig(_Shape):
    savedVis: _Markdown
    enhancements: dict[str, Any] = Field(max_length=0)
    hidePanelTitles: bool


class _Panel(_Shape):
    version: Literal["8.8.0"]
    gridData: _Grid
    panelIndex: str = Field(min_length=1)
    title: str = ""


class _LensPanel(_Panel):
    type: Literal["lens"]
    embeddableConfig: _LensConfig


class _SearchPanel(_Panel):
    type: Literal["search"]
    embeddableConfig: _SearchConfig
    panelRefName: str


class _MarkdownPanel(_Panel):
    type: Literal["visualization"]
    embeddableConfig: _MarkdownConfig


# -- objects ------------------------------------------------------------------------------------------------------------------------


class _FieldFormat(_Shape):
    id: Literal["url", "number", "percent"]
    params: dict[str, str | bool]


class _FieldAttributes(_Shape):
    customLabel: str = Field(min_length=1)


class _RuntimeField(_Shape):
    type: Literal["keyword", "long", "date", "boolean"]


class _DataViewAttributes(_Shape):
    title: str = Field(min_length=1)
    name: str = Field(min_length=1)
    timeFieldName: str = Field(min_length=1)
    fieldFormatMap: Json[dict[str, _FieldFormat]]
    fieldAttrs: Json[dict[str, _FieldAttributes]]
    runtimeFieldMap: Json[dict[str, _RuntimeField]]
    sourceFilters: Json[list[Any]]
    allowNoIndex: bool = False


class _SearchSource(_Shape):
    highlightAll: bool
    version: bool
    query: _Query
    filter: list[Any] = Field(max_length=0)
    indexRefName: Literal["kibanaSavedObjectMeta.searchSourceJSON.index"]


class _SearchMeta(_Shape):
    searchSourceJSON: Json[_SearchSource]


class _SearchAttributes(_Shape):
    title: str = Field(min_length=1)
    description: str
    hits: int
    columns: list[str] = Field(min_length=1)
    sort: list[list[str]] = Field(min_length=1)
    version: Literal[1]
    kibanaSavedObjectMeta: _SearchMeta


class _DashboardMeta(_Shape):
    searchSourceJSON: Json[_Source]


class _Refresh(_Shape):
    pause: bool
    value: int


class _Options(_Shape):
    useMargins: bool
    syncColors: bool
    syncCursor: bool
    syncTooltips: bool
    hidePanelTitles: bool


class _ControlInput(_Shape):
    id: str
    fieldName: str
    title: str
    enhancements: dict[str, Any] = Field(max_length=0)


class _Control(_Shape):
    order: int
    width: Literal["small", "medium", "large"]
    grow: bool
    type: Literal["optionsListControl"]
    explicitInput: _ControlInput


class _IgnoreSettings(_Shape):
    ignoreFilters: bool
    ignoreQuery: bool
    ignoreTimerange: bool
    ignoreValidations: bool


class _ControlGroup(_Shape):
    controlStyle: Literal["oneLine", "twoLine"]
    chainingSystem: Literal["HIERARCHICAL", "NONE"]
    panelsJSON: Json[dict[str, _Control]]
    ignoreParentSettingsJSON: Json[_IgnoreSettings]


class _DashboardAttributes(_Shape):
    title: str = Field(min_length=1)
    description: str
    version: Literal[1]
    timeRestore: Literal[True]
    timeFrom: str = Field(pattern=r"^now-\d+[smhdwMy](/[smhdwMy])?$")
    timeTo: Literal["now"]
    refreshInterval: _Refresh
    optionsJSON: Json[_Options]
    panelsJSON: Json[list[Annotated[_LensPanel | _SearchPanel | _MarkdownPanel, Field(discriminator="type")]]]
    kibanaSavedObjectMeta: _DashboardMeta
    controlGroupInput: _ControlGroup


class _Object(_Shape):
    id: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    references: list[_Reference]
    coreMigrationVersion: Literal["8.8.0"]
    managed: Literal[False]


class DataView(_Object):
    """What to read."""

    type: Literal["index-pattern"]
    typeMigrationVersion: Literal["8.0.0"]
    attributes: _DataViewAttributes


class Search(_Object):
    """A list of documents."""

    type: Literal["search"]
    typeMigrationVersion: Literal["7.9.3"]
    attributes: _SearchAttributes


class DashboardObject(_Object):
    """A page of panels."""

    type: Literal["dashboard"]
    typeMigrationVersion: Literal["8.7.0"]
    attributes: _DashboardAttributes


SavedObject = Annotated[DataView | Search | DashboardObject, Field(discriminator="type")]
_ANY_OBJECT: TypeAdapter[SavedObject] = TypeAdapter(SavedObject)
_DRAWINGS: Mapping[str, type[_MetricDrawing] | type[_TableDrawing] | type[_XYDrawing]] = {
    "lnsMetric": _MetricDrawing,
    "lnsDatatable": _TableDrawing,
    "lnsXY": _XYDrawing,
}


def check_structure(objects: Iterable[Mapping[str, Any]]) -> None:
    """Check a file of saved objects as a whole.

    Raises:
        StructureError: at the first thing that is wrong; names the object and the place in it.
    """
    records = [dict(entry) for entry in objects]
    known = [(entry.get("type"), entry.get("id")) for entry in records]
    _need(len(set(known)) == len(known), "file", "an id is used twice")
    for record in records:
        where = f"{record.get('type')} {record.get('id')}"
        shaped = _shaped(_ANY_OBJECT, record, where)
        names = [reference.name for reference in shaped.references]
        _need(len(set(names)) == len(names), where, "a reference's name is used twice")
        for reference in shaped.references:
            _need((reference.type, reference.id) in known, where, f"refers to {reference.type} {reference.id}, which is not in the file")
        needed: dict[str, str] = {}
        if isinstance(shaped, Search):
            needed[shaped.attributes.kibanaSavedObjectMeta.searchSourceJSON.indexRefName] = "index-pattern"
        elif isinstance(shaped, DashboardObject):
            needed = _check_dashboard(shaped.attributes, where)
        found = {reference.name: reference.type for reference in shaped.references}
        _need(found == needed, where, f"references are {sorted(found.items())}, its parts need {sorted(needed.items())}")


def _shaped(adapter: TypeAdapter[Any], value: object, where: str) -> Any:
    try:
        return adapter.validate_json(json.dumps(value))
    except ValidationError as error:
        first = error.errors()[0]
        raise StructureError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _need(condition: bool, where: str, message: str) -> None:
    if not condition:
        raise StructureError(f"{where}: {message}")


def _check_dashboard(attributes: _DashboardAttributes, where: str) -> dict[str, str]:
    """Check the panels; returns the references that the dashboard needs, name to type."""
    needed: dict[str, str] = {}
    panels = attributes.panelsJSON
    indices = [panel.panelIndex for panel in panels]
    _need(len(set(indices)) == len(indices), where, "a panelIndex is used twice")
    for panel in panels:
        here = f"{where}, panel {panel.panelIndex}"
        _need(panel.gridData.i == panel.panelIndex, here, "gridData.i is not the panelIndex")
        _need(panel.gridData.x + panel.gridData.w <= GRID_COLUMNS, here, "stands out of the grid")
        if isinstance(panel, _SearchPanel):
            needed[f"{panel.panelIndex}:{panel.panelRefName}"] = "search"
        elif isinstance(panel, _LensPanel):
            _check_lens(panel.embeddableConfig.attributes, here)
            for reference in panel.embeddableConfig.attributes.references:
                needed[f"{panel.panelIndex}:{reference.name}"] = reference.type
    for one, other in itertools.combinations(panels, 2):
        a, b = one.gridData, other.gridData
        apart = a.x + a.w <= b.x or b.x + b.w <= a.x or a.y + a.h <= b.y or b.y + b.h <= a.y
        _need(apart, where, f"panels {one.panelIndex} and {other.panelIndex} overlap")
    for name, control in attributes.controlGroupInput.panelsJSON.items():
        _need(control.explicitInput.id == name, where, f"control {name} calls itself {control.explicitInput.id}")
        needed[f"controlGroup_{name}:optionsListDataView"] = "index-pattern"
    return needed


def _check_lens(attributes: _LensAttributes, where: str) -> None:
    layers = attributes.state.datasourceStates.formBased.layers
    referred = sorted(reference.name for reference in attributes.references)
    _need(referred == sorted(f"indexpattern-datasource-layer-{name}" for name in layers), where, "each layer needs one reference")
    drawing = _shaped(TypeAdapter(_DRAWINGS[attributes.visualizationType]), attributes.state.visualization, f"{where}, visualization")
    buckets: dict[str, set[str]] = {}
    numbers: dict[str, set[str]] = {}
    for name, layer in layers.items():
        here = f"{where}, layer {name}"
        _need(sorted(layer.columnOrder) == sorted(layer.columns), here, "columnOrder does not name each column once")
        shaped = {key: _shaped(_ANY_COLUMN, column, f"{here}, column {key}") for key, column in layer.columns.items()}
        buckets[name] = {key for key, column in shaped.items() if column.isBucketed}
        numbers[name] = set(shaped) - buckets[name]
        first_numbers = [key in numbers[name] for key in layer.columnOrder]
        _need(first_numbers == sorted(first_numbers), here, "groups must stand before numbers")
        for key, column in shaped.items():
            if isinstance(column, FormulaColumn | MathColumn):
                _need(set(column.references) <= numbers[name] - {key}, here, f"column {key} refers to what is not there")
            if isinstance(column, Filters):
                labels = [entry.label for entry in column.params.filters]
                _need(len(set(labels)) == len(labels), here, f"column {key} has two groups of the same name")
            if isinstance(column, MathColumn):
                _need(column.params.tinymathAst.args == column.references, here, f"column {key} computes with other columns than it names")
            if isinstance(column, Terms) and isinstance(column.params.orderBy, _OrderByColumn):
                _need(column.params.orderBy.columnId in numbers[name], here, f"column {key} is ordered by what is not there")
    if isinstance(drawing, _XYDrawing):
        for layer_drawing in drawing.layers:
            name = layer_drawing.layerId
            _need(name in layers, where, f"draws layer {name}, which is not there")
            _need(layer_drawing.xAccessor in buckets[name], where, "the x axis is not a group")
            _need(set(layer_drawing.accessors) <= numbers[name], where, "draws what is not a number")
            _need(
                {entry.forAccessor for entry in layer_drawing.yConfig} <= set(layer_drawing.accessors), where, "colours what is not drawn"
            )
        return
    name = drawing.layerId
    _need(name in layers, where, f"draws layer {name}, which is not there")
    if isinstance(drawing, _MetricDrawing):
        _need(drawing.metricAccessor in numbers[name], where, "shows what is not a number")
    else:
        shown = [column.columnId for column in drawing.columns]
        _need(len(set(shown)) == len(shown) and set(shown) <= buckets[name] | numbers[name], where, "shows columns that are not there")
        _need(buckets[name] <= set(shown), where, "leaves out what it groups by")
        _need(drawing.sorting is None or drawing.sorting.columnId in shown, where, "sorts by what it does not show")
