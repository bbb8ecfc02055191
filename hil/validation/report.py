"""The report of a validation: a table for the console, JSON for machines, one HTML page and a picture for people."""

import html
import io
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot
from rich.table import Table

from hil.validation.measurement import CONFIDENCE, Measurement

_COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#475569")
_RED = "#dc2626"


def table_of(measurements: Sequence[Measurement]) -> Table:
    """Give the table for the console."""
    table = Table(title="what the channel does, and what it was told", title_justify="left")
    for heading in ("profile", "effect", "quantity", "configured", "measured", "interval", "unit", "n", "by", ""):
        is_number = heading in ("configured", "measured", "n")
        table.add_column(heading, justify="right" if is_number else "left")
    for each in measurements:
        mark = "[green]ok[/]" if each.ok else "[red]missed[/]"
        table.add_row(*_cells(each), mark)
    return table


def write_report(folder: Path, measurements: Sequence[Measurement], title: str) -> None:
    """Write ``validation.json``, ``validation.html`` and ``validation.png``.

    Args:
        folder: Where to; it is made.
        measurements: The table.
        title: What was measured and how, in one line.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plain = {
        "title": title,
        "confidence": CONFIDENCE,
        "ok": all(each.ok for each in measurements),
        "measurements": [each.plain() for each in measurements],
    }
    (folder / "validation.json").write_text(json.dumps(plain, indent=2) + "\n")
    figure = _figure(measurements, title)
    figure.savefig(folder / "validation.png", dpi=110)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    pyplot.close(figure)
    picture = "".join(buffer.getvalue().partition("<svg")[1:])
    (folder / "validation.html").write_text(_page(measurements, title, picture), encoding="utf-8")


def _figure(measurements: Sequence[Measurement], title: str) -> Any:
    """Draw where in its interval each configured value lies, one line for each quantity."""
    quantities = list(dict.fromkeys((each.effect, each.quantity) for each in measurements))
    profiles = list(dict.fromkeys(each.profile for each in measurements))
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.24 * len(quantities)))
    axes.axvspan(-1, 1, color="#94a3b8", alpha=0.2, lw=0, label=f"interval of {CONFIDENCE:.2%}, or tolerance")
    axes.axvline(0, color="#94a3b8", lw=1)
    for number, profile in enumerate(profiles):
        mine = [each for each in measurements if each.profile == profile]
        places = [quantities.index((each.effect, each.quantity)) + 0.16 * (number - len(profiles) / 2) for each in mine]
        axes.plot(
            [_place(each) for each in mine], places, "o", ms=4, color=_COLOURS[number % len(_COLOURS)], label=profile
        )
    for each in measurements:
        if not each.ok:
            axes.plot(_place(each), quantities.index((each.effect, each.quantity)), "x", color=_RED, ms=9)
    axes.set_yticks(range(len(quantities)), [f"{effect}: {quantity}" for effect, quantity in quantities], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(-2, 2)
    axes.set_xlabel("configured value, in half widths of the interval from its middle", fontsize=8)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_title(title, fontsize=9, loc="left")
    axes.legend(fontsize=7, loc="lower right", framealpha=0.9)
    figure.tight_layout()
    return figure


def _place(each: Measurement) -> float:
    half = (each.found.high - each.found.low) / 2
    place = (each.configured - (each.found.high + each.found.low) / 2) / half if half else 0.0
    return min(max(place, -1.95), 1.95)


def _cells(each: Measurement) -> list[str]:
    found = each.found
    interval = f"{found.low:.5g} to {found.high:.5g}"
    return [
        each.profile, each.effect, each.quantity, f"{each.configured:.6g}", f"{found.value:.6g}", interval, each.unit,
        f"{found.count:,}", found.method,
    ]  # fmt: skip


def _page(measurements: Sequence[Measurement], title: str, picture: str) -> str:
    is_ok = all(each.ok for each in measurements)
    rows = "".join(
        f"<tr class='{'ok' if each.ok else 'bad'}'><td>{'✓' if each.ok else '✗'}</td>"
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(each))
        + "</tr>"
        for each in measurements
    )
    headings = "<tr><th></th>" + "".join(
        f"<th>{heading}</th>"
        for heading in ("profile", "effect", "quantity", "configured", "measured", "interval", "unit", "n", "by")
    )
    verdict = "pass" if is_ok else "fail"
    style = (resources.files("hil.validation") / "report.css").read_text()
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>validation: {verdict}</title>"
        f"<style>{style}</style></head><body><header><p class='verdict {verdict}'>{verdict.upper()}</p>"
        f"<h1>{html.escape(title)}</h1><p>{sum(each.ok for each in measurements)} of {len(measurements)} configured "
        f"values lie in the interval that was measured.</p></header><section>{picture}</section>"
        f"<section><table>{headings}</tr>{rows}</table></section></body></html>\n"
    )
