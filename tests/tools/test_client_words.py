"""What a typed editor knows of the dictionary is what the dictionary says now."""

from tools.client_words import PATH, write_stub


def test_the_stub_is_as_it_would_be_written_now():
    assert PATH.read_text() == write_stub(), "the dictionary has changed: python -m tools.client_words"


def test_the_stub_is_python():
    compile(write_stub(), str(PATH), "exec")
