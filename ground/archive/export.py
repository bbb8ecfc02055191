"""Writing what an archive holds for other programs: CSV, the packets as they came, or Parquet (with pyarrow).

Of one report CSV and Parquet have a column for each of its values; of all reports CSV has a line for each value. Times
are on-board time, in UTC and in nanoseconds of TAI. It writes into a file beside the one asked for, which takes its
name when it is whole.
"""

import csv
import importlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ccsds.errors import MisuseError
from ccsds.time import unix_ns_from_tai
from ground.archive.history import History, PacketRecord, packet_record

FORMATS = ("csv", "raw", "parquet")

_NS_PER_S = 1_000_000_000

# Rows of one group in a Parquet file.
_GROUP_ROWS = 50_000


def export(history: History, path: Path, form: str, start_ns: int, end_ns: int, name: str | None = None) -> int:
    """Write the reports between two times, and give how many they were.

    Args:
        history: What is read.
        path: Where to; a file there is replaced.
        form: One of `FORMATS`.
        start_ns: Of on-board TAI, inclusive.
        end_ns: Of on-board TAI, exclusive.
        name: Of those wanted, or None for all.

    Raises:
        MisuseError: There is no such format, or pyarrow is not installed.
        MalformedError: The archive is damaged.
        OSError: The file cannot be written.
    """
    if form not in _WRITERS:
        raise MisuseError(f"export: expected one of {', '.join(FORMATS)}, found {form!r}")
    unfinished = path.with_name(path.name + ".unfinished")

    def records() -> Iterator[PacketRecord]:
        return (packet_record(each) for each in history.reports.between(start_ns, end_ns, name))

    try:
        count = _WRITERS[form](unfinished, records, name)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    return count


Records = Callable[[], Iterator[PacketRecord]]


def _write_csv(path: Path, records: Records, name: str | None) -> int:
    count = 0
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        if name is None:
            writer.writerow(["utc", "tai_ns", "report", "value_of", "value"])
            for record in records():
                count += 1
                head = [_utc(record), record.tai_ns, record.name]
                writer.writerows([*head, field, _cell(value)] for field, value in record.values.items())
            return count
        fields = _fields(records)
        writer.writerow(["utc", "tai_ns", *fields])
        for record in records():
            count += 1
            values = (record.values.get(field) for field in fields)
            writer.writerow([_utc(record), record.tai_ns, *(_cell(each) for each in values)])
    return count


def _write_raw(path: Path, records: Records, name: str | None) -> int:
    """Write the space packets one after another; reports from before packets were kept, and derived ones, have none."""
    count = 0
    with path.open("wb") as stream:
        for record in records():
            if record.octets:
                stream.write(record.octets)
                count += 1
    return count


def _write_parquet(path: Path, records: Records, name: str | None) -> int:
    if name is None:
        raise MisuseError("export: expected the name of one report for Parquet, found none; all of them go as CSV")
    try:
        arrow = importlib.import_module("pyarrow")
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise MisuseError("export: expected pyarrow for Parquet, found none; pip install pyarrow") from None
    fields = _fields(records)
    columns: dict[str, list[Any]] = {"utc": [], "tai_ns": [], **{field: [] for field in fields}}
    for record in records():
        columns["utc"].append(_utc(record))
        columns["tai_ns"].append(record.tai_ns)
        for field in fields:
            value = record.values.get(field)
            columns[field].append(json.dumps(value) if isinstance(value, list | dict) else value)
    arrays = {field: arrow.array(_alike(column)) for field, column in columns.items()}
    parquet.write_table(arrow.table(arrays), path, row_group_size=_GROUP_ROWS)
    return len(columns["tai_ns"])


_WRITERS: dict[str, Callable[[Path, Records, str | None], int]] = {
    "csv": _write_csv,
    "raw": _write_raw,
    "parquet": _write_parquet,
}


def _fields(records: Records) -> list[str]:
    return list(dict.fromkeys(field for record in records() for field in record.values))


def _alike(column: list[Any]) -> list[Any]:
    """Give a column of one kind: numbers of both kinds are real, anything else is text."""
    kinds = {type(each) for each in column if each is not None}
    if kinds == {int}:
        numbers = [each for each in column if each is not None]
        # A column of Parquet has 64 bits, with a sign or without.
        if max(numbers) < 1 << (63 if min(numbers) < 0 else 64) and min(numbers) >= -(1 << 63):
            return column
    elif len(kinds) < 2:
        return column
    if kinds <= {int, float}:
        return [None if each is None else float(each) for each in column]
    return [None if each is None else str(each) for each in column]


def _utc(record: PacketRecord) -> str:
    unix_ns = unix_ns_from_tai(record.tai_ns)
    try:
        second = datetime.fromtimestamp(unix_ns // _NS_PER_S, UTC)
    except (OverflowError, ValueError, OSError):
        return ""
    return f"{second:%Y-%m-%dT%H:%M:%S}.{unix_ns % _NS_PER_S // 1_000_000:03d}Z"


def _cell(value: Any) -> Any:
    if isinstance(value, list | dict):
        return json.dumps(value)
    # A spreadsheet takes text that begins so for a formula of its own, and it came from outside.
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return f"'{value}"
    return "" if value is None else value
