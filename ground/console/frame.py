"""What stands around every page: the head with the state of the link and the spacecraft, and the rail of pages."""

from collections.abc import Callable

from nicegui import ui

from ground.console.pages import (
    alarms,
    chat,
    command,
    events,
    files,
    jobs,
    link,
    overview,
    packets,
    passes,
    procedures,
    replay,
    telemetry,
)
from ground.console.parts.header import Header
from ground.console.parts.markup import Markup
from ground.console.screen import Screen

PAGES: tuple[tuple[str, str, str, Callable[[Screen], None]], ...] = (
    ("/", "Overview", "o", overview.build),
    ("/jobs", "Jobs", "j", jobs.build),
    ("/chat", "Chat", "h", chat.build),
    ("/command", "Command", "c", command.build),
    ("/telemetry", "Telemetry", "t", telemetry.build),
    ("/events", "Events", "e", events.build),
    ("/alarms", "Alarms", "a", alarms.build),
    ("/packets", "Packets", "p", packets.build),
    ("/files", "Files", "f", files.build),
    ("/passes", "Passes", "s", passes.build),
    ("/link", "Link", "l", link.build),
    ("/procedures", "Procedures", "u", procedures.build),
    ("/replay", "Replay", "y", replay.build),
)
"""Address, title, the letter that leads there after ``g``, and what builds it."""


def frame(screen: Screen) -> None:
    """Build the frame, and in it the page of the address."""
    ui.add_head_html(
        '<link rel="stylesheet" href="/console/theme.css"><script src="/console/console.js"></script>', shared=False
    )
    with ui.element("div").classes("frame"):
        header = Header(screen)
        rail = Markup("rail")
        with ui.element("div").classes("stage"):
            screen.start()
            screen.watch(header.element, header.look)
            ui.sub_pages({address: _opened(screen, rail, address, build) for address, _, _, build in PAGES})


def _opened(screen: Screen, rail: Markup, address: str, build: Callable[[Screen], None]) -> Callable[[], None]:
    def page() -> None:
        rail.show(_rail(screen, address))
        build(screen)

    return page


def _rail(screen: Screen, here: str) -> str:
    links = "".join(
        f'<a href="{address}" data-letter="{letter}" class="{"here" if address == here else ""}"'
        f"{' aria-current=page' if address == here else ''}>{title}<kbd>{letter}</kbd></a>"
        for address, title, letter, _ in PAGES
    )
    return (
        f"{links}<div class='foot'><span>{screen.person.name}, {screen.person.role.name.lower()}</span>"
        '<button class="button small" onclick="starloopTheme()">Light / dark</button></div>'
    )
