"""Runs the benches, prints a table, and writes it for machines: ``python -m tools.bench --only first_light``.

A bench is a module here with ``run() -> list[Row]``, ``campaign() -> list[Row]`` or both. Each measures beside its peer
in the same run; ratios travel between machines, absolute figures do not.
"""

import importlib
import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from tools.bench.row import NotHereError, Row, plain

# In the order in which they are run. Each group takes less than twelve minutes on two cores.
BENCHES = {
    "first_light": ("coding", "pus", "training", "supervision"),
    "link": ("sdls", "nonces", "cop1", "cfdp_goodput", "cfdp_speed", "passes"),
    "autonomy": (
        "days",
        "answer",
        "survival",
        "cut_day",
    ),
    "models": ("packing", "generation", "recipes"),
    "loop": ("validate", "silence", "soak"),
    "station": ("archive", "station"),
    "exact": ("checkpoint", "flips", "guard", "kills", "ranks", "minutely"),
    "gpu": ("gpu",),
}


@click.command()
@click.option("--only", default="all", show_default=True, help=f"One group: {', '.join(BENCHES)}; or all.")
@click.option("--campaign", is_flag=True, help="The long counts of each bench that has them, for as long as they take.")
@click.option("--out", default="build/bench.json", show_default=True, type=click.Path(path_type=Path))
def main(only: str, campaign: bool, out: Path) -> None:
    """Measure, print a table, and write OUT."""
    if only != "all" and only not in BENCHES:
        click.echo(f"bench: unknown group {only!r}: expected all or one of {', '.join(BENCHES)}", err=True)
        sys.exit(2)
    console = Console(width=max(Console().width, 150))
    rows: list[Row] = []
    for group, names in BENCHES.items():
        for name in names if only in ("all", group) else ():
            bench = importlib.import_module(f"tools.bench.{name}")
            measure = getattr(bench, "campaign" if campaign else "run", None)
            if measure is not None:
                console.print(f"measuring {group}: {name} ...", style="dim")
                try:
                    rows += measure()
                except NotHereError as error:
                    console.print(f"{group}: {error}")
                    if only == group:
                        sys.exit(2)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps([plain(row) for row in rows], indent=2) + "\n")
    console.print(_table(rows))
    console.print(f"written to {out}")
    sys.exit(0 if all(row.ok for row in rows) else 1)


def _table(rows: list[Row]) -> Table:
    table = Table(title="bench", title_justify="left")
    for heading in ("group", "name", "value", "unit", "peer", "its value", "ratio", "target", ""):
        table.add_column(heading, justify="right" if heading in ("value", "its value", "ratio") else "left")
    for row in rows:
        peer_value = "" if row.peer_value is None else f"{row.peer_value:,.4g}"
        ratio = "" if row.ratio is None else f"{row.ratio:.3g}"
        mark = "[green]ok[/]" if row.ok else "[red]missed[/]"
        table.add_row(row.group, row.name, f"{row.value:,.4g}", row.unit, row.peer, peer_value, ratio, row.target, mark)
    return table


if __name__ == "__main__":
    main()
