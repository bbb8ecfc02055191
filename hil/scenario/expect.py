"""What must come of a run."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ccsds.errors import MisuseError
from hil.scenario.table import Seconds, Table
from mission.definition import DICTIONARY

GOAL_KINDS = ("job", "file", "command", "event")
"""What a goal can be."""


class GoalTable(Table, frozen=True, kw_only=True):
    """Something that has to be reached by a time. Exactly one of `GOAL_KINDS`."""

    by_s: Seconds
    """Mission time."""
    job: Annotated[int, Meta(ge=1)] | None = None
    """This job is done, and the ground knows."""
    file: str | None = None
    """The file of this name has arrived, in either direction."""
    command: str | None = None
    """This command has completed."""
    event: str | None = None
    """This event of the spacecraft has come to the ground."""
    count: Annotated[int, Meta(ge=1)] | None = None
    """How often a command or an event must have come; once, if it is not said."""


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
    replies_min: Annotated[int, Meta(ge=0)] = 0
    """At least so many replies of the model on board are whole at the station, by their digests."""
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
    invariants: bool = False
    """All that a soak campaign looks for holds (docs/soak.md); in virtual time only."""
    goals: list[GoalTable] = msgspec.field(default_factory=list)
    """What has to be reached by when."""


def check_goals(goals: list[GoalTable], duration_s: float) -> None:
    """Refuse goals that are well-formed but make no sense.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    for number, goal in enumerate(goals):
        key = f"expect.goals[{number}]"
        kinds = [kind for kind in GOAL_KINDS if getattr(goal, kind) is not None]
        if len(kinds) != 1:
            raise MisuseError(f"{key}: expected one of {', '.join(GOAL_KINDS)}, found {' and '.join(kinds) or 'none'}")
        if goal.count is not None and kinds[0] not in ("command", "event"):
            raise MisuseError(f"{key}.count: expected it beside command or event alone, found {kinds[0]}")
        if goal.by_s > duration_s:
            raise MisuseError(f"{key}.by_s: expected at most duration_s = {duration_s:g}, found {goal.by_s:g}")
        if goal.event is not None and goal.event not in DICTIONARY.events:
            raise MisuseError(f"{key}.event: expected an event of the dictionary, found {goal.event!r}")
        if goal.command is not None:
            try:
                DICTIONARY.command(goal.command)
            except MisuseError as error:
                raise MisuseError(f"{key}: {error}") from None
