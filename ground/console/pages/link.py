"""The link: COP-1, frames and packets on each virtual channel, what was lost, corrected and refused."""

from typing import Any

from nicegui import ui

from ground.console.figures import NOTHING, esc, number, octets, rate, span
from ground.console.parts.entry import Button
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.plot import Curve, Plot
from ground.console.parts.said import Said
from ground.console.parts.states import state
from ground.console.parts.table import Row, facts, table
from ground.console.screen import Screen
from mission.channels import Downlink, Uplink
from mission.link import UplinkCount
from mission.words.link import LINK_STRUCTURE, UPLINK_COUNTS

NS_PER_S = 1_000_000_000

PLOT_S = 900
PLOT_STEP_S = 5
PLOT_BEATS = 4

_DOWN = (
    ("frames", "frames"),
    ("frames_missed", "missed"),
    ("gaps", "gaps"),
    ("duplicates", "repeated"),
    ("refused", "refused"),
    ("symbols_corrected", "RS corrected"),
    ("packets", "packets"),
    ("packets_missed", "missed"),
)
_UP_TITLES = {
    UplinkCount.ACCEPTED: "accepted",
    UplinkCount.CONTROL: "control",
    UplinkCount.DUPLICATE: "repeated",
    UplinkCount.OUT_OF_ORDER: "early",
    UplinkCount.LOCKED_OUT: "locked out",
    UplinkCount.INVALID: "invalid",
    UplinkCount.REFUSED: "refused",
    UplinkCount.MISSING: "missing",
    UplinkCount.PACKETS: "packets",
    UplinkCount.DROPPED: "dropped",
}
_BAD = frozenset({"frames_missed", "gaps", "refused", "packets_missed", "frames_rejected", "packets_rejected"})


def build(screen: Screen) -> None:
    """Build the page."""
    beat = [0]

    def direct(directive: str) -> None:
        screen.attempt(said, lambda: screen.console.operations.cop1(screen.person, directive))

    def look() -> None:
        snapshot = screen.state()
        now_ns = screen.now_ns()
        fop.show(_fop(snapshot["cop1"]))
        farm.show(_farm(snapshot["cop1"]["clcw"], now_ns))
        line.show(_line(screen, snapshot, now_ns))
        down.show(_down(snapshot["channels"]))
        up.show(_up(snapshot["housekeeping"].get(str(LINK_STRUCTURE)), now_ns))
        security.show(_security(snapshot["security"]))
        if beat[0] % PLOT_BEATS == 0:
            now_s = screen.unix_ns() / NS_PER_S
            rates = screen.feed.rates_bps(now_s - PLOT_S, now_s, PLOT_STEP_S)
            points = [(at, value / 1_000) for at, value in rates]
            plot.show([Curve("good frames", points)], span=(now_s - PLOT_S, now_s))
        beat[0] += 1

    with ui.element("div").classes("page link"):
        panel = Panel("Line", padded=True)
        with panel.body:
            line = Markup()
        at_ground = Panel("FOP-1, at the ground", padded=True)
        with at_ground.tools:
            Button("Initiate", lambda: direct("INITIATE_WITH_CLCW_CHECK"))
            Button("Unlock", lambda: direct("INITIATE_WITH_UNLOCK"))
            Button("Terminate", lambda: direct("TERMINATE"))
        with at_ground.body:
            fop = Markup()
            said = Said()
        on_board = Panel("FARM-1, by its CLCW", padded=True)
        with on_board.body:
            farm = Markup()
        with Panel("Virtual channels", "span-2").body:
            down = Markup()
            up = Markup()
        with Panel("Link security", padded=True).body:
            security = Markup()
        with Panel("Good frames, last quarter of an hour", "span-3").body:
            plot = Plot(screen, over_time=True, left="kbit/s", can_zoom=False)
        screen.watch(panel.element, look)


