"""The texts that a scenario wants on board: those that come with the harness, and all that `flight` finds by itself."""

import os
from dataclasses import replace
from importlib import resources

from ccsds.errors import MisuseError
from flight.jobs.corpus import CorpusFile, CorpusSources, find_corpora_on_board, find_corpus
from hil.scenario.scenario import Scenario
from mission.files import FILES_DIRECTORY
from mission.packages import SUFFIX


def find_corpora(scenario: Scenario) -> dict[str, CorpusFile]:
    """Find the texts that a scenario wants on board.

    Raises:
        MisuseError: One is unknown or unreadable, or a job wants one that is not listed.
    """
    sources = CorpusSources.from_environment(os.environ)
    shipped = {path.name.removesuffix(".txt"): path for path in (resources.files("hil") / "texts").iterdir()}
    wanted = [f"{name}={shipped[name]}" if name in shipped else name for name in scenario.spacecraft.corpora]
    corpora = find_corpora_on_board(wanted, sources)
    for file in (*scenario.spacecraft.files, *scenario.station.files):
        if file.corpus is not None:
            # A job may name it once it is in the store.
            name = f"{FILES_DIRECTORY}/{file.name}"
            corpora[name] = replace(find_corpus(file.corpus, sources), name=name)
    submitted = scenario.submitted()
    # A package comes up in the run, and the spacecraft says what is wrong with it.
    is_package = bool(submitted) and submitted["corpus"].endswith(SUFFIX)
    if submitted and not is_package and submitted["corpus"] not in corpora:
        known = ", ".join(sorted(corpora)) or "none"
        raise MisuseError(f"unknown corpus {submitted['corpus']!r}: expected one on board ({known})")
    return corpora
