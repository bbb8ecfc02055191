"""Packs the flight software of this checkout as one zip for a slot: ``python -m tools.pack_software OUT.zip``.

The zip is the same, octet for octet, whenever the files are. What it prints goes to ``ground put`` and `slot.install`.
"""

import hashlib
import sys
import zipfile
from pathlib import Path

PACKAGES = ("ccsds", "flight", "mission", "ports")
ROOT = Path(__file__).resolve().parent.parent


def pack(out: Path, root: Path = ROOT) -> str:
    """Write the zip.

    Returns:
        Its SHA-256 in hexadecimal.
    """
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for package in PACKAGES:
            for path in sorted((root / package).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), (2020, 1, 1, 0, 0, 0))
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    archive.writestr(entry, path.read_bytes())
    return hashlib.sha256(out.read_bytes()).hexdigest()


def main() -> None:
    """Pack what this checkout holds."""
    if len(sys.argv) != 2:
        sys.exit("pack_software: expected one argument, the zip to write")
    out = Path(sys.argv[1])
    digest = pack(out)
    print(f"{out}: {out.stat().st_size} octets, SHA-256 {digest}")


if __name__ == "__main__":
    main()
