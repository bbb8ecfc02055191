"""The head of every page: link, contact, mode, time, alarms; below it, in words, what is wrong with the station."""

from typing import Any

from nicegui import ui

from ground.alarms.life_cycle import AlarmState, Level
from ground.console.figures import NOTHING, date_clock, esc, rate, span
from ground.console.figures import clock as time_of_day
from ground.console.parts.markup import Markup
from ground.console.parts.states import class_of
from ground.console.screen import Screen

NEW_STATES = frozenset({AlarmState.UNACKNOWLEDGED.name, AlarmState.RETURNED.name})
"""Alarms that nobody has said that they know of."""

NS_PER_S = 1_000_000_000


class Header:
    """The head.

    Args:
        screen: Whose.
    """

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.element = ui.element("header").classes("head")
        with self.element:
            self._cells = Markup()

    def look(self) -> None:
        """Show how things are now."""
        screen = self._screen
        screen.console.follow()
        state = screen.state()
        unix_ns, now_ns = screen.unix_ns(), screen.now_ns()
        is_up = state["link"] == "UP"
        mode = screen.feed.series.latest.get("mode")
        mode_name = NOTHING if mode is None else getattr(mode.value, "name", str(mode.value))
        mode_is_stale = mode is not None and mode.is_stale(unix_ns)
        alarms = screen.console.alarms()
        new = [each for each in alarms if each["state"] in NEW_STATES]
        alarm_class = "alarmed" if any(each["level"] == Level.CRITICAL.name for each in new) else ""
        cells = [
            f'<div class="head-cell"><span class="brand">Starloop</span>'
            f'<span class="what">station {state["source_id"]}</span></div>',
            _cell(
                f"Link, {esc(state['profile'])}",
                f"{state['link']} <small>{_rates(screen, is_up, now_ns)}</small>",
                class_of(state["link"]),
            ),
            _cell(*_contact(screen, is_up, unix_ns)),
            _cell("Mode", esc(mode_name), "idle" if mode_is_stale else class_of(mode_name)),
            _cell("Job", *_job(state)),
            _cell("UTC", time_of_day(unix_ns)),
            _cell("On board", _onboard(screen, state)),
            f'<a class="head-cell last {alarm_class}" href="/alarms"><span class="what">Alarms</span>'
            f'<span class="value {"warn" if alarms and not alarm_class else ""}">{len(alarms) or "none"}'
            f"{f' <small>{len(new)} new</small>' if new else ''}</span></a>",
        ]
        self._cells.show(f'<div class="head-cells">{"".join(cells)}</div>{_replay(screen)}{_troubles(state)}')


def _cell(what: str, value: str, kind: str = "") -> str:
    return f'<div class="head-cell"><span class="what">{what}</span><span class="value {kind}">{value}</span></div>'


def _rates(screen: Screen, is_up: bool, now_ns: int) -> str:
    return rate(screen.feed.downlink_rate_bps(now_ns)) if is_up and screen.replay is None else ""


def _contact(screen: Screen, is_up: bool, unix_ns: int) -> tuple[str, str, str]:
    current, coming = screen.console.plan.current(unix_ns), screen.console.plan.next(unix_ns)
    if current is not None:
        left_s = (current.end_unix_ns - unix_ns) / NS_PER_S
        return f"LOS, {esc(current.station)}", span(left_s), "warn" if left_s < 60 and is_up else ""
    if coming is not None:
        return f"AOS, {esc(coming.station)}", span((coming.begin_unix_ns - unix_ns) / NS_PER_S), ""
    contact = screen.feed.contacts.current
    if contact is not None:
        return "In contact for", span((unix_ns - contact.begin_unix_ns) / NS_PER_S), ""
    latest = next(iter(screen.feed.contacts), None)
    if latest is not None and latest.end_unix_ns is not None:
        return "Silent for", span((unix_ns - latest.end_unix_ns) / NS_PER_S), ""
    return "Contact", "no pass plan", "idle"


def _job(state: dict[str, Any]) -> tuple[str, str]:
    at_work = [(number, job) for number, job in state["jobs"].items() if job["state"] in ("STARTING", "RUNNING")]
    if not at_work:
        return "none", "idle"
    number, job = at_work[-1]
    progress = job["progress"]
    share = f" <small>{100 * progress['step'] / progress['steps']:.0f} %</small>" if progress else ""
    return f"{number} {job['state']}{share}", ""


def _onboard(screen: Screen, state: dict[str, Any]) -> str:
    known = state["onboard_time"]
    if known["offset_ns"] is None:
        return f'{NOTHING} <small title="Time reports correlate it: time.report_rate">not correlated</small>'
    offset_ms = known["offset_ns"] / 1e6
    told = f"{offset_ms:+.0f} ms" if abs(offset_ms) < 10_000 else f"{offset_ms / 1000:+.0f} s"
    return f"{time_of_day(screen.unix_ns() + known['offset_ns'])} <small>{told}</small>"


def _replay(screen: Screen) -> str:
    replay = screen.replay
    if replay is None:
        return ""
    how = "paused" if replay.is_paused else "at its end" if replay.is_over else f"{replay.speed} times as fast"
    return (
        f'<span class="trouble replay">Replay of {date_clock(replay.unix_ns)} UTC, {how}.'
        ' Nothing here is live. <a href="/replay">Replay</a></span>'
    )


def _troubles(state: dict[str, Any]) -> str:
    told = []
    if state.get("archive_trouble"):
        told.append(
            f'<span class="trouble">Archive: {esc(state["archive_trouble"])}. The link goes on without it.</span>'
        )
    if state.get("port") and not state["contact"]:
        told.append(f'<span class="trouble warn">{esc(state["port"])}</span>')
    held = state["files"].get("held")
    if held:
        told.append(f'<span class="trouble warn">Files are held: {esc(held)}</span>')
    return "".join(told)
