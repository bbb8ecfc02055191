"""The key files of a run, drawn from its seed so that equal seeds give equal octets.

Whoever knows the seed knows the keys: they protect an emulated link and nothing else.
"""

from pathlib import Path

from ccsds.sdls.key_file import End, generate_keys
from hil.streams import Streams
from mission.channels import PROTECTED_CHANNELS
from mission.profiles import LinkProfile
from ports.key_directory import create_key_file

FOLDER = "keys"
"""In the folder of a run."""


def lay_keys(folder: Path, streams: Streams, profile: LinkProfile | None = None) -> dict[End, Path]:
    """Write a pair of key files into the folder of a run.

    Args:
        folder: Of the run.
        streams: Of its seed; keys are drawn from ``keys``.
        profile: Of its link; None is one without segment headers.

    Returns:
        The path of each end's file.
    """
    drawn = 0

    def draw(octets: int) -> bytes:
        nonlocal drawn
        drawn += 1
        return streams.block("keys", drawn - 1).bytes(octets)

    place = folder / FOLDER
    place.mkdir(mode=0o700)
    paths = {}
    segmented = profile.segmented_channels if profile else ()
    for end, file in generate_keys(PROTECTED_CHANNELS, draw, segmented=segmented).items():
        # Each in a directory of its own, which an end may have on a disk that loses its power.
        (place / end.value).mkdir(mode=0o700)
        paths[end] = place / end.value / f"{end.value}.keys"
        create_key_file(paths[end], file.encode())
    return paths
