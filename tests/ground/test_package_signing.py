"""Packages as they are signed at the ground: by `ground package`, from a directory and from a wheel."""

import io
import os
import zipfile

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ccsds.errors import MisuseError
from ground.cli.package import package
from ground.package_signing import make_package, wheel_files
from mission.packages import HEADER_OCTETS, MAGIC

SETTINGS = """
name = "x"
version = "1"
entry = "x:X"
[needs]
memory_mib = 1
cpu_s = 1
open_files = 1
file_mib = 1
"""


@pytest.fixture
def directory(tmp_path):
    directory = tmp_path / "x"
    (directory / "__pycache__").mkdir(parents=True)
    (directory / "__pycache__/x.pyc").write_bytes(b"old")
    (directory / "x.py").write_text("class X: ...")
    (directory / "package.toml").write_text(SETTINGS)
    return directory


@pytest.fixture
def ground(tmp_path):
    def run(*arguments):
        return CliRunner().invoke(package, [str(each) for each in arguments])

    assert run("keys", tmp_path / "team.pem", "--new", "--name", "our team").exit_code == 0
    return run


def test_a_key_is_made_once_and_its_line_is_always_the_same(ground, tmp_path):
    key = tmp_path / "team.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    said = ground("keys", key, "--name", "our team").stdout
    digits, _, name = said.strip().partition(" ")
    assert (len(bytes.fromhex(digits)), name) == (32, "our team")
    again = ground("keys", key, "--new", "--name", "our team")
    assert again.exit_code
    assert "never overwritten" in again.output
    key.chmod(0o644)
    assert "chmod 600" in ground("keys", key, "--name", "x").output


def test_a_directory_is_signed_without_what_python_left_in_it(ground, directory, tmp_path):
    output = tmp_path / "x.package"
    ended = ground("sign", directory, "--key", tmp_path / "team.pem", "--output", output)
    assert ended.exit_code == 0, ended.output
    data = output.read_bytes()
    assert data.startswith(MAGIC)
    with zipfile.ZipFile(io.BytesIO(data[HEADER_OCTETS:])) as archive:
        assert archive.namelist() == ["package.json", "package.toml", "x.py"]
    os.symlink("/etc/passwd", directory / "link")
    ended = ground("sign", directory, "--key", tmp_path / "team.pem", "--output", output)
    assert "expected a regular file, found a symbolic link" in ended.output
    assert output.read_bytes() == data


def test_a_wheel_needs_settings_beside_it(ground, directory, tmp_path):
    wheel = tmp_path / "x-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("x.py", "class X: ...")
    assert wheel_files(wheel.read_bytes()) == {"x.py": b"class X: ..."}
    key, output = tmp_path / "team.pem", tmp_path / "x.package"
    assert "expected --settings" in ground("sign", wheel, "--key", key, "--output", output).output
    ended = ground("sign", wheel, "--key", key, "--output", output, "--settings", directory / "package.toml")
    assert ended.exit_code == 0, ended.output
    with pytest.raises(MisuseError, match="expected a ZIP archive"):
        wheel_files(b"none")


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('entry = "x:X"\n', "", "missing required field `entry`"),
        ("cpu_s = 1", 'cpu_s = "1"', "Expected `int`, got `str`"),
        ("[needs]", "[needs]\nmore = 1", "unknown field `more`"),
        ("[needs]", "[needs", "package settings: "),
    ],
)
def test_settings_that_say_too_little_or_too_much_are_refused_by_name(old, new, reason):
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    with pytest.raises(MisuseError, match=reason):
        make_package(SETTINGS.replace(old, new), {"x.py": b""}, key)
    with pytest.raises(MisuseError, match="expected 1 to 1999 files"):
        make_package(SETTINGS, {}, key)
