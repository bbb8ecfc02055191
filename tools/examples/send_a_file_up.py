"""Send a file up, and see that it arrived as it left."""

import hashlib
from pathlib import Path


def run(sc, local: str, remote: str = "notes.txt"):
    content = Path(local).read_bytes()
    with sc.step(f"Send {local} as {remote}"):
        sc.files.put(local, remote, within_s=1800)
    with sc.step("Compare it"):
        said = sc.report(lambda: sc.file.attributes(name=remote), "file_attributes")
        sc.check(said["sha256"] == hashlib.sha256(content).hexdigest(), f"{len(content)} octets are the same on board")
