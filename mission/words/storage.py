"""The words of ST[15] on-board storage and retrieval (ECSS-E-ST-70-41C 6.15 and 8.15). Data only.

A stored packet is known by its store and its number there, which is never given twice. Open retrieval is the playback
of all that the ground has not confirmed, oldest first; it goes on by itself in contact. Subtypes from 128 on are the
mission's own. What goes into which store is told in `mission.storage`.
"""

from mission.dictionary import Command, EventDefinition, Hazard, Repeat, Report, Severity, Words, counter
from mission.field_types import Enumerated, Octets, Reference, UInt
from mission.fields import REQUIRED, Array, Field, Layout, Rows
from mission.schedule import Switch
from mission.storage import (
    CONTENT_ROWS_MAX,
    GAPS_MAX,
    LIVE_ROWS_MAX,
    MISSING_ROWS_MAX,
    Gone,
    StoreId,
)

# The source data of a stored packet is bounded by its kind; this is the longest that a packet field can say.
PACKET_OCTETS_MAX = 65_000

STORED_COUNTS = {
    store: counter(320 + 4 * store, f"{store.name.lower()}_stored", f"next number in the store of {store.name.lower()}")
    for store in StoreId
}
"""By store."""
OVERWRITTEN_COUNTS = {
    store: counter(
        321 + 4 * store,
        f"{store.name.lower()}_overwritten",
        f"packets of {store.name.lower()} overwritten before they were confirmed",
    )
    for store in StoreId
}
"""By store."""
UNSTORED_COUNTS = {
    store: counter(
        322 + 4 * store,
        f"{store.name.lower()}_unstored",
        f"packets of {store.name.lower()} that the store failed to keep since the start",
    )
    for store in StoreId
}
"""By store."""

_STORES = Field(
    "stores", Array(Reference("store", {each.name.lower(): int(each) for each in StoreId}, 8), len(StoreId)), "which"
)
_STORE = Field("store", Enumerated(StoreId), "which", default=REQUIRED)
_SEQUENCE = UInt(32)
_FIRST = Field("first", _SEQUENCE, "number of the first")
_LAST = Field("last", _SEQUENCE, "number of the last")
_COUNT = Field("count", UInt(32), "how many")
_RANGE = Layout((_FIRST, _LAST))
_TAI = UInt(64)

STORE_OVERWROTE = EventDefinition(
    id=320,
    name="store_overwrote",
    severity=Severity.LOW,
    text="the store of {store} was full: {count} packets from {first} to {last} are overwritten and were not confirmed",
    fields=Layout((_STORE, _FIRST, _LAST, _COUNT)),
)
STORE_MENDED = EventDefinition(
    id=321,
    name="store_mended",
    severity=Severity.LOW,
    text="the store of {store} had {octets} octets that were never whole or are damaged; they are left out",
    fields=Layout((_STORE, Field("octets", UInt(64), "how many", unit="octets"))),
)

