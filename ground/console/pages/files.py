"""Files: what is on its way and when it will be whole, what lies on board and here, up and down."""

from typing import Any

from nicegui import ui

from ccsds.errors import MisuseError
from ground.console.figures import NOTHING, cut, date_clock, esc, octets, rate, span
from ground.console.figures import clock as time_of_day
from ground.console.parts.entry import Button, Entry
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.said import Said
from ground.console.parts.states import bar, state
from ground.console.parts.table import Row, table
from ground.console.parts.upload import Upload
from ground.console.screen import Screen
from ground.console.transfers import Transfer
from ground.file_names import shown_name
from ground.transfer_events import TransferDirection

TRANSFERS_SHOWN_MAX = 60

NS_PER_S = 1_000_000_000

# The listing of what lies here reads the disk: every other second is enough.
DIRECTORY_BEATS = 8


def build(screen: Screen) -> None:
    """Build the page."""
    with ui.element("div").classes("page files"):
        _FilesPage(screen).build()


class _FilesPage:
    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._notes: dict[str, Any] = screen.notes.setdefault("files", {"directory": ""})
        self._beat = 0

    def build(self) -> None:
        transfers = Panel("On their way", "span-2")
        self._note = transfers.note
        with transfers.body:
            self._said = Said()
            self._transfers = Markup(on_pick=self._act)
        on_board = Panel("On board")
        self._board_note = on_board.note
        with on_board.tools:
            self._directory = Entry("Directory on board", hint="directory", on_done=lambda _: self._list())
            self._directory.set(self._notes["directory"])
            Button("List", self._list)
        with on_board.body:
            self._board_said = Said()
            self._board = Markup(on_pick=self._pick)
        here = Panel("At this station")
        with here.tools:
            Upload(self._uploaded)
        with here.body:
            self._here_said = Said()
            self._here = Markup()
        with here.foot(), ui.element("div").classes("row tight"):
            self._name = Entry("Name on board", hint="name on board; empty for the same")
        self._screen.watch(transfers.element, self._look)

    def _act(self, key: str, act: str) -> None:
        if not act:
            return
        filing = self._screen.console.operations.filing
        self._screen.attempt(self._said, lambda: filing.act(self._screen.person, key, act))

    def _command(self, command: str, **arguments: Any) -> None:
        commanding = self._screen.console.operations.commanding
        self._screen.attempt(self._board_said, lambda: commanding.send(self._screen.person, command, arguments))

    def _list(self) -> None:
        self._notes["directory"] = self._directory.value.strip()
        self._command("file.list", directory=self._notes["directory"])

    def _pick(self, key: str, act: str) -> None:
        if act == "get":
            self._command("file.send", name=key)
        elif act == "digest":
            self._command("file.attributes", name=key)
        elif act == "open":
            self._directory.set(key)
            self._list()

    def _uploaded(self, source_name: str, error: str) -> None:
        if error:
            self._here_said.tell(error, "alarm")
            return
        filing = self._screen.console.operations.filing

        def act() -> str:
            if not source_name:
                raise MisuseError("expected a file, found none")
            destination = self._name.value.strip() or source_name.rpartition("/")[2]
            return filing.put(self._screen.person, source_name, destination, {})

        transaction = self._screen.attempt(self._here_said, act)
        if transaction is not None:
            self._here_said.tell(f"transfer {transaction} has begun", "good")

    def _look(self) -> None:
        screen = self._screen
        transfers = list(screen.feed.transfers)[:TRANSFERS_SHOWN_MAX]
        under_way = sum(not each.is_over for each in transfers)
        self._note.show(f"{under_way} under way; times and rates are of contact" if under_way else "")
        self._transfers.show(self._table_of(transfers))
        self._board.show(self._on_board())
        if self._beat % DIRECTORY_BEATS == 0:
            self._here.show(self._at_station())
        self._beat += 1

    def _table_of(self, transfers: list[Transfer]) -> str:
        screen, unix_ns = self._screen, self._screen.unix_ns()
        is_up = screen.state()["link"] == "UP"
        rows = []
        for each in transfers:
            share = each.done_octets / each.size_octets if each.size_octets else float(each.outcome == "finished")
            whole_ns = each.whole_at_unix_ns(screen.console.plan, unix_ns, is_up=is_up)
            rows.append(
                Row(
                    (
                        time_of_day(each.begun_unix_ns),
                        esc(each.name),
                        "up" if each.direction is TransferDirection.UP else "down",
                        f'<span title="{esc(each.source)}">{esc(cut(_name(each), 60))}</span>',
                        f"{bar(share, 'done' if each.outcome == 'finished' else 'idle' if each.is_suspended else '')}"
                        f' <span class="mono dim">{100 * share:.0f} %</span>',
                        f"{octets(each.done_octets)} of {octets(each.size_octets)}",
                        _rate(each),
                        span(each.left_s),
                        NOTHING if whole_ns is None else time_of_day(whole_ns),
                        _outcome(each, is_up),
                        _actions(each),
                    ),
                    each.name,
                )
            )
        columns = (
            ("Begun", "time"), ("Transfer", "mono name"), ("", "name dim"), ("File", "text"), ("", "name"), ("", "num"),
            ("Rate", "num"), ("Left", "num"), ("Whole at", "num"), ("", "name"), ("", "name"),
        )  # fmt: skip
        return table(columns, rows, "No file was on its way yet.")

    def _on_board(self) -> str:
        reports = [each for each in self._screen.feed.packets.reports if each.name == "file_list"]
        wanted = self._notes["directory"]
        pages = [each for each in reports if each.values["directory"].strip("/") == wanted.strip("/")]
        if not pages:
            self._board_note.show("")
            return '<p class="empty">Not listed yet. List asks the spacecraft, which takes contact.</p>'
        latest = pages[0]
        self._board_note.show(f"{latest.values['total']} in all, as of {time_of_day(latest.unix_ns)}")
        rows = []
        for entry in latest.values["entries"]:
            kind = getattr(entry["kind"], "name", str(entry["kind"]))
            name = f"{wanted.strip('/')}/{entry['name']}".lstrip("/")
            is_directory = kind == "DIRECTORY"
            do = (
                '<button class="button small" data-act="open">open</button>'
                if is_directory
                else '<button class="button small" data-act="get">download</button> '
                '<button class="button small" data-act="digest">digest</button>'
            )
            rows.append(
                Row(
                    (
                        esc(entry["name"]) + ("/" if is_directory else ""),
                        "" if is_directory else octets(entry["size"]),
                        do,
                    ),
                    name,
                )
            )
        return table((("Name", "mono text"), ("Size", "num"), ("", "name")), rows, "The directory is empty.")

    def _at_station(self) -> str:
        entries = self._screen.attempt(self._here_said, lambda: self._screen.console.operations.filing.directory())
        rows = [
            Row(
                (
                    date_clock(each["changed_unix_ns"]),
                    esc(each["name"]) + ("/" if each["is_directory"] else ""),
                    "" if each["is_directory"] else octets(each["size_octets"]),
                )
            )
            for each in entries or []
        ]
        return table((("Changed, UTC", "time"), ("Name", "mono text"), ("Size", "num")), rows, "No file came down yet.")


def _name(transfer: Transfer) -> str:
    return shown_name(transfer.destination or transfer.source)


def _rate(transfer: Transfer) -> str:
    octets_per_s = transfer.rate_octets_per_s
    return NOTHING if transfer.is_over or not octets_per_s else rate(8 * octets_per_s)


def _outcome(transfer: Transfer, is_up: bool) -> str:
    if transfer.outcome == "finished":
        return state("DONE", "whole, verified")
    if transfer.outcome == "failed":
        return (
            f'<span class="state alarm" title="{esc(transfer.text)}">{esc(cut(transfer.text or "failed", 40))}</span>'
        )
    if transfer.is_suspended:
        return state("PAUSED", "suspended")
    return state("RUNNING", "under way") if is_up else state("QUEUED", "waits for contact")


def _actions(transfer: Transfer) -> str:
    if transfer.is_over:
        return ""
    first = ("resume", "resume") if transfer.is_suspended else ("suspend", "suspend")
    return " ".join(
        f'<button class="button small" data-act="{act}">{text}</button>' for act, text in (first, ("cancel", "cancel"))
    )
