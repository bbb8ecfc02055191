"""The record of what was done: it only grows, and shows what was done to it."""

import msgspec
import pytest

from ccsds.errors import MalformedError
from ground.access import audit
from ground.access.audit import Audit, read_audit, verify


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.audit"
    book = Audit.open(path)
    for number in range(5):
        book.write(
            number, who="carl", role="COMMANDER", door="web", action="send", details={"data": b"\x01", "n": number}
        )
    book.close()
    return path


def test_it_goes_on_where_it_was(path):
    book = Audit.open(path)
    book.write(9, who="anna", role="APPROVER", door="web", action="approve", details={})
    book.close()
    assert verify(path) == 6
    rows = read_audit(path, 2)
    assert [(row["number"], row["who"]) for row in rows] == [(6, "anna"), (5, "carl")]
    assert rows[1]["details"] == {"data": "01", "n": 4}
    assert path.stat().st_mode & 0o077 == 0


def test_every_line_that_is_changed_taken_out_or_put_in_shows(path):
    lines = path.read_bytes().splitlines(keepends=True)
    for place in range(4):
        for changed in (
            [*lines[:place], lines[place].replace(b"carl", b"carol"), *lines[place + 1 :]],
            [*lines[:place], *lines[place + 1 :]],
            [*lines[:place], lines[place], *lines[place:]],
            [*lines[:place], b"nonsense\n", *lines[place + 1 :]],
        ):
            path.write_bytes(b"".join(changed))
            with pytest.raises(MalformedError, match=rf"{path}:\d: expected"):
                verify(path)
            with pytest.raises(MalformedError):
                Audit.open(path)


def test_a_line_that_a_power_cut_tore_is_cut_off_at_every_octet(path):
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    for kept in range(1, len(last)):
        path.write_bytes(whole[: -len(last)] + last[:kept])
        book = Audit.open(path)
        book.write(9, who="anna", role="APPROVER", door="web", action="x", details={})
        book.close()
        assert verify(path) == 5


def test_a_disk_that_takes_half_a_line_leaves_the_file_as_it_was(path, monkeypatch):
    before = path.read_bytes()
    true_write = audit.os.write
    book = Audit.open(path)

    def write(descriptor, data):
        if len(data) < 40:
            raise OSError(28, "No space left on device")
        return true_write(descriptor, bytes(data)[:20])

    monkeypatch.setattr(audit.os, "write", write)
    with pytest.raises(OSError, match="No space left"):
        book.write(9, who="anna", role="APPROVER", door="web", action="x", details={})
    assert path.read_bytes() == before
    monkeypatch.undo()
    book.write(9, who="anna", role="APPROVER", door="web", action="x", details={})
    book.close()
    assert verify(path) == 6
    assert msgspec.json.decode(path.read_bytes().splitlines()[-1])["who"] == "anna"
