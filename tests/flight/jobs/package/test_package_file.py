"""What is refused of a package before anything of it is run, and by which name."""

import io
import stat
import zipfile

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ccsds.errors import MisuseError
from flight.jobs.package import package_file
from flight.jobs.package.package_file import read_package
from ground.package_signing import make_package, sign
from mission.packages import HEADER_OCTETS, MAGIC, MANIFEST_NAME, PackageManifest

FILES = {"adder.py": b"class Adder: ...", "data/weights.bin": bytes(range(256))}


@pytest.fixture
def read(keys, recipe):
    return lambda data: read_package("x", data, keys, recipe.package)


def archived(data, change):
    """Change the entries of a package, as (ZipInfo, octets), and give an archive of them."""
    with zipfile.ZipFile(io.BytesIO(data[HEADER_OCTETS:])) as archive:
        entries = [(info, archive.read(info)) for info in archive.infolist()]
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w") as archive:
        for info, content in change(entries):
            archive.writestr(info, content)
    return octets.getvalue()


def with_manifest(data, key, **fields):
    def change(entries):
        for info, content in entries:
            if info.filename == MANIFEST_NAME:
                manifest = msgspec.json.decode(content, type=PackageManifest)
                content = msgspec.json.encode(msgspec.structs.replace(manifest, **fields))
            yield info, content

    return sign(archived(data, change), key)


def test_a_package_is_read_as_it_was_made(read, key, settings):
    data = make_package(settings, FILES, key)
    assert data == make_package(settings, dict(reversed(FILES.items())), key)
    package = read(data)
    assert package.files == FILES
    assert (package.signer, package.module, package.attribute) == ("the team", "adder", "Adder")


def test_what_no_known_key_signed_is_refused_before_it_is_parsed(read, key, monkeypatch):
    monkeypatch.setattr(package_file.zipfile, "ZipFile", lambda *_: pytest.fail("it was parsed"))
    data = sign(b"PK not even an archive", key)
    with pytest.raises(MisuseError, match="expected a package that is signed, found an unsigned ZIP archive"):
        read(data[HEADER_OCTETS:])
    with pytest.raises(MisuseError, match="expected a package that is signed, found 0 octets of something else"):
        read(b"")
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(MisuseError, match=r"signed by key [0-9a-f]{16}, expected a known one: the team"):
        read(sign(data[HEADER_OCTETS:], stranger))
    # A known key is named, but another one signed.
    forged = sign(data[HEADER_OCTETS:], stranger)
    start = len(MAGIC)
    forged = forged[:start] + data[start : start + 32] + forged[start + 32 :]
    with pytest.raises(MisuseError, match="not those that the team signed"):
        read(forged)


def test_every_single_bit_and_every_truncation_breaks_the_signature(read, package):
    for octet in range(0, len(package), 7):
        struck = bytearray(package)
        struck[octet] ^= 1 << octet % 8
        with pytest.raises(MisuseError):
            read(bytes(struck))
    for length in range(0, len(package), 11):
        with pytest.raises(MisuseError):
            read(package[:length])


@pytest.mark.parametrize("name", ["memory_mib", "cpu_s", "open_files", "file_mib"])
def test_a_package_that_needs_more_than_is_granted_is_refused_by_the_name_of_it(read, key, recipe, name, settings):
    granted = getattr(recipe.package, name)
    needs = read(make_package(settings, FILES, key)).manifest.needs
    data = make_package(settings, FILES, key)
    assert read(with_manifest(data, key, needs=msgspec.structs.replace(needs, **{name: granted})))
    for asked in (granted + 1, 0, -1):
        expected = f"needs {name} = {asked}: expected 1 to {granted}, which is granted"
        with pytest.raises(MisuseError, match=expected):
            read(with_manifest(data, key, needs=msgspec.structs.replace(needs, **{name: asked})))


@pytest.mark.parametrize(
    "path", ["../evil.py", "/etc/evil", "a/../../evil", "a//b", "./a", "a\\b", "a\nb", "a" * 201, ".."]
)
def test_a_path_out_of_its_directory_is_refused(read, key, path, settings):
    with pytest.raises(MisuseError, match="expected a path inside its directory"):
        read(make_package(settings, {**FILES, path: b"x"}, key))


def test_a_symbolic_link_is_refused_though_its_digest_is_right(read, key, settings):
    data = make_package(settings, {**FILES, "link": b"/etc/passwd"}, key)

    def change(entries):
        for info, content in entries:
            if info.filename == "link":
                info.external_attr = (stat.S_IFLNK | 0o777) << 16
            yield info, content

    with pytest.raises(MisuseError, match="'link': expected a regular file, found a symbolic link"):
        read(sign(archived(data, change), key))


def test_a_bomb_is_refused_by_its_directory_alone(read, key, monkeypatch, settings):
    data = make_package(settings, {**FILES, "zeros": bytes(4 << 20)}, key)
    assert len(data) < 10_000
    monkeypatch.setattr(package_file.zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(MisuseError, match="expected to unpack to 200 times its length at most"):
        read(data)
    monkeypatch.setattr(package_file, "UNPACKED_OCTETS_MAX", 1 << 20)
    with pytest.raises(MisuseError, match="expected at most 1048576 octets unpacked, found 4"):
        read(data)
    monkeypatch.setattr(package_file, "FILES_MAX", 2)
    with pytest.raises(MisuseError, match="expected at most 2 files, found 4"):
        read(data)


def test_two_files_of_one_name_and_a_file_in_a_file_are_refused(read, key, settings):
    data = make_package(settings, FILES, key)
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = archived(data, lambda entries: [*entries, (zipfile.ZipInfo("adder.py"), b"other")])
    with pytest.raises(MisuseError, match=r"'adder.py': expected one file of this name, found two"):
        read(sign(twice, key))
    with pytest.raises(MisuseError, match=r"'adder.py': expected a file or a directory, found both"):
        read(make_package(settings, {**FILES, "adder.py/x": b""}, key))


def test_what_the_manifest_does_not_say_is_refused_by_name(read, key, settings):
    data = make_package(settings, FILES, key)

    def without(name):
        return lambda entries: [each for each in entries if each[0].filename != name]

    def struck(entries):
        return [(info, content[::-1] if info.filename == "data/weights.bin" else content) for info, content in entries]

    with pytest.raises(MisuseError, match=r"expected package.json in it, found none"):
        read(sign(archived(data, without(MANIFEST_NAME)), key))
    with pytest.raises(MisuseError, match=r"missing \['adder.py'\], foreign \[\]"):
        read(sign(archived(data, without("adder.py")), key))
    with pytest.raises(MisuseError, match=r"missing \[\], foreign \['more'\]"):
        read(sign(archived(data, lambda entries: [*entries, (zipfile.ZipInfo("more"), b"x")]), key))
    with pytest.raises(MisuseError, match=r"'data/weights.bin': expected SHA-256 \w{64}, found \w{64}"):
        read(sign(archived(data, struck), key))
    with pytest.raises(MisuseError, match="expected a ZIP archive"):
        read(sign(b"no archive at all", key))


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("adder", "expected module:Class"),
        ("os;x:y", "expected module:Class"),
        ("os:system", r"expected os.py or os/__init__.py among its files"),
        ("data.weights:x", r"expected data/weights.py or"),
    ],
)
def test_an_entry_that_is_none_of_its_own_is_refused(read, key, entry, reason, settings):
    with pytest.raises(MisuseError, match=reason):
        read(with_manifest(make_package(settings, FILES, key), key, entry=entry))
