"""Bring a file down, and write it here."""

from pathlib import Path


def run(sc, remote: str, local: str):
    with sc.step(f"Bring {remote} down"):
        content = sc.files.get(remote, within_s=1800)
    Path(local).write_bytes(content)
    sc.say(f"{len(content)} octets are in {local}")