def _line(screen: Screen, snapshot: dict[str, Any], now_ns: int) -> str:
    counters = snapshot["counters"]
    contact = screen.feed.contacts.current
    light_ns = snapshot["onboard_time"]["light_ns"]
    received = counters.get("frames_received", 0)
    rejected = counters.get("frames_rejected", 0)
    share = 100 * rejected / (received + rejected) if received + rejected else None
    pairs = [
        ("link", state(snapshot["link"])),
        ("port", esc(snapshot.get("port") or snapshot.get("link_url") or NOTHING)),
        ("in contact for", NOTHING if contact is None else span((screen.unix_ns() - contact.begin_unix_ns) / NS_PER_S)),
        ("good frames", rate(screen.feed.downlink_rate_bps(now_ns))),
        ("received", octets(counters.get("octets_received"))),
        ("frames rejected", _count("frames_rejected", rejected) + (f" ({share:.2g} %)" if share else "")),
        ("symbols corrected", number(counters.get("symbols_corrected", 0))),
        ("packets rejected", _count("packets_rejected", counters.get("packets_rejected", 0))),
        ("one-way light time", NOTHING if light_ns is None else f"{light_ns / 1e6:.1f} ms"),
    ]
    return facts(pairs)


def _fop(cop1: dict[str, Any]) -> str:
    is_up = cop1["service"] == "UP"
    pairs = [
        ("state", f'<span class="state {"good" if is_up else "notice"}">{esc(cop1["state"])}</span>'),
        ("AD service", esc(cop1["service"]) + (", held down by the operator" if cop1["held"] else "")),
        ("V(S), NN(R)", f"{cop1['vs']}, {cop1['nnr']}"),
        ("on their way", f"{cop1['on_their_way']} frames, {cop1['queued']} queued"),
        ("window", f"{cop1['window']} of at most {cop1['window_max']}"),
        ("T1", f"{cop1['t1_s']:g} s, sent at most {cop1['transmission_limit']} times, timeout {cop1['timeout_type']}"),
        ("up again within", f"{cop1['recovery_bound_s']:.3g} s of contact"),
    ]
    return facts(pairs)


def _farm(clcw: dict[str, Any] | None, now_ns: int) -> str:
    if clcw is None:
        return '<p class="dim">No CLCW was heard yet.</p>'
    flags = [
        f'<span class="state {"alarm" if clcw[name] else "idle"}">{name.replace("_", " ")}</span>'
        for name in ("lockout", "wait", "retransmit", "no_rf_available", "no_bit_lock")
    ]
    pairs = [
        ("N(R)", str(clcw["nr"])),
        ("FARM-B counter", str(clcw["farm_b_counter"])),
        ("flags", " &nbsp; ".join(flags)),
        ("heard", f"{span((now_ns - clcw['time_ns']) / NS_PER_S)} ago"),
    ]
    return facts(pairs) + '<p class="dim"><br>It says that frames arrived, not that commands were accepted.</p>'


def _down(channels: dict[str, dict[str, int]]) -> str:
    names = {str(each.value): each.name.lower() for each in Downlink}
    rows = [
        Row((f"{channel} {names.get(channel, '')}", *(_count(key, counts[key]) for key, _ in _DOWN)))
        for channel, counts in sorted(channels.items())
    ]
    return table((("Down", "name"), *((title, "num") for _, title in _DOWN)), rows, "Nothing came down yet.")


def _up(report: dict[str, Any] | None, now_ns: int) -> str:
    if report is None:
        return '<p class="empty">The spacecraft has not told what came up yet.</p>'
    rows = [
        Row(
            (
                f"{channel.value} {channel.name.lower()}",
                *(number(report["values"].get(UPLINK_COUNTS[channel, count].name)) for count in UplinkCount),
            )
        )
        for channel in Uplink
    ]
    columns = (
        ("Up", "name"),
        *((_UP_TITLES[each], "num") for each in UplinkCount),
    )
    return table(columns, rows)


def _security(counts: dict[str, Any] | None) -> str:
    if counts is None:
        return '<p class="warn-text">No keys: every frame is believed, and commands travel clear.</p>'
    return facts((name, _count(name.partition(":")[0], count)) for name, count in counts.items())


def _count(key: str, count: int) -> str:
    text = number(count)
    return f'<span class="warn-text">{text}</span>' if count and key in _BAD else text
