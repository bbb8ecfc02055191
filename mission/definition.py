"""The dictionary of this mission, put together from the words of its services. Data only."""

from mission.dictionary import Dictionary
from mission.words import (
    boots,
    connection_test,
    core,
    events,
    files,
    governor,
    housekeeping,
    inference,
    jobs,
    keys,
    link,
    mode,
    monitoring,
    packing,
    parameters,
    procedures,
    reactions,
    safeguards,
    schedule,
    scrubbing,
    slots,
    storage,
    time,
)

_OWNERS = (
    core.WORDS,
    connection_test.WORDS,
    time.WORDS,
    jobs.WORDS,
    inference.WORDS,
    keys.WORDS,
    link.WORDS,
    events.OWN,
    mode.WORDS,
    boots.WORDS,
    safeguards.WORDS,
    schedule.WORDS,
    files.WORDS,
    procedures.WORDS,
    monitoring.WORDS,
    reactions.WORDS,
    storage.WORDS,
    scrubbing.WORDS,
    slots.WORDS,
    packing.WORDS,
    governor.WORDS,
)
"""The services that have words of their own."""

_PARAMETERS = parameters.words(_OWNERS)

SERVICES = (
    *_OWNERS,
    # These speak of what the others have declared.
    housekeeping.words(_OWNERS),
    _PARAMETERS,
    events.words((*_OWNERS, _PARAMETERS)),
)

DICTIONARY = Dictionary(*SERVICES)
"""What both ends agree on; each compares its `Dictionary.digest` with the other's."""
