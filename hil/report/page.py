"""The page: verdict, what was expected and found, timeline, training, power and heat, link, commands, events.

Style, drawings and data stand in the file itself, so it can be mailed, printed, and opened on a plane.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from hil.report.chart import Chart
from hil.report.layers import layers
from hil.report.scale import clock
from hil.report.timeline import timeline

if TYPE_CHECKING:
    from pathlib import Path

    from hil.run.run import Result

# Rows beyond this are in events.jsonl and result.json, which are there for programs.
ROWS_MAX = 2_000

# A longer table is folded away, so that what comes below it is found.
ROWS_OPEN_MAX = 60

# Marks in the log that are worth a line in the plot of losses, with their style and name there.
_MARKS = {
    "hil": ("bad", "fault"),
    "event.worker_lost": ("bad", "worker lost"),
    "event.fault_mended": ("bad", "struck, and mended"),
    "event.job_resumed": ("blue", "resumed from checkpoint"),
    "event.checkpoint_saved": ("faint", "checkpoint"),
}

# Octets sent are told as a rate over so many parts of the mission.
RATE_BINS = 240


def write_report(path: Path, result: Result) -> None:
    """Write the report of a run."""
    path.write_text(render(result), encoding="utf-8")


def render(result: Result) -> str:
    """Give the page."""
    verdict = "pass" if result.is_pass else "fail"
    scenario = result.scenario
    sections = [
        _header(result, verdict),
        _section("expected", "What was expected, and what was found", _checks(result)),
        _section("timeline", "Timeline", timeline(result.evidence, result.mission_s)),
        _section("training", "Training", _losses(result)),
        _section("power", "Power and temperature", _power(result) + _heat(result)),
        _section("link", "Link", _rates(result) + _looks(result)),
        _section("layers", "Layer by layer", layers(scenario, result.evidence)),
        _section("commands", "Commands", _commands(result)),
        _section("files", "Files", _files(result)),
        *(
            _section("sample", f"What the model of job {job_id} wrote", f"<pre>{_text(text.strip())}</pre>")
            for job_id, text in result.evidence.samples.items()
        ),
        *(
            _section("chat", f"Conversation {number}", _turns(turns))
            for number, turns in result.evidence.conversations.items()
        ),
        _section("events", "Events", _events(result)),
        _footer(result),
    ]
    style = (resources.files("hil.report") / "page.css").read_text()
    head = (
        "<meta charset='utf-8'><meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{_text(scenario.name)}: {verdict}</title><style>{style}</style>"
    )
    return (
        f"<!doctype html><html lang='en'><head>{head}</head><body>"
        + "\n".join(filter(None, sections))
        + "</body></html>\n"
    )


def _header(result: Result, verdict: str) -> str:
    scenario = result.scenario
    kept = sum(check.ok for check in result.checks)
    cards = [(f"{kept} of {len(result.checks)}", "expectations met"), *_cards(result)]
    shown = "".join(
        f"<div class='card'><strong>{_text(value)}</strong><span>{_text(name)}</span></div>" for value, name in cards
    )
    return (
        f"<header><div class='verdict {verdict}'>{verdict.upper()}</div>"
        f"<div><h1>{_text(scenario.title or scenario.name)}</h1><p>scenario <b>{_text(scenario.name)}</b>"
        f" · seed <b>{result.seed}</b> · profile <b>{_text(scenario.link.profile)}</b> ·"
        f" {_text(result.wiring.text)}</p></div></header><div class='cards'>{shown}</div>"
    )


def _cards(result: Result) -> Iterator[tuple[str, str]]:
    evidence = result.evidence
    yield clock(result.mission_s), f"of mission, in {result.wall_s:.1f} s"
    faults = sum(kind == "hil" for _, kind, _ in evidence.marks)
    yield f"{faults} + {len(evidence.cuts)}", "faults, and cuts of the link"
    again = sum(command["tries"] > 1 for command in evidence.commands.values())
    yield f"{len(evidence.commands)}", f"commands, {again} sent more than once"
    for job_id, report in sorted(evidence.job_reports.items())[:2]:
        loss = report.get("validation_loss")
        if loss is not None:
            yield f"{loss:.3f}", f"validation loss of job {job_id}, {report['state']}"


def _checks(result: Result) -> str:
    rows = "".join(
        f"<tr class='{'ok' if check.ok else 'bad'}'><td class='tick-mark'>{'✓' if check.ok else '✗'}</td>"
        f"<td>{_text(check.name)}</td><td class='evidence'>{_text(check.evidence)}</td></tr>"
        for check in sorted(result.checks, key=lambda check: check.ok)
    )
    return f"<table>{rows}</table>"


def _losses(result: Result) -> str:
    evidence = result.evidence
    told = (*evidence.losses.values(), *evidence.validation_losses.values())
    values = [value for points in told for _, _, value in points]
    if not values:
        return ""
    if result.reference is not None:
        values.append(result.reference.bigram_loss)
    chart = Chart("loss over mission time", end_s=result.mission_s, values=values, unit="nat", height=320)
    _mark(chart, result)
    if result.reference is not None:
        chart.level(result.reference.bigram_loss, "faint", "bigram model of the split")
    submitted = result.scenario.submitted()
    judged = submitted["job_id"] if submitted else next(iter(evidence.losses))
    lines = {job_id: _points(losses) for job_id, losses in evidence.losses.items()}
    for job_id in sorted(set(lines) - {judged}):
        chart.line(lines[job_id], "green", f"training loss of job {job_id}")
    chart.line(lines.get(judged, []), "blue", "training loss")
    validation = _points(evidence.validation_losses.get(judged, []))
    chart.line(validation, "orange", "validation loss, whole split", with_dots=True)
    return chart.svg()


def _points(losses: Iterable[tuple[float, int, float]]) -> list[tuple[float, float]]:
    return [(seconds, value) for seconds, _, value in losses]


def _mark(chart: Chart, result: Result) -> None:
    evidence = result.evidence
    marks = [*evidence.onboard_marks, *(mark for mark in evidence.marks if mark[1] == "hil")]
    for kind, (style, name) in reversed(_MARKS.items()):
        found = marks if evidence.onboard_marks else evidence.marks
        chart.marks([(seconds, text) for seconds, each, text in found if each == kind], style, name)


def _power(result: Result) -> str:
    samples = getattr(result.evidence, "environment_samples", [])
    if not samples:
        return ""
    powers = [value for sample in samples for value in (sample.solar_w, sample.load_w)]
    chart = Chart("power", end_s=result.mission_s, values=powers, unit="W", height=230, from_zero=True)
    _shade(chart, result)
    for field, style, name in (
        ("solar_w", "orange", "from the Sun"),
        ("load_w", "blue", "all loads"),
        ("device_w", "violet", "compute device"),
    ):
        chart.line([(sample.time_s, getattr(sample, field)) for sample in samples], style, name)
    charge = Chart("charge", end_s=result.mission_s, values=[0.0, 100.0], unit="%", height=150, from_zero=True)
    _shade(charge, result)
    charge.line([(sample.time_s, 100 * sample.charge) for sample in samples], "green", "battery charge")
    return chart.svg() + charge.svg()


def _heat(result: Result) -> str:
    samples = getattr(result.evidence, "environment_samples", [])
    if not samples:
        return ""
    fields = (
        ("device_c", "red", "compute device"),
        ("radiator_c", "blue", "radiator"),
        ("battery_c", "green", "battery"),
    )
    values = [getattr(sample, field) for sample in samples for field, _, _ in fields]
    chart = Chart("temperature", end_s=result.mission_s, values=values, unit="°C", height=230)
    _shade(chart, result)
    for field, style, name in fields:
        chart.line([(sample.time_s, getattr(sample, field)) for sample in samples], style, name)
    return chart.svg()


def _shade(chart: Chart, result: Result) -> None:
    spans = [(span.start_s, span.end_s, "eclipse") for span in result.evidence.spans if span.kind == "eclipse"]
    chart.bands(spans, "eclipse", "eclipse")


def _rates(result: Result) -> str:
    bins = {direction: _binned(result, direction) for direction in ("up", "down")}
    values = [value for lines in bins.values() for line in lines for _, value in line]
    if not values:
        return ""
    chart = Chart("rate of the link", end_s=result.mission_s, values=values, unit="bit/s", height=250, is_log=True)
    for direction, style in (("up", "orange"), ("down", "blue")):
        cuts = [
            (start, end, f"{direction}link cut") for which, start, end in result.evidence.cuts if which == direction
        ]
        chart.bands(cuts, style, f"{direction}link cut")
        for steps in bins[direction]:
            chart.line(steps, style, f"sent {direction}")
    return chart.svg()


def _binned(result: Result, direction: str) -> list[list[tuple[float, float]]]:
    """Give what was sent as a rate in bit/s, in equal parts of the mission: a line of steps for those in a row."""
    width_s = max(result.mission_s / RATE_BINS, 0.5)
    sent: dict[int, int] = {}
    before = 0
    for seconds, which, octets in result.evidence.link_samples:
        if which == direction:
            sent[int(seconds // width_s)] = sent.get(int(seconds // width_s), 0) + octets - before
            before = octets
    lines: list[list[tuple[float, float]]] = []
    for number, octets in sorted(sent.items()):
        if octets:
            step = [(at * width_s, 8 * octets / width_s) for at in (number, number + 1)]
            lines[-1].extend(step) if lines and lines[-1][-1][0] == step[0][0] else lines.append(step)
    return lines


def _looks(result: Result) -> str:
    looks = result.evidence.looks
    if not looks:
        return ""
    chart = Chart("elevation", end_s=result.mission_s, values=[0.0, 90.0], unit="°", height=170, from_zero=True)
    for number, station in enumerate(dict.fromkeys(look.station for look in looks)):
        style = ("blue", "orange", "green", "violet")[number % 4]
        for group in _passes([look for look in looks if look.station == station]):
            chart.line([(look.time_s, look.elevation_deg) for look in group], style, f"elevation over {station}")
    nearest, farthest = min(look.range_km for look in looks), max(look.range_km for look in looks)
    return f"{chart.svg()}<p class='note'>Range in contact: {nearest:,.0f} to {farthest:,.0f} km.</p>"


def _passes(looks: list[Any]) -> Iterator[list[Any]]:
    """Give samples pass by pass: there is a gap between two."""
    group: list[Any] = []
    for look in looks:
        if group and look.time_s - group[-1].time_s > 60:
            yield group
            group = []
        group.append(look)
    if group:
        yield group


def _commands(result: Result) -> str:
    commands = list(result.evidence.commands.values())
    given = [command for command in commands if not command["is_automatic"]]
    own = [command for command in commands if command["is_automatic"]]
    groups = ((given, "given by the procedure"), (own, "given by the station by itself, such as confirmations"))
    tables = [(_command_table(group), f"{len(group):,} {what}", len(group)) for group, what in groups if group]
    return "".join(_folded(*table) for table in tables)


def _command_table(commands: Sequence[Mapping[str, Any]]) -> str:
    rows = []
    for command in commands[:ROWS_MAX]:
        stages = command["stages"]
        last = stages[-1][1] if stages else "QUEUED"
        style = {"COMPLETED": "ok", "REFUSED": "bad", "FAILED": "bad", "LOST": "bad"}.get(last, "")
        way = " → ".join(f"{_text(stage.lower())} <small>{clock_fine(seconds)}</small>" for seconds, stage, _ in stages)
        rows.append(
            f"<tr class='{style}'><td class='name'>{_text(command['name'])}</td>"
            f"<td class='number'>{command['tries']}</td><td class='stage'>{_text(last.lower())}</td>"
            f"<td class='way'>{way}</td></tr>"
        )
    head = "<thead><tr><th>command</th><th class='number'>tries</th><th>ended</th><th>its way</th></tr></thead>"
    return f"<table>{head}{''.join(rows)}</table>{_more(len(commands))}"


def _folded(body: str, title: str, rows: int) -> str:
    """Give what is opened by a click, and is open if it is short."""
    is_open = " open" if rows <= ROWS_OPEN_MAX else ""
    return f"<details{is_open}><summary>{_text(title)}</summary>{body}</details>"


def _files(result: Result) -> str:
    rows = "".join(
        f"<tr class='{'ok' if sent and sent == arrived else ''}'><td class='name'>{_text(name)}</td>"
        f"<td><code>{_text(sent[:32])}</code></td>"
        f"<td><code>{_text(arrived[:32] or 'not there')}</code></td></tr>"
        for name, (sent, arrived) in result.evidence.files.items()
    )
    head = "<thead><tr><th>file</th><th>SHA-256 as it was laid</th><th>at the other end</th></tr></thead>"
    return f"<table>{head}{rows}</table>" if rows else ""


def _turns(turns: Sequence[Mapping[str, Any]]) -> str:
    return "".join(f"<p>{_text(turn['prompt'] or '')}</p><pre>{_text(turn['reply'])}</pre>" for turn in turns)


def _events(result: Result) -> str:
    marks = result.evidence.marks
    if not marks:
        return ""
    rows = "".join(
        f"<tr class='{'fault-row' if kind == 'hil' else ''}'><td class='number'>{clock_fine(seconds)}</td>"
        f"<td class='name'>{_text(_source(kind))}</td><td>{_text(text)}</td></tr>"
        for seconds, kind, text in marks[:ROWS_MAX]
    )
    return _folded(f"<table>{rows}</table>{_more(len(marks))}", f"{len(marks):,} events", len(marks))


def _footer(result: Result) -> str:
    command = f"hil run {result.scenario.name} --seed {result.seed} {result.wiring.option} --out DIR"
    corpora = "".join(
        f"<br>Corpus {_text(name)}: {_text(corpus.origin.value)}, SHA-256 <code>{_text(corpus.sha256)}</code>"
        for name, corpus in result.corpora.items()
    )
    return (
        f"<footer><p>Replay: <code>{_text(command)}</code><br>SHA-256 of all octets on the link, up then down: "
        f"<code>{result.link_sha256}</code>{corpora}</p></footer>"
    )


def clock_fine(seconds: float) -> str:
    """Tell a time to the hundredth of a second."""
    return (
        f"{seconds:.2f} s"
        if seconds < 600
        else f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02}:{seconds % 60:05.2f}"
    )


def _source(kind: str) -> str:
    return {"hil": "fault"}.get(kind, kind.removeprefix("event."))


def _more(count: int) -> str:
    return f"<p class='note'>and {count - ROWS_MAX:,} more, in events.jsonl</p>" if count > ROWS_MAX else ""


def _section(name: str, title: str, body: str) -> str:
    return f"<section id='{name}'><h2>{_text(title)}</h2>{body}</section>" if body else ""


def _text(value: object) -> str:
    return html.escape(str(value))
