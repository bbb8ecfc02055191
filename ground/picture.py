"""What a station knows of its spacecraft from reports: the latest of each housekeeping structure, jobs, the dictionary.

It asks for nothing and keeps no history: the archive does.
"""

from typing import Any

from ground.conversations import ConversationBook
from ground.events import (
    CommandIssued,
    DictionaryDiffers,
    EventReported,
    HousekeepingReceived,
    ReportReceived,
    StationEvent,
    plain,
)
from ground.jobs import JobBook
from mission.dictionary import Dictionary
from mission.housekeeping import StructureKind
from mission.words.core import BOOTED, DICTIONARY_DIGEST

# A spacecraft changes its dictionary with its software; a few a mission. Beyond, they are not told apart any more.
DIGESTS_TOLD_MAX = 16


class Picture:
    """The spacecraft as it was heard.

    Args:
        dictionary: The words of the mission, as the station has them.
        conversations: Those that were heard of before the station started.
    """

    def __init__(self, dictionary: Dictionary, conversations: ConversationBook | None = None) -> None:
        self._dictionary = dictionary
        self._jobs = JobBook()
        self._conversations = conversations or ConversationBook()
        self._housekeeping: dict[tuple[StructureKind, int], HousekeepingReceived] = {}
        self._digests_found: set[bytes] = set()

    def learn(self, event: StationEvent, now_ns: int) -> list[StationEvent]:
        """Take in what a report says, and give what is to be told of it."""
        match event:
            case HousekeepingReceived():
                key = (event.kind, event.structure)
                latest = self._housekeeping.get(key)
                if latest is None or event.tai_ns >= latest.tai_ns:
                    self._housekeeping[key] = event
                return self._compare_digest(event.values.get(DICTIONARY_DIGEST.name), now_ns)
            case EventReported():
                self._jobs.note(event.name, event.values, event.tai_ns)
                if event.name == BOOTED.name and event.stored is None:
                    return self._compare_digest(event.values[DICTIONARY_DIGEST.name], now_ns)
            case ReportReceived():
                self._jobs.note(event.name, event.values, event.tai_ns)
                self._conversations.note(event.name, event.values, event.tai_ns)
            case CommandIssued():
                self._conversations.prompted(event.name, event.arguments)
        return []

    def snapshot(self) -> dict[str, Any]:
        """Give all of it, in plain values."""
        return {
            "dictionary_digest": self._dictionary.digest.hex(),
            "housekeeping": {
                str(each.structure) if each.kind is StructureKind.HOUSEKEEPING else each.name: {
                    "name": each.name,
                    "tai_ns": each.tai_ns,
                    "time_ns": each.time_ns,
                    "values": plain(each.values),
                }
                for _, each in sorted(self._housekeeping.items())
            },
            "jobs": self._jobs.snapshot(),
            "conversations": self._conversations.snapshot(),
            "models": self._conversations.models,
        }

    def _compare_digest(self, found: bytes | None, now_ns: int) -> list[StationEvent]:
        expected = self._dictionary.digest
        if found is None or found == expected or found in self._digests_found:
            return []
        if len(self._digests_found) >= DIGESTS_TOLD_MAX:
            return []
        self._digests_found.add(found)
        return [DictionaryDiffers(time_ns=now_ns, expected=expected, found=found)]