WORDS = Words(
    commands=(
        Command(
            name="storage.enable",
            service=15,
            subtype=1,
            description="Store reports from now on.",
            arguments=Layout((_STORES,)),
            repeat=Repeat.STORE,
            in_safe=True,
        ),
        Command(
            name="storage.disable",
            service=15,
            subtype=2,
            description="Store no reports from now on; what is stored stays.",
            arguments=Layout((_STORES,)),
            repeat=Repeat.STORE,
        ),
        Command(
            name="storage.retrieve_time",
            service=15,
            subtype=9,
            description="Play back once what was stored in a range of on-board time, confirmed or not.",
            arguments=Layout(
                (
                    _STORE,
                    Field("start", _TAI, "from this time on, TAI since 1958", unit="ns", default=0),
                    Field("end", _TAI, "up to this time", unit="ns", default=(1 << 64) - 1),
                )
            ),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="storage.delete",
            service=15,
            subtype=11,
            description="Delete the segments of a store that end before a time, confirmed or not.",
            arguments=Layout(
                (_STORE, Field("end", _TAI, "up to this time, TAI since 1958", unit="ns", default=REQUIRED))
            ),
            repeat=Repeat.IDEMPOTENT,
            hazard=Hazard.LOSES_TELEMETRY,
        ),
        Command(
            name="storage.summary",
            service=15,
            subtype=12,
            description="Report what is in each store.",
            repeat=Repeat.IDEMPOTENT,
            in_safe=True,
        ),
        Command(
            name="storage.open_from",
            service=15,
            subtype=14,
            description="Have open retrieval play back again what was stored from a time on.",
            arguments=Layout((_STORE, Field("start", _TAI, "TAI since 1958", unit="ns", default=REQUIRED))),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="storage.resume",
            service=15,
            subtype=15,
            description="Let open retrieval go on.",
            arguments=Layout((_STORES,)),
            repeat=Repeat.STORE,
            in_safe=True,
        ),
        Command(
            name="storage.suspend",
            service=15,
            subtype=16,
            description="Let open retrieval stand still.",
            arguments=Layout((_STORES,)),
            repeat=Repeat.STORE,
        ),
        Command(
            name="storage.abort",
            service=15,
            subtype=17,
            description="End the retrievals of ranges that are under way.",
            arguments=Layout((_STORES,)),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="storage.retrieve",
            service=15,
            subtype=128,
            description="Play back once a range of numbers, confirmed or not.",
            arguments=Layout(
                (
                    _STORE,
                    Field("first", _SEQUENCE, "number of the first", default=REQUIRED),
                    Field("last", _SEQUENCE, "number of the last", default=REQUIRED),
                )
            ),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="storage.confirm",
            service=15,
            subtype=129,
            description="Say what the ground has; the gaps are played back again. The last one counts.",
            arguments=Layout(
                (
                    _STORE,
                    Field("end", _SEQUENCE, "one past the last number that the ground speaks of", default=REQUIRED),
                    Field("gaps", Rows(_RANGE, GAPS_MAX, count_min=0), "what it has not", default=[]),
                )
            ),
            repeat=Repeat.STORE,
            is_automatic=True,
        ),
        Command(
            name="storage.confirm_time",
            service=15,
            subtype=133,
            description="Say that the ground has all that was stored up to a time, gaps and all.",
            arguments=Layout(
                (_STORE, Field("end", _TAI, "up to this time, TAI since 1958", unit="ns", default=REQUIRED))
            ),
            repeat=Repeat.STORE,
        ),
    ),
    reports=(
        Report(
            name="storage_summary",
            service=15,
            subtype=13,
            description="What is in each store, and how far it was sent and confirmed.",
            fields=Layout(
                (
                    Field(
                        "stores",
                        Rows(
                            Layout(
                                (
                                    _STORE,
                                    Field("storing", Enumerated(Switch), "whether reports are stored"),
                                    Field("playing", Enumerated(Switch), "whether open retrieval goes on"),
                                    Field("first", _SEQUENCE, "number of the oldest on board"),
                                    Field("next", _SEQUENCE, "number of the next to be stored"),
                                    Field("sent", _SEQUENCE, "everything before this has been sent since contact came"),
                                    Field("confirmed", _SEQUENCE, "everything before this is confirmed"),
                                    Field("overwritten", UInt(32), "packets overwritten and not confirmed, ever"),
                                    Field("octets", UInt(32), "on the disk", unit="octets"),
                                )
                            ),
                            len(StoreId),
                        ),
                    ),
                )
            ),
        ),
        Report(
            name="storage_content",
            service=15,
            subtype=130,
            description="Stored packets, as they were said; on the virtual channel of playback.",
            fields=Layout(
                (
                    _STORE,
                    Field(
                        "packets",
                        Rows(
                            Layout(
                                (
                                    Field("sequence", _SEQUENCE, "number in the store"),
                                    Field("packet", Octets(PACKET_OCTETS_MAX), "a telemetry packet"),
                                )
                            ),
                            CONTENT_ROWS_MAX,
                        ),
                    ),
                )
            ),
        ),
        Report(
            name="storage_live",
            service=15,
            subtype=131,
            description="Where live packets are stored, so that one that was lost can be asked for.",
            fields=Layout(
                (
                    Field(
                        "packets",
                        Rows(
                            Layout(
                                (
                                    Field("count", UInt(16), "packet sequence count that it left with"),
                                    Field("crc", UInt(16), "CRC-16 that it left with"),
                                    Field("store", Enumerated(StoreId), "its store"),
                                    Field("sequence", _SEQUENCE, "its number there"),
                                )
                            ),
                            LIVE_ROWS_MAX,
                        ),
                    ),
                )
            ),
        ),
        Report(
            name="storage_missing",
            service=15,
            subtype=132,
            description="Of what the ground asked for, what there is not, and why.",
            fields=Layout(
                (
                    _STORE,
                    Field(
                        "ranges",
                        Rows(Layout((_FIRST, _LAST, Field("gone", Enumerated(Gone), "why"))), MISSING_ROWS_MAX),
                    ),
                )
            ),
        ),
    ),
    parameters=(*STORED_COUNTS.values(), *OVERWRITTEN_COUNTS.values(), *UNSTORED_COUNTS.values()),
    events=(STORE_OVERWROTE, STORE_MENDED),
)
