"""Jobs: the queue, how the loss of each falls, how fast and hot it goes, and a form to submit another."""

from typing import Any

from nicegui import ui

from ground.console.figures import NOTHING, esc, number, octets, quantity, span
from ground.console.figures import clock as time_of_day
from ground.console.parts.entry import Button
from ground.console.parts.form import Form
from ground.console.parts.hazard import HazardGate
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.plot import CURVES, Curve, Plot
from ground.console.parts.said import Said
from ground.console.parts.states import bar, state
from ground.console.parts.table import Row, facts, table
from ground.console.screen import Screen
from ground.events import Stage
from mission.definition import DICTIONARY

NS_PER_S = 1_000_000_000

# Curves that an eye can tell apart.
OVERLAID_MAX = CURVES

# What is plotted beside a job, as far as the spacecraft measures it; by names that the legend has room for.
BESIDE = (
    ("job_tokens_per_s", "speed", 0),
    ("device_power", "power", 1),
    ("device_temperature", "temperature", 1),
    ("battery_charge", "charge", 1),
)

# Before the first report of a job there is nothing to plot; its plot has at least this width.
SPAN_S_MIN = 30.0

PLOT_BEATS = 4
"""A plot is drawn anew once a second: it costs more than the text around it."""


def build(screen: Screen) -> None:
    """Build the page."""
    with ui.element("div").classes("page jobs"):
        _JobsPage(screen).build()


class _JobsPage:
    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._notes: dict[str, Any] = screen.notes.setdefault("jobs", {"job": None, "hidden": set()})
        self._beat = 0
        self._gated: int | None = None

    def build(self) -> None:
        losses = Panel("Loss")
        losses.note.show("training solid, validation dashed; over steps")
        with losses.body:
            self._losses = Plot(self._screen, over_time=False, left="nat")
        side = ui.element("div").classes("stack tall")
        with side:
            queue = Panel("Jobs", "grow")
            self._queue_note = queue.note
            with queue.body:
                self._queue = Markup(on_pick=self._pick)
            submit = Panel("Submit", padded=True)
            with submit.body, ui.element("div").classes("stack"):
                self._form = Form(DICTIONARY.commands["job.submit"], self._proposal())
                with ui.element("div").classes("row"):
                    Button("Submit", self._submit, kind="main")
                self._submit_said = Said()
        with ui.element("div").style("display: grid; gap: var(--gap); grid-template-columns: 1fr 1fr"):
            beside = Panel("Speed, power, heat")
            with beside.body:
                self._beside = Plot(self._screen, over_time=True, left="tokens/s", can_zoom=False)
            self._details_panel = Panel("Job", padded=True)
            with self._details_panel.tools:
                self._pause = Button("Pause", lambda: self._act("pause"))
                self._resume = Button("Resume", lambda: self._act("resume"))
                self._cancel = Button("Cancel", self._gate, kind="danger")
                Button("Report", lambda: self._act("report"))
            with self._details_panel.body, ui.element("div").classes("stack"):
                self._hazard = ui.element("div")
                self._said = Said()
                self._details = Markup()
        self._screen.watch(losses.element, self._look)

    def _proposal(self) -> dict[str, str]:
        known = [int(each) for each in known_jobs(self._screen)]
        return {"job_id": str(max(known, default=0) + 1), "recipe": "tiny", "corpus": "tinyshakespeare"}

    def _submit(self) -> None:
        console = self._screen.console

        def act() -> int:
            return console.operations.commanding.send(self._screen.person, "job.submit", self._form.values())

        command_id = self._screen.attempt(self._submit_said, act)
        if command_id is not None:
            self._submit_said.tell(f"command {command_id} is queued; what becomes of it is on the page Command", "good")

    def _pick(self, key: str, act: str) -> None:
        job_id = int(key)
        if act == "overlay":
            self._notes["hidden"] ^= {job_id}
        else:
            self._notes["job"] = job_id
            self._notes["hidden"] -= {job_id}
        self._beat = 0
        self._screen.look()

    def _act(self, action: str) -> None:
        if self._notes["job"] is not None:
            console, job_id = self._screen.console, self._notes["job"]
            self._screen.attempt(self._said, lambda: console.operations.act_on_job(self._screen.person, job_id, action))

    def _gate(self) -> None:
        job_id = self._notes["job"]
        self._hazard.clear()
        if job_id is None or self._gated == job_id:
            self._gated = None
            return
        self._gated = job_id
        with self._hazard:
            HazardGate(self._screen, DICTIONARY.commands["job.cancel"], lambda: {"job_id": job_id}, self._cancelled)

    def _cancelled(self, command_id: int) -> None:
        self._hazard.clear()
        self._gated = None
        self._said.tell(f"command {command_id} is queued", "good")

    def _look(self) -> None:
        screen = self._screen
        jobs = known_jobs(screen)
        numbers = sorted((int(each) for each in jobs), reverse=True)
        at_work = [each for each in numbers if jobs[str(each)]["state"] in ("RUNNING", "STARTING")]
        if self._notes["job"] is None and numbers:
            self._notes["job"] = (at_work or numbers)[0]
        chosen = self._notes["job"]
        if self._gated is not None and self._gated != chosen:
            self._hazard.clear()
            self._gated = None
        shown = [each for each in numbers if each not in self._notes["hidden"]][:OVERLAID_MAX]
        self._queue_note.show(f"{len(at_work)} at work" if at_work else "")
        self._queue.show(_queue(jobs, numbers, shown, chosen))
        self._look_at_chosen(jobs)
        if self._beat % PLOT_BEATS == 0:
            self._losses.show(_loss_curves(screen, shown))
            beside = _beside_curves(screen, chosen)
            self._beside.show(beside, right="W, degC, %" if any(each.axis for each in beside) else "")
        self._beat += 1

    def _look_at_chosen(self, jobs: dict[str, Any]) -> None:
        chosen = self._notes["job"]
        job = jobs.get(str(chosen))
        state_name = None if job is None else job["state"]
        self._pause.allow(state_name in ("QUEUED", "STARTING", "RUNNING"))
        self._resume.allow(state_name in ("PAUSED", "FAILED"))
        self._cancel.allow(state_name in ("QUEUED", "STARTING", "RUNNING", "PAUSED", "FAILED"))
        if job is None:
            self._details_panel.note.show("")
            self._details.show('<p class="dim">No job was heard of yet.</p>')
            return
        self._details_panel.note.show(f"{chosen} {state(state_name)}")
        self._details.show(_details(self._screen, chosen, job))


