"""A table as HTML: columns, rows that may be picked by their keys, and what stands there while there are none."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ground.console.figures import esc


@dataclass(frozen=True, slots=True)
class Row:
    """One row; its cells are HTML."""

    cells: Sequence[str]
    key: str = ""
    """With one, the row can be picked."""
    classes: str = ""


def table(columns: Sequence[tuple[str, str]], rows: Iterable[Row], empty: str = "nothing yet") -> str:
    """Give a table.

    Args:
        columns: Heading and CSS class of each.
        rows: In order.
        empty: What stands there instead while there is none.
    """
    body = "".join(_row(columns, row) for row in rows)
    if not body:
        return f'<p class="empty">{esc(empty)}</p>'
    head = "".join(f'<th class="{kind}">{esc(title)}</th>' for title, kind in columns)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def facts(pairs: Iterable[tuple[str, str]], classes: str = "") -> str:
    """Give names and values, which are HTML, below each other."""
    if "wide" in classes:
        inner = "".join(f"<div><dt>{esc(name)}</dt><dd>{value}</dd></div>" for name, value in pairs)
    else:
        inner = "".join(f"<dt>{esc(name)}</dt><dd>{value}</dd>" for name, value in pairs)
    return f'<dl class="facts {classes}">{inner}</dl>'


def figures(pairs: Iterable[tuple[str, str]]) -> str:
    """Give a few figures, which are HTML, large and beside each other."""
    inner = "".join(
        f'<div class="figure"><span class="what">{esc(name)}</span><span class="value">{value}</span></div>'
        for name, value in pairs
    )
    return f'<div class="figures">{inner}</div>'


def _row(columns: Sequence[tuple[str, str]], row: Row) -> str:
    cells = "".join(f'<td class="{kind}">{cell}</td>' for (_, kind), cell in zip(columns, row.cells, strict=True))
    key = f' data-key="{esc(row.key)}" tabindex="0"' if row.key else ""
    return f'<tr class="{row.classes}"{key}>{cells}</tr>'
