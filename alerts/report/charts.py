"""The charts of a report as PNG, each with what it shows in words."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator, PercentFormatter

from alerts.report.figures import Day, FieldRow
from alerts.report.words import ReportLabels

_OTHER, _NEGATIVE, _BAND, _INK, _QUIET, _GAP = "#9fb3c4", "#c62f2f", "#cfdbe5", "#22303c", "#5b6b78", "#f3e3b3"
_DPI = 160
_MOST_NAMED = 8


def days_chart(days: Sequence[Day], t: ReportLabels, width: int = 1120, height: int = 420) -> bytes:
    """A PNG of the articles of each day, the negative ones apart; days with hours in which nothing was collected are hatched.

    Raises:
        ValueError: when there are no days.
    """
    if not days:
        raise ValueError("a chart needs at least one day")
    figure, axes = _figure(width, height)
    places = range(len(days))
    highest = max([1, *(day.total for day in days)])
    for place, day in zip(places, days, strict=True):
        if day.missing_hours:
            axes.axvspan(place - 0.5, place + 0.5, facecolor=_GAP, edgecolor="#c9ae5a", hatch="///", linewidth=0, zorder=0)
    axes.bar(places, [day.negative for day in days], width=0.74, color=_NEGATIVE, zorder=3)
    axes.bar(places, [day.total - day.negative for day in days], bottom=[day.negative for day in days], width=0.74, color=_OTHER, zorder=3)
    every = 1 if len(days) <= 10 else 5
    axes.set_xticks(list(places)[::every], [f"{day.day.day}/{day.day.month}" for day in days][::every], fontsize=11, color=_INK)
    if len(days) <= 10:
        for place, day in zip(places, days, strict=True):
            axes.annotate(t.number(day.total), (place, day.total), (0, 3), textcoords="offset points", ha="center", fontsize=11, color=_INK)
    axes.set_xlim(-0.6, len(days) - 0.4)
    axes.set_ylim(0, highest * 1.16)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.grid(axis="y", color="#e9edf1", linewidth=0.8, zorder=0)
    keys = [Patch(color=_OTHER, label=t("chart.other")), Patch(color=_NEGATIVE, label=t("chart.negative"))]
    if any(day.missing_hours for day in days):
        keys.append(Patch(facecolor=_GAP, edgecolor="#c9ae5a", hatch="///", label=t("chart.gap")))
    _finish(figure, axes, t("chart.days.title"), keys)
    return _png(figure)


def days_text(days: Sequence[Day], t: ReportLabels) -> str:
    """What the chart of the days shows."""
    most, bad = max(days, key=lambda day: day.total), max(days, key=lambda day: day.negative)
    return t(
        "chart.days",
        first=f"{days[0].day:%d/%m}",
        last=f"{days[-1].day:%d/%m}",
        most=t.number(most.total),
        peak=f"{most.day:%d/%m}",
        bad=t.number(bad.negative),
        bad_day=f"{bad.day:%d/%m}",
        gap=t("chart.days.gap") if any(day.missing_hours for day in days) else "",
    )


def shares_chart(rows: Sequence[tuple[str, FieldRow]], t: ReportLabels, width: int = 1120) -> bytes:
    """A PNG of the negative share of each field beside the range of the periods before.

    Args:
        rows: name and numbers of the fields, in the order from the top.
        t: labels.
        width: pixels.

    Raises:
        ValueError: when there are no rows.
    """
    if not rows:
        raise ValueError("a chart needs at least one field")
    figure, axes = _figure(width, 130 + 52 * len(rows))
    top = 0.05
    for place, (_, row) in enumerate(reversed(rows)):
        if row.range is not None:
            low, high = row.range
            axes.barh(place, max(high - low, 0.004), left=low, height=0.36, color=_BAND, zorder=2)
            top = max(top, high)
        if row.usual_share is not None:
            axes.plot([row.usual_share] * 2, [place - 0.26, place + 0.26], color=_QUIET, linewidth=1.4, zorder=3)
        if row.share is not None:
            colour = _NEGATIVE if row.verdict == "higher" else _INK
            axes.plot(row.share, place, "o", markersize=8, color=colour, zorder=4, clip_on=False)
            right = max(row.share, row.range[1] if row.range else 0.0, row.usual_share or 0.0)
            axes.annotate(t.percent(row.share), (right, place), (9, 0), textcoords="offset points", va="center", fontsize=11,
                          color=colour, fontweight="bold" if row.verdict == "higher" else "normal", zorder=5)  # fmt: skip
            top = max(top, row.share)
    axes.set_yticks(range(len(rows)), [name for name, _ in reversed(rows)], fontsize=11, color=_INK)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.set_xlim(0, min(1.05, top * 1.25))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.grid(axis="x", color="#e9edf1", linewidth=0.8, zorder=0)
    dot = axes.plot([], [], "o", color=_INK, label=t("chart.now"))[0]
    _finish(figure, axes, t("chart.shares.title"), [dot, Patch(color=_BAND, label=t("chart.before"))])
    return _png(figure)


def shares_text(rows: Sequence[tuple[str, FieldRow]], t: ReportLabels) -> str:
    """What the chart of the shares shows."""
    told = [
        f"{name} {t.percent(row.share)}" + (f" ({t.percent(row.range[0])}–{t.percent(row.range[1])})" if row.range else "")
        for name, row in rows[:_MOST_NAMED]
    ]
    return t("chart.shares", shares="; ".join(told))


def _figure(width: int, height: int) -> tuple[Figure, Axes]:
    # The figure is its own: pyplot's shared state is not safe in a server.
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _finish(figure: Figure, axes: Axes, title: str, keys: Sequence[Artist]) -> None:
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color("#b5c0ca")
    axes.tick_params(axis="both", length=0, pad=9, labelsize=11, colors=_INK)
    axes.set_title(title, loc="left", fontsize=12.5, fontweight="bold", color=_INK)
    figure.legend(handles=keys, loc="outside upper right", ncols=len(keys), frameon=False, fontsize=10.5)


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
