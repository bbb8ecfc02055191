"""The console on the station's web application. Everything that a browser needs comes from this computer."""

from pathlib import Path

from fastapi import FastAPI
from nicegui import app as pages
from nicegui import ui

from ground.access.gate import PRINCIPAL
from ground.console.console import Console
from ground.console.frame import frame
from ground.console.screen import Screen
from ground.pass_plan import PassPlan
from ground.server.operations import Operations

ASSETS = Path(__file__).parent / "assets"

# While no browser is open, what the station says is taken in as often as this.
FOLLOW_S = 0.25


def mount(app: FastAPI, operations: Operations, archive_path: Path, plan: PassPlan | None = None) -> Console:
    """Put the pages on an application; what is on it already stays before them.

    Args:
        app: The station's web application.
        operations: What the station can do.
        archive_path: Of its archive.
        plan: The passes that are expected.
    """
    console = Console(operations, archive_path, plan or PassPlan())

    def begin() -> None:
        console.restore()
        console.follow()
        pages.timer(FOLLOW_S, console.follow)

    def root() -> None:
        request = ui.context.client.request
        frame(Screen(console, request.scope[PRINCIPAL]))

    pages.add_static_files("/console", ASSETS)
    pages.on_startup(begin)
    ui.run_with(
        app,
        root=root,
        title="Starloop",
        favicon=ASSETS / "icon.svg",
        dark=None,
        tailwind=False,
        binding_refresh_interval=None,
        reconnect_timeout=10.0,
        show_welcome_message=False,
    )
    return console