def known_jobs(screen: Screen) -> dict[str, Any]:
    """Give the jobs that were heard of, and those that were taken into the queue and have not said anything yet."""
    jobs: dict[str, Any] = dict(screen.state()["jobs"])
    for order in screen.feed.orders:
        if order.name == "job.submit" and order.stage is Stage.COMPLETED:
            silent = {"state": "QUEUED", "progress": None, "report": None, "sample": None, "losses": []}
            jobs.setdefault(str(order.arguments["job_id"]), silent)
    return jobs


def color_of(job_id: int) -> int:
    """Give the colour of a job's curves: the same on every page."""
    return (job_id - 1) % CURVES


def _queue(jobs: dict[str, Any], numbers: list[int], shown: list[int], chosen: int | None) -> str:
    rows = []
    for job_id in numbers:
        job = jobs[str(job_id)]
        progress, report = job["progress"] or {}, job["report"] or {}
        step, steps = progress.get("step") or report.get("step"), progress.get("steps") or report.get("steps")
        is_done = job["state"] == "DONE"
        share = 1.0 if is_done else step / steps if step and steps else 0.0
        color = f"var(--curve-{color_of(job_id) + 1})" if job_id in shown else "var(--line)"
        is_at_work = job["state"] == "RUNNING"
        rows.append(
            Row(
                (
                    f'<i class="swatch" data-act="overlay" style="background:{color}"></i>{job_id}',
                    state(job["state"]),
                    f"{bar(share, 'short done' if is_done else 'short' if is_at_work else 'short idle')} "
                    f'<span class="mono dim">{_of(step, steps) if steps else ""}</span>',
                    span(progress.get("eta")) if is_at_work else "",
                ),
                str(job_id),
                "here" if job_id == chosen else "",
            )
        )
    columns = (("Job", "name"), ("State", "name"), ("Step", "name"), ("ETA", "num"))
    return table(columns, rows, "No job was heard of yet. Submit one below.")


