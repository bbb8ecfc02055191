"""Where a corpus comes from: the order of places, the digests, and what is said when another text has to do."""

import hashlib
import io
import subprocess
import sys
from pathlib import Path
from urllib.error import URLError

import pytest

from ccsds.errors import MalformedError, MisuseError
from flight.jobs.corpus import (
    DOWNLOAD_TIMEOUT_S,
    KNOWN_CORPORA,
    CorpusSources,
    KnownCorpus,
    Origin,
    find_corpus,
    read_corpus,
    split_text,
)

TEXT = b"First Citizen:\nBefore we proceed any further, hear me speak.\n"
CATALOGUE = {
    "verses": KnownCorpus(address="https://example.invalid/verses", sha256=hashlib.sha256(TEXT).hexdigest()),
    "works": KnownCorpus(why_no_download="not downloaded: no SHA-256 is pinned"),
}


class Network:
    """Answers every address with the same octets, or not at all."""

    def __init__(self, answer):
        self.answer = answer
        self.asked = []

    def __call__(self, address, timeout_s):
        self.asked.append((address, timeout_s))
        if self.answer is None:
            raise URLError("no route to host")
        return io.BytesIO(self.answer)


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def cache(tmp_path):
    (tmp_path / "cache").mkdir()
    return tmp_path / "cache"


def sources(data, cache, opener=None):
    return CorpusSources(data_directory=data, cache_directory=cache, opener=opener, catalogue=CATALOGUE)


def test_the_data_directory_comes_before_the_cache(data, cache):
    (data / "verses.txt").write_bytes(TEXT)
    (cache / "verses.txt").write_bytes(TEXT)
    network = Network(TEXT)
    found = find_corpus("verses", sources(data, cache, network))
    assert (found.origin, found.path, found.notice) == (Origin.DATA_DIRECTORY, data / "verses.txt", "")
    assert (found.sha256, found.length_octets) == (CATALOGUE["verses"].sha256, len(TEXT))
    assert network.asked == []


def test_the_cache_comes_before_a_download(data, cache):
    (cache / "verses.txt").write_bytes(TEXT)
    network = Network(TEXT)
    found = find_corpus("verses", sources(data, cache, network))
    assert (found.origin, found.path) == (Origin.CACHE, cache / "verses.txt")
    assert network.asked == []


def test_a_download_is_checked_and_kept(data, cache):
    network = Network(TEXT)
    found = find_corpus("verses", sources(data, cache, network))
    assert (found.origin, found.read_text()) == (Origin.DOWNLOAD, TEXT.decode())
    assert found.notice == "verses: downloaded from https://example.invalid/verses"
    assert network.asked == [("https://example.invalid/verses", DOWNLOAD_TIMEOUT_S)]
    assert find_corpus("verses", sources(data, cache, network)).origin is Origin.CACHE
    assert len(network.asked) == 1
    assert [path.name for path in cache.iterdir()] == ["verses.txt"]


def test_without_a_network_the_built_in_text_is_taken_and_that_is_said(data, cache):
    found = find_corpus("verses", sources(data, cache, Network(None)))
    assert (found.name, found.origin) == ("verses", Origin.BUILT_IN)
    assert found.notice.startswith(
        "verses is not to be had (not in STARLOOP_DATA; not in cache; "
        "download failed: <urlopen error no route to host>): taking Python's own documentation"
    )
    assert found.notice.endswith("instead")
    text = found.read_text()
    assert len(text) > 400_000
    assert "The standard type hierarchy" in text


def test_a_download_of_another_text_is_not_kept(data, cache):
    found = find_corpus("verses", sources(data, cache, Network(b"<html>log in to this network</html>")))
    assert found.origin is Origin.BUILT_IN
    assert f"download failed: expected SHA-256 {CATALOGUE['verses'].sha256}" in found.notice
    assert not (cache / "verses.txt").exists()


def test_a_file_that_is_another_text_under_a_known_name_is_passed_over(data, cache):
    (data / "verses.txt").write_bytes(b"something else")
    (cache / "verses.txt").write_bytes(b"damaged")
    found = find_corpus("verses", sources(data, cache, Network(TEXT)))
    assert found.origin is Origin.DOWNLOAD
    assert (cache / "verses.txt").read_bytes() == TEXT
    found = find_corpus("verses", sources(data, cache / "empty"))
    assert "the file in STARLOOP_DATA is another text (SHA-256 " in found.notice


