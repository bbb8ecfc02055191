"""Bring a model down packed, as its difference from one that is here already if there is one."""

from pathlib import Path

from ground.file_source import FileSource, write_whole
from packing.exact import unpack
from packing.source import Octets


def run(sc, model: str, local: str, base: str = "", base_local: str = ""):
    with sc.step(f"Have {model} packed on board"):
        told = sc.files.pack(model, "down.pack", base=base, within_s=600)
    sc.say(f"{told['packed_size']} octets of {told['size']} go down")
    with sc.step("Bring it down"):
        packed = Octets(sc.files.get("down.pack", within_s=1800))
    if base_local:
        with FileSource(Path(base_local)) as here:
            octets = write_whole(Path(local), unpack(packed, here))
    else:
        octets = write_whole(Path(local), unpack(packed))
    sc.check(octets == told["size"], f"{local} is as long as {model}")
    with sc.step("Tidy up on board"):
        sc.arm("file.delete")
        sc.file.delete(name="down.pack")
