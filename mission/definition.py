"""The dictionary of this mission, put together from the words of its services. Data only."""

from mission.dictionary import Dictionary
from mission.words import connection_test, core, housekeeping, jobs, keys, schedule

SERVICES = (
    core.WORDS,
    connection_test.WORDS,
    housekeeping.WORDS,
    jobs.WORDS,
    keys.WORDS,
    schedule.WORDS,
)

DICTIONARY = Dictionary(*SERVICES)
"""What both ends agree on; each compares its `Dictionary.digest` with the other's."""
