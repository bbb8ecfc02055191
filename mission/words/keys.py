"""The words of mission service [130] keys, and of link security. Data only."""

from mission.dictionary import (
    Command,
    EventDefinition,
    Hazard,
    Parameter,
    Repeat,
    Report,
    Severity,
    Structure,
    Words,
    counter,
)
from mission.field_types import Enumerated, Text, UInt
from mission.fields import REQUIRED, Field, Layout
from mission.keys import KeyCondition, KeyDirection, KeyStanding, Refusal

NS_PER_S = 1_000_000_000


KEYS_STANDING = Parameter(
    id=50, shape=Field("keys_standing", Enumerated(KeyStanding), "what the key store was when the software started")
)
TELEMETRY_SPI = counter(51, "telemetry_spi", "SPI under which live telemetry is sent, 0 if none")
FRAMES_PROTECTED = counter(52, "frames_protected", "TM frames sent protected")
FRAMES_AUTHENTIC = counter(53, "frames_authentic", "TC frames whose MAC and counter were right")
REFUSED_FRAMES = counter(54, "frames_refused", "TC frames refused by link security, for any reason")
FRAMES_REFUSED_FOR = {
    refusal: counter(60 + refusal, f"refused_{refusal.name.lower()}", f"TC frames refused: {text}")
    for refusal, text in (
        (Refusal.TOO_SHORT, "no room for a security header, an octet and a MAC"),
        (Refusal.UNKNOWN_SPI, "no key goes by that number"),
        (Refusal.WRONG_CHANNEL, "the key belongs to another channel"),
        (Refusal.KEY_NOT_ACTIVE, "the key is not in use"),
        (Refusal.COUNTER_OUT_OF_RANGE, "a counter that no sender comes to"),
        (Refusal.BAD_MAC, "not made with this key, or changed since"),
        (Refusal.REPLAYED, "it was accepted before"),
        (Refusal.BEHIND_WINDOW, "too late to tell whether it was accepted before"),
        (Refusal.AHEAD_OF_WINDOW, "a counter that jumps too far"),
    )
}
"""By reason; frames for the other reasons of link security never come so far on this channel."""

_SPI = Field(
    "spi", UInt(16), "security parameter index, which names the key", minimum=1, maximum=65_534, default=REQUIRED
)
_REASON = Field("reason", Text(200), "why")
KEY_CHANGED = EventDefinition(
    id=10,
    name="key_changed",
    severity=Severity.INFORMATIVE,
    text="key of SPI {spi}: {before} -> {after}",
    fields=Layout(
        (
            Field("spi", UInt(16), "whose key"),
            Field("before", Enumerated(KeyCondition)),
            Field("after", Enumerated(KeyCondition)),
        )
    ),
)
KEYS_RESTORED = EventDefinition(
    id=11,
    name="keys_restored",
    severity=Severity.HIGH,
    text="the key store is a copy, a backup, or damaged: telemetry keys that it sent under are spent, activate others",
)
FRAMES_REFUSED = EventDefinition(
    id=12,
    name="frames_refused",
    severity=Severity.MEDIUM,
    text="link security refused {more} TC frames, {count} since the start, most of them for {refusal}",
    fields=Layout(
        (
            Field("more", UInt(32), "since this was last told"),
            Field("count", UInt(32), "since the start"),
            Field("refusal", Enumerated(Refusal), "the most frequent reason since this was last told"),
        )
    ),
)
TELEMETRY_HELD = EventDefinition(
    id=13,
    name="telemetry_held",
    severity=Severity.HIGH,
    text="telemetry waited, since it could not be protected: {reason}",
    fields=Layout((_REASON,)),
)

WORDS = Words(
    commands=(
        Command(
            name="key.activate",
            service=130,
            subtype=1,
            description="Take a key into use on board: accept frames under it, or send under it.",
            arguments=Layout((_SPI,)),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="key.deactivate",
            service=130,
            subtype=2,
            description="Take a key out of use on board; it can be activated again. The last that works is refused.",
            arguments=Layout((_SPI,)),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="key.destroy",
            service=130,
            subtype=3,
            description="Erase a key on board that is not active, for ever.",
            arguments=Layout((_SPI,)),
            repeat=Repeat.IDEMPOTENT,
            hazard=Hazard.LOSES_KEY,
        ),
        Command(
            name="key.report",
            service=130,
            subtype=4,
            description="Report one key on board: its state, and how far its counters are.",
            arguments=Layout((_SPI,)),
            repeat=Repeat.IDEMPOTENT,
        ),
    ),
    reports=(
        Report(
            name="key_report",
            service=130,
            subtype=132,
            description="One key on board; sent on request.",
            fields=Layout(
                (
                    Field("spi", UInt(16), "security parameter index"),
                    Field("direction", Enumerated(KeyDirection), "what it protects"),
                    Field("virtual_channel", UInt(8), "of that direction"),
                    Field("state", Enumerated(KeyCondition), "where it is in its life"),
                    Field("is_sending", UInt(8), "1 if the spacecraft sends under it"),
                    Field("sent_below", UInt(64), "counters below this may have been used to send"),
                    Field("accepted_below", UInt(64), "counters from this on were never accepted"),
                )
            ),
        ),
    ),
    structures=(
        Structure(
            id=3,
            name="security",
            description="Link security: keys, and the frames it has refused.",
            parameters=(
                KEYS_STANDING,
                TELEMETRY_SPI,
                FRAMES_PROTECTED,
                FRAMES_AUTHENTIC,
                REFUSED_FRAMES,
                *FRAMES_REFUSED_FOR.values(),
            ),
            period_ns=10 * NS_PER_S,
        ),
    ),
    events=(
        KEY_CHANGED,
        KEYS_RESTORED,
        FRAMES_REFUSED,
        TELEMETRY_HELD,
    ),
)
