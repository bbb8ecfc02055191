"""What the station learns of structures made in flight, and what it does with reports of those it never heard of."""

import pytest

from ccsds.errors import MalformedError
from ground.structures import StructureBook
from mission.definition import DICTIONARY
from mission.housekeeping import Reporting, ReportMode, StructureKind

HOUSEKEEPING, DIAGNOSTIC = StructureKind
VALUES = b"\x82\x00\x00\x00\x07\x00\x00\x00\x03"


@pytest.fixture
def book():
    return StructureBook(DICTIONARY)


def create(book, prefix="housekeeping", parameters=(2, 1)):
    book.learn_command(f"{prefix}.create", {"structure": 130, "interval": 500, "parameters": list(parameters)})


def test_what_was_never_heard_of_is_kept_as_octets(book):
    assert book.decode(HOUSEKEEPING, VALUES) == (130, "housekeeping_130", {"octets": VALUES[1:]})


@pytest.mark.parametrize(("prefix", "kind"), [("housekeeping", HOUSEKEEPING), ("diagnostics", DIAGNOSTIC)])
def test_it_learns_from_commands_that_completed(book, prefix, kind):
    create(book, prefix)
    assert book.decode(kind, VALUES) == (130, f"{prefix}_130", {"uptime": 7, "boot_count": 3})
    book.learn_command(f"{prefix}.append", {"structure": 130, "parameters": [20]})
    assert list(book.decode(kind, VALUES + b"\x03")[2]) == ["uptime", "boot_count", "time_status"]
    book.learn_command(f"{prefix}.delete", {"structures": [130]})
    assert book.find(kind, 130) is None


def test_it_learns_from_definition_reports(book):
    values = {
        "structure": 130,
        "reporting": Reporting.ENABLED,
        "interval": 500,
        "mode": ReportMode.ON_CHANGE,
        "parameters": [2, 1],
    }
    book.learn_report("housekeeping_structure", values)
    assert book.decode(HOUSEKEEPING, VALUES)[2] == {"uptime": 7, "boot_count": 3}


def test_an_addition_to_what_was_never_heard_of_teaches_nothing(book):
    book.learn_command("housekeeping.append", {"structure": 130, "parameters": [20]})
    assert book.find(HOUSEKEEPING, 130) is None


def test_what_does_not_fit_its_structure_is_malformed(book):
    create(book)
    for data in (b"", VALUES[:-1], VALUES + b"\x00"):
        with pytest.raises(MalformedError):
            book.decode(HOUSEKEEPING, data)
