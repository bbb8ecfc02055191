"""The overview: the job at work, the spacecraft, what happened last, commands on their way, and the next contacts."""

from nicegui import ui

from ground.console.figures import NOTHING, cut, esc, number, shown, span
from ground.console.figures import clock as time_of_day
from ground.console.log import Weight
from ground.console.pages.jobs import color_of, known_jobs
from ground.console.parts.housekeeping import HousekeepingSwitch
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.plot import Curve, Plot
from ground.console.parts.states import STAGE_WORDS, bar, stages, state, weight
from ground.console.parts.strip import NARROW, Strip
from ground.console.parts.table import Row, facts, figures, table
from ground.console.screen import Screen

NS_PER_S = 1_000_000_000

_ORIGINS = frozenset({"spacecraft", "station"})

EVENTS_SHOWN_MAX = 40
COMMANDS_SHOWN_MAX = 20

PLOT_BEATS = 4

_SPACECRAFT = (
    "mode", "allowance", "battery_charge", "solar_power", "bus_load", "device_power", "device_temperature",
    "radiator_temperature", "eclipse_in", "latitude", "longitude", "altitude", "boot_count", "uptime",
    "commands_executed", "jobs_waiting", "faults_mended",
)  # fmt: skip


def build(screen: Screen) -> None:
    """Build the page."""
    beat = [0]

    def look() -> None:
        jobs = known_jobs(screen)
        numbers = sorted(map(int, jobs), reverse=True)
        at_work = next((each for each in numbers if jobs[str(each)]["state"] == "RUNNING"), None)
        chosen = at_work or next(iter(numbers), None)
        job_note.show("" if chosen is None else f"{chosen} {state(jobs[str(chosen)]['state'])}")
        job_figures.show(_job(None if chosen is None else jobs[str(chosen)]))
        if beat[0] % PLOT_BEATS == 0:
            plot.show(_curves(screen, chosen))
        beat[0] += 1
        housekeeping.look()
        spacecraft.show(_spacecraft(screen))
        events.show(_events(screen))
        commands.show(_commands(screen))
        unix_ns = screen.unix_ns()
        hour_ns = 3600 * NS_PER_S
        expected = screen.console.plan.between(unix_ns - hour_ns, unix_ns + 3 * hour_ns)
        contacts.show(
            Strip(unix_ns - hour_ns, unix_ns + 3 * hour_ns, unix_ns, NARROW).draw(expected, screen.feed.contacts)
        )

    with ui.element("div").classes("page overview"):
        panel = Panel("Training", "span-2")
        job_note = panel.note
        with panel.tools:
            Markup().show('<a href="/jobs">all jobs</a>')
        with panel.body.style("display: flex; flex-direction: column"):
            job_figures = Markup("padded")
            with ui.element("div").classes("grow"):
                plot = Plot(screen, over_time=False, left="nat", can_zoom=False)
        side = Panel("Spacecraft", padded=True)
        with side.body:
            housekeeping = HousekeepingSwitch(screen)
            spacecraft = Markup()
        happened = Panel("Events")
        with happened.tools:
            Markup().show('<a href="/events">all events</a>')
        with happened.body:
            events = Markup()
        sent = Panel("Commands")
        with sent.tools:
            Markup().show('<a href="/command">command</a>')
        with sent.body:
            commands = Markup()
        passes = Panel("Contacts", padded=True)
        with passes.tools:
            Markup().show('<a href="/passes">passes</a>')
        with passes.body:
            contacts = Markup()
        screen.watch(panel.element, look)


def _job(job: dict | None) -> str:
    if job is None:
        return '<p class="dim">No job was heard of yet. <a href="/jobs">Submit one.</a></p>'
    report, progress = job["report"] or {}, job["progress"] or {}
    known = {**report, **progress}
    step, steps = known.get("step"), known.get("steps")
    is_at_work = job["state"] == "RUNNING"
    share = 1.0 if job["state"] == "DONE" else step / steps if step and steps else 0.0
    return (
        figures(
            [
                ("step", _small(step, f"of {number(steps)}")),
                ("training loss", _small(known.get("loss"), "nat")),
                ("validation loss", _small(known.get("validation_loss"), "nat")),
                ("speed", _small(known.get("tokens_per_s") if is_at_work else None, "tokens/s")),
                ("time left", span(known.get("eta")) if is_at_work else NOTHING),
            ]
        )
        + f'<div style="margin-top:.4rem">{bar(share, "wide done" if job["state"] == "DONE" else "wide")}</div>'
    )


def _small(value: float | None, unit: str) -> str:
    told = number(value)
    return told if told == NOTHING else f"{told} <small>{unit}</small>"


def _curves(screen: Screen, job_id: int | None) -> list[Curve]:
    if job_id is None:
        return []
    curve = screen.feed.curves.get(job_id)
    found = [Curve("training", list(curve.training), color_of(job_id))] if curve.training else []
    if curve.validation:
        found.append(Curve("validation", list(curve.validation), color_of(job_id), dashed=True, marked=True))
    return found


def _spacecraft(screen: Screen) -> str:
    latest, unix_ns, limits = screen.feed.series.latest, screen.unix_ns(), screen.limits()
    pairs, unmeasured = [], []
    for name in _SPACECRAFT:
        each = latest.get(name)
        if each is None:
            continue
        if shown(each.value) == NOTHING:
            unmeasured.append(name.replace("_", " "))
            continue
        about = limits.declared(name)
        kind = "stale" if each.is_stale(unix_ns) else _text_class(limits.class_of(name, each.value))
        value = span(each.value) if about.unit == "s" else f"{esc(shown(each.value))}"
        unit = "" if about.unit == "s" else f' <span class="unit">{esc(about.unit)}</span>'
        pairs.append((name.replace("_", " "), f'<span class="{kind}">{value}</span>{unit}'))
    told = facts(pairs) if pairs else ""
    if unmeasured:
        told += f'<p class="faint" style="margin-top:.6rem">Not measured on board: {", ".join(unmeasured)}.</p>'
    return told


def _text_class(kind: str) -> str:
    return f"{kind}-text" if kind else ""


def _events(screen: Screen) -> str:
    lines = screen.feed.log.find("", _ORIGINS, Weight.INFORMATIVE, EVENTS_SHOWN_MAX)
    rows = [Row((time_of_day(each.unix_ns), weight(each.weight), esc(cut(each.text)))) for each in lines]
    return table((("UTC", "time"), ("", "name"), ("", "text")), rows, "Nothing happened yet.")


def _commands(screen: Screen) -> str:
    orders = [each for each in screen.feed.orders if not each.is_automatic][:COMMANDS_SHOWN_MAX]
    rows = [
        Row(
            (
                time_of_day(each.unix_ns),
                esc(each.name),
                stages(each.stage),
                state(each.stage.name, STAGE_WORDS[each.stage]),
            )
        )
        for each in orders
    ]
    return table((("UTC", "time"), ("", "text mono"), ("", ""), ("", "name")), rows, "No command was sent yet.")
