"""The report of a run for people: one HTML file with everything in it, which opens without a network."""

from __future__ import annotations

import html
import io
from importlib import resources
from typing import TYPE_CHECKING, Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot

if TYPE_CHECKING:
    from pathlib import Path

    from hil.run import Result

_INK, _BLUE, _ORANGE, _RED, _GREY = "#1b2430", "#2563eb", "#d97706", "#dc2626", "#94a3b8"

# Marks in the log that are worth a line in the plot, with their colour and name there.
_MARKS = {
    "hil": (_RED, "fault"),
    "event.worker_lost": (_RED, "worker lost"),
    "event.job_resumed": (_BLUE, "resumed from checkpoint"),
    "event.checkpoint_saved": (_GREY, "checkpoint"),
}


def write_report(path: Path, result: Result) -> None:
    """Write the report of a run."""
    verdict = "pass" if result.is_pass else "fail"
    scenario = result.scenario
    loss = _loss_plot(result)
    sections = [
        f"<header><p class='verdict {verdict}'>{verdict.upper()}</p><h1>{_text(scenario.title or scenario.name)}</h1>"
        f"<p>{_text(scenario.name)}, seed {result.seed}, {result.wiring.mode.value} time: "
        f"{result.mission_s:.1f} s of mission in {result.wall_s:.1f} s</p></header>",
        _checks(result),
        f"<section><h2>Training</h2>{loss}</section>" if loss else "",
        f"<section><h2>Link</h2>{_link_plot(result)}{_counters(result)}</section>",
        _commands(result),
        _samples(result),
        _events(result),
        f"<footer><p>Replay: <code>hil run {_text(scenario.name)} --seed {result.seed}</code>"
        f"<br>SHA-256 of all octets on the link, up then down: <code>{result.link_sha256}</code></p></footer>",
    ]
    style = (resources.files("hil") / "report.css").read_text()
    head = f"<meta charset='utf-8'><title>{_text(scenario.name)}: {verdict}</title><style>{style}</style>"
    page = f"<!doctype html><html lang='en'><head>{head}</head><body>"
    path.write_text(page + "\n".join(filter(None, sections)) + "</body></html>\n", encoding="utf-8")


def _checks(result: Result) -> str:
    rows = [
        f"<tr class='{'ok' if check.ok else 'bad'}'><td>{'✓' if check.ok else '✗'}</td><td>{_text(check.name)}</td>"
        f"<td>{_text(check.evidence)}</td></tr>"
        for check in result.checks
    ]
    return f"<section><h2>What was expected, and what was found</h2><table>{''.join(rows)}</table></section>"


def _loss_plot(result: Result) -> str:
    evidence = result.evidence
    if not evidence.losses:
        return ""
    figure, axes = pyplot.subplots(figsize=(10, 4))
    axes.plot(
        [s for s, _, _ in evidence.losses],
        [v for _, _, v in evidence.losses],
        color=_BLUE,
        lw=1.2,
        label="training loss, as it came down",
    )
    if evidence.validation_losses:
        axes.plot(
            [s for s, _, _ in evidence.validation_losses],
            [v for _, _, v in evidence.validation_losses],
            "o-",
            color=_ORANGE,
            ms=4,
            lw=1.2,
            label="validation loss, whole split",
        )
    if result.reference is not None:
        axes.axhline(result.reference.bigram_loss, color=_GREY, ls="--", lw=1, label="bigram model of the split")
    _draw_marks(axes, result)
    axes.set(xlabel="mission time (s)", ylabel="loss (nat)")
    axes.legend(loc="upper right", fontsize=8, framealpha=0.9)
    return _figure(figure)


def _link_plot(result: Result) -> str:
    figure, axes = pyplot.subplots(figsize=(10, 2.6))
    for direction, colour in (("up", _ORANGE), ("down", _BLUE)):
        points = [(seconds, octets) for seconds, which, octets in result.evidence.link_samples if which == direction]
        axes.plot(
            [s for s, _ in points], [o / 1000 for _, o in points], color=colour, lw=1.4, label=f"sent {direction}"
        )
    spans = result.evidence.dropouts
    for index, (direction, start_s, end_s) in enumerate(spans):
        axes.axvspan(
            start_s,
            end_s,
            color=_ORANGE if direction == "up" else _BLUE,
            alpha=0.15,
            lw=0,
            label=None if index else "dropout",
        )
    axes.set(xlabel="mission time (s)", ylabel="octets (thousands)", yscale="symlog")
    axes.legend(loc="upper left", fontsize=8, framealpha=0.9)
    return _figure(figure)


def _draw_marks(axes: Any, result: Result) -> None:
    told = set()
    for seconds, kind, _ in result.evidence.marks:
        if kind in _MARKS:
            colour, label = _MARKS[kind]
            axes.axvline(seconds, color=colour, lw=1, ls=":", label=None if kind in told else label)
            told.add(kind)


def _counters(result: Result) -> str:
    rows = []
    for direction, counts in result.evidence.line_counts.items():
        rows += [(f"{direction}: {name.replace('_', ' ')}", f"{value:,}") for name, value in counts.items()]
    for name, value in result.evidence.counts.items():
        if name.startswith(("station.Frame", "station.Packet", "station.Cop", "spacecraft.Rejected")):
            rows.append((name.replace(".", ": "), f"{value:,}"))
    cells = "".join(f"<tr><td>{_text(name)}</td><td class='number'>{_text(value)}</td></tr>" for name, value in rows)
    return f"<details open><summary>Counters</summary><table>{cells}</table></details>"


def _commands(result: Result) -> str:
    rows = []
    for command in result.evidence.commands.values():
        stages = " → ".join(f"{stage} <small>{seconds:.2f} s</small>" for seconds, stage, _ in command["stages"])
        rows.append(
            f"<tr><td>{_text(command['name'])}</td><td class='number'>{command['tries']}</td><td>{stages}</td></tr>"
        )
    head = "<tr><th>command</th><th>tries</th><th>stages</th></tr>"
    return f"<section><h2>Commands</h2><table>{head}{''.join(rows)}</table></section>"


def _samples(result: Result) -> str:
    return "".join(
        f"<section><h2>What the model of job {job_id} wrote</h2><pre>{_text(text)}</pre></section>"
        for job_id, text in result.evidence.samples.items()
    )


def _events(result: Result) -> str:
    rows = "".join(
        f"<tr><td class='number'>{seconds:.2f}</td><td>{_text(kind.removeprefix('event.'))}</td>"
        f"<td>{_text(text)}</td></tr>"
        for seconds, kind, text in result.evidence.marks
    )
    summary = f"<summary>Events ({len(result.evidence.marks)})</summary>"
    return f"<section><details>{summary}<table>{rows}</table></details></section>"


def _figure(figure: Any) -> str:
    """Give a figure as SVG to stand in the page."""
    figure.tight_layout()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg")
    pyplot.close(figure)
    return buffer.getvalue().partition("<svg")[1] + buffer.getvalue().partition("<svg")[2]


def _text(value: object) -> str:
    return html.escape(str(value))
