"""Charts of a watched series as PNG: what was observed, over the band of what was to be expected."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from io import BytesIO

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alerts.alert_words import AlertLabels, Language
from alerts.wording import number
from diembao.alert import Alert, SeriesPoint
from diembao.clock import VIETNAM

_WEEKDAYS = {"vi": ("T2", "T3", "T4", "T5", "T6", "T7", "CN"), "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")}
_ORDINARY, _ALERTING, _BAND, _LINE, _INK = "#7d93a8", "#c62f2f", "#dfe7ee", "#44586b", "#22303c"


def series_chart(
    points: Sequence[SeriesPoint],
    marked_from: datetime,
    marked_to: datetime,
    language: Language = "vi",
    width: int = 1120,
    height: int = 480,
) -> bytes:
    """A PNG of `points` (consecutive intervals, oldest first; at least one); intervals that touch [marked_from, marked_to) stand out.

    Args:
        points: the series; the expectation and its upper bound are drawn where they are known.
        marked_from: beginning of what the chart is about, aware UTC.
        marked_to: its end, aware UTC.
        language: of the weekdays.
        width: pixels.
        height: pixels.

    Raises:
        ValueError: when there are no points.
    """
    if not points:
        raise ValueError("a chart needs at least one interval")
    step = points[1].start - points[0].start if len(points) > 1 else timedelta(hours=1)
    # The figure is its own: pyplot's shared state is not safe in a server.
    figure = Figure(figsize=(width / 160, height / 160), dpi=160, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    places = list(range(len(points)))
    colours = [_ALERTING if p.start < marked_to and p.start + step > marked_from else _ORDINARY for p in points]
    known = [i for i in places if points[i].upper is not None]
    if known:
        edges = [i + d for i in known for d in (-0.5, 0.5)]
        upper = [points[i].upper or 0.0 for i in known for _ in (0, 1)]
        axes.fill_between(edges, upper, color=_BAND, linewidth=0, zorder=1)
        axes.plot(
            edges, [points[i].expected or 0.0 for i in known for _ in (0, 1)], color=_LINE, linewidth=1.1, linestyle=(0, (3, 2)), zorder=4
        )
    axes.bar(places, [p.observed for p in points], width=0.74, color=colours, zorder=3)
    highest = max(range(len(points)), key=lambda i: (points[i].observed, i))
    if points[highest].observed:
        axes.annotate(str(points[highest].observed), (highest, points[highest].observed), (0, 3), textcoords="offset points", ha="center",
                      fontsize=18, fontweight="bold", color=colours[highest], zorder=5)  # fmt: skip
    ticks, labels = _day_ticks(points, _WEEKDAYS[language])
    axes.set_xticks(ticks, labels, fontsize=16, color=_INK, ha="left")
    axes.set_xlim(-0.6, len(points) - 0.4)
    axes.set_ylim(0, max(3.0, *(p.observed * 1.3 for p in points), *((p.upper or 0) * 1.1 for p in points)))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.tick_params(axis="y", labelsize=16, colors=_INK, length=0)
    axes.tick_params(axis="x", length=3, color="#b5c0ca")
    axes.grid(axis="y", color="#e9edf1", linewidth=0.8, zorder=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#b5c0ca")
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def chart_text(alert: Alert, t: AlertLabels) -> str:
    """What the chart of `alert` shows, for readers who do not see it."""
    if not alert.points:
        return ""
    days = max(1, round((alert.points[-1].start - alert.points[0].start) / timedelta(days=1)))
    before = [p for p in alert.points if p.start < alert.window_start]
    highest = max((p.observed for p in before), default=0)
    expected, unit = number(alert.expected, t.language), alert.unit_in(t.language) or t.unit
    return t("chart", days=days, highest=highest, unit=unit, observed=alert.observed, expected=expected)


def _day_ticks(points: Sequence[SeriesPoint], weekdays: Sequence[str]) -> tuple[list[float], list[str]]:
    """A tick at the first interval of each day, named by its weekday and date; every second one when they would touch."""
    ticks: list[float] = []
    labels: list[str] = []
    last = None
    for index, point in enumerate(points):
        local = point.start.astimezone(VIETNAM)
        if local.date() != last and (last is not None or local.hour == 0):
            ticks.append(index - 0.5)
            labels.append(f"{weekdays[local.weekday()]} {local.day}/{local.month}")
        last = local.date()
    every = max(1, -(-len(ticks) // 4))
    return ticks[::every], labels[::every]
