"""The documents that are made from tables: they are committed as they are made."""

import pytest

from tools.diagrams import DOCS, DOCUMENTS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_committed_document_is_what_the_tables_make(name):
    committed = (DOCS / name).read_text(encoding="utf-8")
    assert committed == DOCUMENTS[name](), "run: python -m tools.diagrams"


def test_every_event_of_cop_1_has_its_row():
    text = DOCUMENTS["cop1.md"]()
    for number in (*range(1, 47), 101, 102, 103, 104):
        assert f"\n| E{number} " in text