def _details(screen: Screen, job_id: int, job: dict[str, Any]) -> str:
    progress, report = job["progress"] or {}, job["report"] or {}
    latest = {**{name: report.get(name) for name in ("loss", "validation_loss", "step", "steps")}, **progress}
    is_at_work = job["state"] == "RUNNING"
    curve = screen.feed.curves.get(job_id)
    energy = report.get("energy") or _measured(screen, "job_energy", is_at_work)
    pairs = [
        ("step", _of(latest.get("step"), latest.get("steps"))),
        ("loss", quantity(latest.get("loss"), "nat")),
        ("validation loss", quantity(latest.get("validation_loss"), "nat")),
        ("speed", quantity(latest.get("tokens_per_s") if is_at_work else None, "tokens/s")),
        ("time left", span(latest.get("eta")) if is_at_work else NOTHING),
        ("energy", quantity(energy, "J")),
    ]
    if report:
        pairs += [
            ("recipe", f"{esc(report['recipe'])}, corpus {esc(report['corpus'])}, seed {report['seed']}"),
            ("guard", f"{esc(report['guard'])}, {report['faults_mended']} mended"),
            ("worker restarts", number(report["worker_restarts"])),
        ]
        if report["pause_cause"] != "NONE":
            pairs.append(("held by", state("PAUSED", report["pause_cause"].lower())))
        if report["failure"]:
            pairs.append(("failure", f'<span class="alarm-text">{esc(report["failure"])}</span>'))
        if report["weights_sha256"]:
            pairs.append(("weights SHA-256", esc(report["weights_sha256"])))
    checkpoints = "".join(
        f"<div>{time_of_day(unix_ns)} step {number(step)}, {octets(size)}</div>"
        for unix_ns, step, size in reversed(curve.checkpoints[-5:])
    )
    pairs.append((f"checkpoints ({len(curve.checkpoints)})", checkpoints or NOTHING))
    sample = f'<pre class="said" style="white-space:pre-wrap">{esc(job["sample"])}</pre>' if job["sample"] else ""
    return facts(pairs) + sample


def _of(step: int | None, steps: int | None) -> str:
    return NOTHING if not steps else f"{number(step)} of {number(steps)}"


def _measured(screen: Screen, name: str, is_at_work: bool) -> float | None:
    latest = screen.feed.series.latest.get(name)
    return latest.value if latest is not None and is_at_work else None


def _loss_curves(screen: Screen, shown: list[int]) -> list[Curve]:
    found = []
    for job_id in sorted(shown):
        curve = screen.feed.curves.get(job_id)
        if curve.training:
            found.append(Curve(f"job {job_id}", list(curve.training), color_of(job_id)))
        if curve.validation:
            found.append(
                Curve(f"job {job_id} validation", list(curve.validation), color_of(job_id), dashed=True, marked=True)
            )
    return found


def _beside_curves(screen: Screen, job_id: int | None) -> list[Curve]:
    if job_id is None:
        return []
    curve = screen.feed.curves.get(job_id)
    from_s = curve.begun_unix_ns / NS_PER_S
    to_s = min(max(curve.heard_unix_ns / NS_PER_S, from_s + SPAN_S_MIN), screen.unix_ns() / NS_PER_S)
    found = []
    for color, (name, label, axis) in enumerate(BESIDE):
        points = screen.feed.series.points(name, from_s, to_s)
        if any(value is not None for _, value in points):
            found.append(Curve(label, points, color, axis))
    return found
