"""A plot: lines over steps or over time, with gaps left open and limits as bands. Apache ECharts draws it as SVG.

Colours are those of the theme, by name, so that a change of theme needs no word with the station.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nicegui import ui

from ground.alarms.life_cycle import Level
from ground.console.limits import Band
from ground.console.screen import Screen

CURVES = 6
"""Colours of lines that the theme has."""

# As in the theme. The name of a variable would be measured as another font than it is drawn in.
_MONO = 'ui-monospace, "JetBrains Mono", "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", "Liberation Mono", monospace'


_BAND_COLORS = {Level.WARNING: "var(--warn)", Level.CRITICAL: "var(--alarm)"}


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a plot."""

    name: str
    points: Sequence[tuple[float, float | None]]
    """A value of None breaks the line."""
    color: int = 0
    axis: int = 0
    """0 is at the left, 1 at the right."""
    dashed: bool = False
    marked: bool = False
    """Whether each point is marked: few points are better seen so."""
    bands: Sequence[tuple[Level, Band]] = ()
    """Spans of values that are out of limits."""


class Plot:
    """The plot.

    Args:
        screen: Whose; its text is as large as the screen's.
        over_time: Whether it is over Unix time in milliseconds; else over steps.
        left: What is at the left axis.
        right: What is at the right axis, if there is one.
        can_zoom: Whether a span can be chosen with the wheel and the slider below.
    """

    def __init__(self, screen: Screen, *, over_time: bool, left: str, right: str = "", can_zoom: bool = True) -> None:
        self._screen = screen
        self._over_time = over_time
        self._text_px = screen.plot_text_px
        self._span: tuple[float, float] | None = None
        self._left, self._right, self._can_zoom = left, right, can_zoom
        self._shown: list[Curve] | None = None
        self.element = ui.echart(self._options([]), renderer="svg").classes("plot")

    def show(
        self,
        curves: Sequence[Curve],
        *,
        left: str | None = None,
        right: str | None = None,
        span: tuple[float, float] | None = None,
    ) -> None:
        """Show these lines from now on; nothing is sent if they are what is shown.

        Args:
            curves: The lines.
            left: What is at the left axis from now on, if that is new.
            right: The same at the right.
            span: What the plot covers, in seconds or steps; else as much as there are points.
        """
        if left is not None:
            self._left = left
        if right is not None:
            self._right = right
        curves = list(curves)
        now = (span, self._screen.plot_text_px)
        if curves == self._shown and now == (self._span, self._text_px):
            return
        self._shown = curves
        self._span, self._text_px = now
        self.element.options.clear()
        self.element.options.update(self._options(curves))
        self.element.update()

    def _options(self, curves: Sequence[Curve]) -> dict[str, Any]:
        axis_line = {"lineStyle": {"color": "var(--line)"}}
        labels = {"color": "var(--dim)", "fontFamily": _MONO, "fontSize": self._text_px, "hideOverlap": True}
        split = {"lineStyle": {"color": "var(--line-soft)"}}
        has_right = bool(self._right)
        scale = 1000 if self._over_time else 1
        text_px = self._text_px

        def value_axis(name: str, side: str) -> dict[str, Any]:
            return {
                "type": "value",
                "name": name,
                "position": side,
                "scale": True,
                "nameTextStyle": {"color": "var(--dim)", "align": side, "fontSize": self._text_px, "fontFamily": _MONO},
                "axisLabel": labels,
                "axisLine": {"show": False},
                "axisTick": {"show": False},
                "splitLine": split if side == "left" else {"show": False},
            }

        zoom: list[dict[str, Any]] = []
        if self._can_zoom:
            zoom = [
                {"type": "inside", "filterMode": "none"},
                {
                    "type": "slider",
                    "filterMode": "none",
                    "height": 14,
                    "bottom": 4,
                    "showDetail": False,
                    "brushSelect": False,
                    "borderColor": "var(--line)",
                    "backgroundColor": "none",
                    "fillerColor": "var(--accent-soft)",
                    "handleStyle": {"color": "var(--panel)", "borderColor": "var(--faint)"},
                    "moveHandleSize": 0,
                    "dataBackground": {"lineStyle": {"color": "var(--line)"}, "areaStyle": {"opacity": 0}},
                    "selectedDataBackground": {"lineStyle": {"color": "var(--faint)"}, "areaStyle": {"opacity": 0}},
                },
            ]
        return {
            "animation": False,
            "grid": {
                "left": 8,
                "right": 2 * text_px if not has_right else 8,
                # With a name at the right too, what the lines are called has a line of its own above both.
                "top": (5 if has_right else 3) * text_px,
                "bottom": 26 if self._can_zoom else 6,
                "containLabel": True,
            },
            "legend": {
                "top": 2,
                "left": 8 if has_right else 13 * text_px,
                "right": 8,
                "align": "left",
                "type": "scroll",
                "itemWidth": 14,
                "itemHeight": 2,
                "icon": "rect",
                "textStyle": {"color": "var(--dim)", "fontSize": self._text_px, "fontFamily": _MONO},
                "pageIconColor": "var(--dim)",
                "pageIconInactiveColor": "var(--line)",
                "pageIconSize": 9,
                "pageTextStyle": {"color": "var(--dim)", "fontSize": self._text_px},
                "inactiveColor": "var(--line)",
                "data": [each.name for each in curves if not each.dashed],
            },
            "tooltip": {
                "trigger": "axis",
                "confine": True,
                "backgroundColor": "var(--panel)",
                "borderColor": "var(--line)",
                "padding": [5, 9],
                "textStyle": {"color": "var(--text)", "fontFamily": _MONO, "fontSize": self._text_px},
                "axisPointer": {"lineStyle": {"color": "var(--faint)"}},
            },
            "xAxis": {
                "type": "time" if self._over_time else "value",
                "min": "dataMin" if self._span is None else self._span[0] * scale,
                "max": "dataMax" if self._span is None else self._span[1] * scale,
                "axisLabel": labels,
                "axisLine": axis_line,
                "axisTick": axis_line,
                "splitLine": {"show": False},
            },
            "useUTC": True,
            "yAxis": [value_axis(self._left, "left"), *([value_axis(self._right, "right")] if has_right else [])],
            "dataZoom": zoom,
            "series": [self._series(each) for each in curves],
        }

    def _series(self, curve: Curve) -> dict[str, Any]:
        color = f"var(--curve-{curve.color % CURVES + 1})"
        scale = 1000 if self._over_time else 1
        series: dict[str, Any] = {
            "type": "line",
            "name": curve.name,
            "yAxisIndex": curve.axis,
            "data": [[at * scale, value] for at, value in curve.points],
            "showSymbol": curve.marked or len(curve.points) == 1,
            "symbol": "circle",
            "symbolSize": 5,
            "connectNulls": False,
            "lineStyle": {"color": color, "width": 1.5, "type": "dashed" if curve.dashed else "solid"},
            "itemStyle": {"color": color},
            "emphasis": {"disabled": True},
        }
        if curve.bands:
            series["markArea"] = {
                "silent": True,
                "data": [
                    [
                        {"itemStyle": {"color": _BAND_COLORS[level], "opacity": 0.10}}
                        | ({"yAxis": low} if low is not None else {"y": "100%"}),
                        {"yAxis": high} if high is not None else {"y": "0%"},
                    ]
                    for level, (low, high) in curve.bands
                ],
            }
        return series
