"""Corpora that came as files: found by name, unpacked, checked, and refused with a reason."""

import hashlib

import pytest
import zstandard

from ccsds.errors import MalformedError, MisuseError
from flight.jobs import uploaded_corpus
from flight.jobs.corpus import Origin
from flight.jobs.uploaded_corpus import Corpora, read_uploaded

TEXT = "To be, or not to be: that is the question.\n" * 40
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.fixture
def corpora(disk, corpus):
    disk.files["files/plain.txt"] = TEXT.encode()
    disk.files["files/packed.txt.zst"] = zstandard.compress(TEXT.encode())
    disk.files["jobs/1/notes.txt"] = TEXT.encode()
    return Corpora({"verses": corpus}, disk)


@pytest.mark.parametrize("name", ["files/plain.txt", "files/packed.txt.zst"])
def test_a_file_of_the_store_is_a_corpus_known_by_the_digest_of_its_text(corpora, disk, name):
    assert name in corpora
    found = corpora[name]
    assert (found.sha256, found.length_octets, found.origin) == (SHA256, len(TEXT), Origin.UPLOADED)
    assert read_uploaded(disk, str(found.path), found.sha256) == TEXT


def test_what_was_on_board_from_the_start_is_found_as_before(corpora, corpus):
    assert corpora["verses"] is corpus
    assert list(corpora) == ["verses"]
    assert len(corpora) == 1


@pytest.mark.parametrize(
    "name", ["files/none.txt", "plain.txt", "files/", "files/../jobs/1/notes.txt", "jobs/1/notes.txt", "files", ""]
)
def test_nothing_else_is_a_corpus(corpora, name):
    assert name not in corpora
    assert corpora.get(name) is None


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("files/a.txt", b"\xff\xfe", "corpus files/a.txt: expected UTF-8 text, found invalid start byte at octet 0"),
        ("files/a.txt", b"", "corpus files/a.txt: expected 1 to 67108864 octets of text, found 0"),
        ("files/a.zst", b"plain", "corpus files/a.zst: expected Zstandard, found "),
        ("files/a.zst", zstandard.compress(TEXT.encode())[:-9], "corpus files/a.zst: expected"),
        ("files/a.zst", zstandard.compress(b""), "corpus files/a.zst: expected 1 to 67108864 octets of text, found 0"),
    ],
)
def test_a_file_that_is_no_text_is_refused_with_a_reason(disk, name, data, message):
    disk.files[name] = data
    with pytest.raises(MisuseError) as caught:
        Corpora({}, disk)[name]
    assert message in str(caught.value)


def test_a_small_file_cannot_unpack_to_more_than_the_bound(disk, monkeypatch):
    monkeypatch.setattr(uploaded_corpus, "UPLOADED_OCTETS_MAX", 10_000)
    disk.files["files/bomb.zst"] = zstandard.compress(bytes(10_001))
    with pytest.raises(MisuseError, match="expected 1 to 10000 octets of text, found 10001"):
        Corpora({}, disk)["files/bomb.zst"]
    disk.files["files/long.txt"] = b"a" * 10_001
    with pytest.raises(MisuseError, match="expected at most 10000 octets, found 10001"):
        Corpora({}, disk)["files/long.txt"]


def test_a_text_that_was_changed_since_it_was_named_is_refused(disk):
    disk.files["files/a.txt"] = b"another"
    with pytest.raises(MalformedError, match=rf"corpus files/a\.txt: expected SHA-256 {SHA256}, found "):
        read_uploaded(disk, "files/a.txt", SHA256)
    with pytest.raises(MisuseError, match=r"corpus files/b\.txt: expected a file of the store, found none"):
        read_uploaded(disk, "files/b.txt", SHA256)
