"""What must come of a run."""

from typing import Annotated, Literal

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
    limited_for: list[Literal["POWER", "THERMAL"]] = msgspec.field(default_factory=list)
    """For each of these the governor throttled or held jobs, by telemetry."""
    brown_outs_min: Annotated[int, Meta(ge=0)] = 0
    """How often the battery was empty, at least."""
    brown_outs_max: Annotated[int, Meta(ge=0)] | None = None
    """How often it was, at most."""
    device_c_below: float | None = None
    """The compute device never came to this temperature."""
    particles_min: Annotated[int, Meta(ge=0)] = 0
    """Particles of which something came."""
    faults_mended_min: Annotated[int, Meta(ge=0)] = 0
    """Strikes that the job's guard found and undid, by the job's report."""
