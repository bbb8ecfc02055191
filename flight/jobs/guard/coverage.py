"""What each level of the guard does not find, in the words of a job's report. ``docs/guard.md`` says it at length."""

from collections.abc import Mapping

from flight.jobs.guard_recipe import GuardLevel
from mission.jobs import Guarding

_ALWAYS = "evaluation, code, settings in memory"

NOT_COVERED: Mapping[GuardLevel, str] = {
    GuardLevel.OFF: "anything: nobody watches",
    GuardLevel.STATE: f"arithmetic and gradients that keep loss and norm in bounds, what is being updated, {_ALWAYS}",
    GuardLevel.COMPUTE: f"attention, norms and updates within bounds, what is just being updated, {_ALWAYS}",
    GuardLevel.REPLAY: f"as compute in steps that are done once, what goes wrong twice alike, {_ALWAYS}",
    GuardLevel.DOUBLE: f"what goes wrong twice alike, {_ALWAYS}",
}

_OF_PACKAGES = "what a package keeps beside State, evaluation, code"

PACKAGE_NOT_COVERED: Mapping[GuardLevel, str] = {
    GuardLevel.OFF: NOT_COVERED[GuardLevel.OFF],
    GuardLevel.STATE: f"whatever is struck during a step, {_OF_PACKAGES}",
    GuardLevel.REPLAY: f"whatever is struck during a step that is done once, {_OF_PACKAGES}",
    GuardLevel.DOUBLE: f"what goes wrong twice alike, {_OF_PACKAGES}",
}


def guarding_of(level: GuardLevel) -> Guarding:
    """Give the word for a level that is sent to the ground."""
    return Guarding[level.name]