def test_a_corpus_without_a_digest_is_taken_by_name_and_never_downloaded(data, cache):
    network = Network(TEXT)
    found = find_corpus("works", sources(data, cache, network))
    assert found.origin is Origin.BUILT_IN
    assert "no SHA-256 is pinned" in found.notice
    assert network.asked == []
    (data / "works.txt").write_bytes(TEXT)
    assert find_corpus("works", sources(data, cache, network)).origin is Origin.DATA_DIRECTORY


def test_without_a_data_directory_that_is_said(cache):
    assert (
        "(STARLOOP_DATA is not set; not in cache; downloads are off)"
        in find_corpus("verses", sources(None, cache)).notice
    )


def test_the_built_in_text_can_be_asked_for_and_is_the_same_twice(cache):
    found = find_corpus("pydoc_topics", sources(None, cache))
    assert found.notice.startswith("taking Python's own documentation")
    assert find_corpus("pydoc_topics", sources(None, cache)) == found


def test_an_explicit_path_comes_first(tmp_path, data, cache):
    path = tmp_path / "verses.txt"
    path.write_bytes("d\u00e9j\u00e0 vu\r\n".encode())
    found = find_corpus(str(path), sources(data, cache))
    assert (found.origin, found.path) == (Origin.PATH, path)
    assert found.read_text() == "d\u00e9j\u00e0 vu\r\n"


def test_any_text_in_the_data_directory_has_a_name(data, cache):
    (data / "sonnets.txt").write_bytes(TEXT)
    assert find_corpus("sonnets", sources(data, cache)).origin is Origin.DATA_DIRECTORY


def test_an_unknown_name_is_refused_with_the_known_ones(data, cache):
    with pytest.raises(MisuseError, match="unknown corpus 'sonnets': expected one of verses, works, pydoc_topics, the"):
        find_corpus("sonnets", sources(data, cache))
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "expected 1 to [0-9]+ octets, found 0"),
        (b"abc\xff", "expected UTF-8 text, found invalid start byte at octet 3"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path, data, cache, content, complaint):
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(MisuseError, match=complaint):
        find_corpus(str(path), sources(data, cache))


def test_a_path_that_leads_nowhere_is_refused(tmp_path, data, cache):
    with pytest.raises(MisuseError, match=r"nowhere\.txt: expected a readable file: No such file or directory"):
        find_corpus(str(tmp_path / "nowhere.txt"), sources(data, cache))


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MisuseError, match=r"cannot write the cache of corpora: .*set STARLOOP_DATA or XDG_CACHE_HOME"):
        find_corpus("pydoc_topics", sources(None, tmp_path / "file" / "cache"))


def test_a_text_that_changed_since_it_was_found_is_refused(tmp_path, data, cache):
    path = tmp_path / "verses.txt"
    path.write_bytes(TEXT)
    found = find_corpus(str(path), sources(data, cache))
    path.write_bytes(TEXT + b".")
    with pytest.raises(MalformedError, match=f"corpus verses.txt: expected SHA-256 {found.sha256}, found"):
        read_corpus(found.path, found.sha256)


def test_the_environment_names_the_usual_places(tmp_path):
    found = CorpusSources.from_environment({"STARLOOP_DATA": str(tmp_path), "HOME": "/home/someone"})
    assert found.data_directory == tmp_path
    assert found.cache_directory == Path("/home/someone/.cache/starloop/corpora")
    found = CorpusSources.from_environment({"XDG_CACHE_HOME": str(tmp_path), "HOME": "/home/someone"})
    assert (found.data_directory, found.cache_directory) == (None, tmp_path / "starloop" / "corpora")


def test_tinyshakespeare_has_the_digest_of_its_public_text():
    known = KNOWN_CORPORA["tinyshakespeare"]
    assert known.sha256 == "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
    assert known.address is not None
    assert known.address.startswith("https://raw.githubusercontent.com/karpathy/char-rnn/")


def test_the_last_part_of_a_text_is_for_validation():
    train, validation = split_text("abcdefghij" * 3, 0.1)
    assert (train, validation) == (("abcdefghij" * 3)[:27], "hij")


def test_what_the_flight_process_imports_brings_no_torch():
    code = (
        "import sys, flight.jobs.process, flight.jobs.recipe, flight.jobs.corpus, flight.jobs.messages, "
        "flight.jobs.bigram; sys.exit(bool({'torch', 'numpy', 'safetensors'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
