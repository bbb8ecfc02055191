"""The undisturbed run that a disturbed one is compared with: the same job, bare, in a process of its own.

It runs beside the scenario and shares nothing with it but the recipe, the corpus and the seed.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Any

from ccsds.errors import StarloopError
from flight.jobs.corpus import CorpusFile
from hil.run.checks import Reference


class ReferenceFailedError(StarloopError):
    """The undisturbed run did not come to its end."""


class ReferenceRun:
    """A reference run, started at once.

    Args:
        submitted: The arguments of the job's submission.
        corpus: Its text.
    """

    def __init__(self, submitted: Mapping[str, Any], corpus: CorpusFile) -> None:
        self._corpus = corpus
        overrides = [submitted["overrides"]] if submitted["overrides"] else []
        overrides += [f"training.steps = {submitted['steps']}"] if submitted["steps"] else []
        command = [sys.executable, "-m", "flight.jobs.reference", submitted["recipe"], "--corpus", str(corpus.path)]
        command += ["--seed", str(submitted["seed"]), "--json"]
        for override in overrides:
            command += ["--override", override]
        self._complaints = tempfile.TemporaryFile()
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._complaints)

    def result(self) -> Reference:
        """Wait for the end and give what came of it.

        Raises:
            ReferenceFailedError: It failed, with its last words.
        """
        output, _ = self._process.communicate()
        if self._process.returncode != 0:
            self._complaints.seek(0)
            words = self._complaints.read().decode(errors="replace").strip().splitlines()
            raise ReferenceFailedError(f"the undisturbed run failed: {words[-1] if words else 'no message'}")
        found = json.loads(output)
        return Reference(
            weights_sha256=found["weights_sha256"],
            validation_loss=found["validation_loss"],
            bigram_loss=found["bigram_loss"],
            corpus_sha256=self._corpus.sha256,
            tokens_per_s=found["tokens_per_s"],
        )

    def stop(self) -> None:
        """End it, if it still runs."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
        self._complaints.close()
