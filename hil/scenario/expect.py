"""What must come of a run."""

from typing import Annotated

import msgspec
from msgspec import Meta

from hil.scenario.table import Table


class ExpectTable(Table, frozen=True, kw_only=True):
    """What must come of it, beside what must always hold."""

    weights_as_reference: bool = False
    """The finished weights are bit for bit those of the same job run undisturbed."""
    below_bigram_by: Annotated[float, Meta(ge=0)] | None = None
    """Nats by which the validation loss is under the validation split's own bigram model."""
    validation_loss_below: dict[str, float] = msgspec.field(default_factory=dict)
    """For a corpus, by its SHA-256, what the validation loss must be under; other corpora are not judged by it."""
    sample: bool = False
    """The trained model's sample text arrives."""
    commands_sent_again_min: Annotated[int, Meta(ge=0)] = 0
    """Commands that the tracker had to send more than once."""
    answers_from_journal_min: Annotated[int, Meta(ge=0)] = 0
    """Commands that came again and were answered from the journal."""
    workers_lost_min: Annotated[int, Meta(ge=0)] = 0
    faults_mended_min: Annotated[int, Meta(ge=0)] = 0
    """Strikes that the job's guard found and undid, by the job's report."""
