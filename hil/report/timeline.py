"""The mission at one look: lanes of contact, sky, cuts of the link, mode and jobs over time, with the faults across."""

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hil.report.chart import MARKS_MAX, WIDTH, time_axis
from hil.report.scale import Scale, clock
from hil.run.evidence import Evidence

LEFT, RIGHT = 120, 16
LANE, GAP, TOP = 22, 8, 22

# Jobs have a lane each; beyond this they are in the tables only.
JOB_LANES_MAX = 12

_SKY = {"eclipse": "eclipse", "anomaly": "South Atlantic Anomaly"}


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A span of a lane."""

    start_s: float
    end_s: float
    style: str
    text: str
    """Is written into it, if there is room, and shown over it."""


def timeline(evidence: Evidence, end_s: float) -> str:
    """Draw it."""
    lanes = {name: bars for name, bars in _lanes(evidence, end_s) if bars}
    faults = [(seconds, text) for seconds, kind, text in evidence.marks if kind == "hil"][:MARKS_MAX]
    if not lanes and not faults:
        return ""
    end_s = max(end_s, 1.0)
    x = Scale(0.0, end_s, LEFT, WIDTH - RIGHT)
    bottom = TOP + len(lanes) * (LANE + GAP)
    parts = []
    for number, (name, bars) in enumerate(lanes.items()):
        y = TOP + number * (LANE + GAP)
        parts.append(f"<text class='lane' x='{LEFT - 10}' y='{y + 15}' text-anchor='end'>{html.escape(name)}</text>")
        parts.append(f"<rect class='rail' x='{LEFT}' y='{y}' width='{WIDTH - RIGHT - LEFT}' height='{LANE}' rx='3'/>")
        for bar in bars[:MARKS_MAX]:
            parts += _draw(bar, x, y)
    for seconds, text in faults:
        at = x(seconds)
        parts.append(
            f"<g class='fault'><title>{html.escape(f'{clock(seconds)}: {text}')}</title>"
            f"<line x1='{at:g}' x2='{at:g}' y1='{TOP - 4}' y2='{bottom - GAP + 2}'/>"
            f"<path d='M{at - 5:g} {TOP - 14} h10 l-5 9 z'/></g>"
        )
    parts += time_axis(end_s, x, bottom)
    keys = {bar.style: bar.text.lower() if bar.text.isupper() else bar.text for bars in lanes.values() for bar in bars}
    legend = "".join(_key(f"<rect class='bar {style}' x='1' width='20' height='10'/>", keys[style]) for style in keys)
    if faults:
        legend += _key("<g class='fault'><path d='M6 0 h10 l-5 9 z'/></g>", "fault")
    return (
        f"<figure><div class='legend'>{legend}</div>"
        f"<svg class='chart' viewBox='0 0 {WIDTH} {bottom + 30}' role='img' aria-label='timeline'>"
        f"{''.join(parts)}</svg></figure>"
    )


def _key(drawing: str, name: str) -> str:
    return f"<span><svg class='key' viewBox='0 0 22 10'>{drawing}</svg>{html.escape(name)}</span>"


def _draw(bar: Bar, x: Scale, y: float) -> Iterator[str]:
    left, width = x(bar.start_s), max(x(bar.end_s) - x(bar.start_s), 1.2)
    told = f"{bar.text}: {clock(bar.start_s)} to {clock(bar.end_s)}"
    yield f"<rect class='bar {bar.style}' x='{left:g}' y='{y}' width='{width:g}' height='{LANE}' rx='2'>"
    yield f"<title>{html.escape(told)}</title></rect>"
    # A letter of this size is some seven pixels wide.
    if width > 7 * len(bar.text) + 8:
        middle = left + width / 2
        yield f"<text class='in-bar' x='{middle:g}' y='{y + 15}' text-anchor='middle'>{html.escape(bar.text)}</text>"


def _lanes(evidence: Evidence, end_s: float) -> Iterator[tuple[str, list[Bar]]]:
    yield (
        "contact",
        [
            Bar(start_s=start_s, end_s=end_s if stop_s is None else stop_s, style="contact", text="pass")
            for start_s, stop_s in evidence.contacts
        ],
    )
    yield (
        "sky",
        [
            Bar(start_s=span.start_s, end_s=span.end_s, style=span.kind, text=_SKY[span.kind])
            for span in sorted(evidence.spans, key=lambda span: span.kind != "eclipse")
            if span.kind in _SKY
        ],
    )
    for direction in ("up", "down"):
        yield (
            f"{direction}link cut",
            [
                Bar(start_s=start_s, end_s=stop_s, style="cut", text="cut")
                for which, start_s, stop_s in evidence.cuts
                if which == direction
            ],
        )
    yield "mode", list(_states({0.0: "NOMINAL"}, evidence.modes, end_s, "mode"))
    for job_id in sorted(evidence.job_states)[:JOB_LANES_MAX]:
        yield f"job {job_id}", list(_states({}, evidence.job_states[job_id], end_s, "state"))


def _states(first: Mapping[float, str], changes: list[tuple[float, str]], end_s: float, style: str) -> Iterator[Bar]:
    """Give a bar for each state, up to the change to the next."""
    if not changes:
        return
    changes = [*first.items(), *changes]
    for (start_s, state), (stop_s, _) in zip(changes, [*changes[1:], (end_s, "")], strict=True):
        yield Bar(start_s=start_s, end_s=max(stop_s, start_s), style=f"{style} {state.lower()}", text=state)
