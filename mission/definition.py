"""The dictionary of this mission, put together from its declarations. Data only."""

from mission.commands import COMMANDS
from mission.dictionary import Dictionary
from mission.events import EVENTS
from mission.telemetry import REPORTS, STRUCTURES

DICTIONARY = Dictionary(commands=COMMANDS, reports=REPORTS, structures=STRUCTURES, events=EVENTS)
"""What both ends agree on; each compares its `Dictionary.digest` with the other's."""
