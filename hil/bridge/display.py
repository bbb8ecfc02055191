"""What a person sees of a bridge: both ports, rates and counts as they grow, and what happens, line by line."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from hil.bridge.service import NS_PER_S, BridgeService


class BridgeDisplay:
    """The display.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=True, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def tell(self, seconds: float, text: str) -> None:
        """Show that something happened."""
        colour = "yellow" if " is down" in text else "green" if " is up" in text else "magenta"
        self._live.console.print(f"[dim]{seconds:10.2f} s[/]  [{colour}]{text}[/]", highlight=False, soft_wrap=True)

    def look(self, service: BridgeService) -> None:
        """Show how it is now."""
        if self._console.is_terminal:
            self._live.update(counts_table(service))

    def summary(self, service: BridgeService) -> None:
        """Show what came of it."""
        self._console.print(counts_table(service))
        seconds = service.now_ns / NS_PER_S
        self._console.print(f"bridge ended after {seconds:.1f} s, {service.events} events", highlight=False)


def counts_table(service: BridgeService) -> Table:
    """Give a table of both directions."""
    table = Table(title=None)
    for name in ("", "from", "rate now", "sent", "delivered", "lost", "in flight", "bits flipped"):
        table.add_column(name, justify="left" if name in ("", "from") else "right", no_wrap=True)
    ends = {"up": service.ground, "down": service.board}
    for (name, counts), line in zip(service.counts().items(), (service.up, service.down), strict=True):
        state = "[green]●[/]" if ends[name].is_up else "[red]○[/]"
        table.add_row(
            name,
            f"{state} {ends[name].name}",
            f"{service.rate_bps(line) / 1000:,.1f} of {line.config.rate_bps / 1000:,.1f} kbit/s",
            *(f"{value:,}" for value in (counts.octets_sent, counts.octets_delivered, counts.octets_lost)),
            f"{counts.octets_in_flight:,}",
            f"{counts.bits_flipped:,}",
        )
    return table
