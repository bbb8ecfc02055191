"""``ground package``: sign packages of own jobs, and make the keys that sign them. It needs no station."""

from pathlib import Path

import click
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ccsds.errors import MisuseError
from ground.cli.options import json_option, plain_errors, tell
from ground.package_signing import make_package, public_octets, wheel_files
from mission.packages import KEYS_NAME, SETTINGS_NAME, SUFFIX
from ports.key_directory import create_key_file

_NOT_PACKED = ("__pycache__", ".git", ".venv")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group()
def package() -> None:
    """Sign packages of own jobs, and make the keys that sign them."""


@package.command("keys")
@click.argument("key_file", type=_FILE)
@click.option("--new", is_flag=True, help="Make the key; a file that exists is never overwritten.")
@click.option("--name", required=True, help="Of the key, as the spacecraft calls it.")
@json_option
def package_keys(key_file: Path, new: bool, name: str, as_json: bool) -> None:
    """Print the line by which the spacecraft knows the key in KEY_FILE.

    The line goes into a file of the spacecraft's store that no upload reaches.
    """
    with plain_errors():
        if new:
            pem = Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            create_key_file(key_file, pem)
        key = _read_key(key_file)
    public = public_octets(key).hex()
    tell({"name": name, "public": public}, f"{public} {name}", as_json=as_json)
    click.echo(f"a line of {KEYS_NAME} in the store of the spacecraft", err=True)


@package.command("sign")
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--key", "key_file", required=True, type=_FILE, help="Made by `ground package keys --new`.")
@click.option("--settings", type=_FILE, help=f"Name, version, entry and needs; SOURCE/{SETTINGS_NAME} if not said.")
@click.option("--output", type=_FILE, help=f"NAME{SUFFIX} if not said.")
@json_option
def package_sign(source: Path, key_file: Path, settings: Path | None, output: Path | None, as_json: bool) -> None:
    """Make a signed package of SOURCE, a directory or a wheel of pure Python; `ground put` sends it up."""
    with plain_errors():
        files = _directory_files(source) if source.is_dir() else wheel_files(source.read_bytes())
        if settings is None and not source.is_dir():
            raise MisuseError(f"{source}: a wheel says nothing of what it needs: expected --settings")
        text = (settings or source / SETTINGS_NAME).read_text("utf-8")
        data = make_package(text, files, _read_key(key_file))
        path = output or Path(f"{source.stem}{SUFFIX}")
        path.write_bytes(data)
    made = {"path": str(path), "files": len(files), "octets": len(data)}
    text = (
        f"{path}: {len(files)} files, {len(data)} octets\n  ground put {path}\n"
        f"  ground send job.submit job_id=1 recipe=package corpus=files/{path.name}"
    )
    tell(made, text, as_json=as_json)


def _directory_files(directory: Path) -> dict[str, bytes]:
    """Give the files of a directory by path.

    Raises:
        MisuseError: There is a symbolic link in it.
    """
    files: dict[str, bytes] = {}
    for path in sorted(directory.rglob("*")):
        relative = path.relative_to(directory)
        if set(relative.parts) & set(_NOT_PACKED) or path.suffix == SUFFIX:
            continue
        if path.is_symlink():
            raise MisuseError(f"{path}: expected a regular file, found a symbolic link")
        if path.is_file():
            files[relative.as_posix()] = path.read_bytes()
    return files


def _read_key(path: Path) -> Ed25519PrivateKey:
    if path.stat().st_mode & 0o077:
        raise MisuseError(f"{path}: expected a file of which others have nothing (chmod 600)")
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise MisuseError(f"{path}: expected an Ed25519 private key in PEM, found something else")
    return key
