"""One of the processes of a job of several: what torchrun starts. It ties itself to torchrun, then does its work.

It first sees to it that it does not outlive torchrun, and only then imports torch, which takes seconds.
"""

import argparse
import base64
import os
import sys
from pathlib import Path

from flight.jobs.parent import end_with_parent


def main() -> None:
    """Run the rank until the engine is done with the group."""
    parser = argparse.ArgumentParser(prog="python -m flight.jobs.rank", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="directory of the spacecraft's store")
    parser.add_argument("--first", required=True, help="the first request, as base64")
    parser.add_argument("--parent", type=int, required=True, help="process id of torchrun")
    arguments = parser.parse_args()
    end_with_parent()
    if os.getppid() != arguments.parent:
        sys.exit("rank: torchrun ended before this rank began")
    from flight.jobs.group_worker import run_rank

    run_rank(arguments.store, base64.b64decode(arguments.first))


if __name__ == "__main__":
    main()
