"""The words of mission service [129] inference. Data only."""

from mission.dictionary import (
    Command,
    EventDefinition,
    Hazard,
    Parameter,
    Repeat,
    Report,
    Setting,
    Severity,
    Structure,
    Words,
    counter,
)
from mission.field_types import Enumerated, Float, Octets, Text, UInt
from mission.fields import REQUIRED, Field, Layout, Rows
from mission.inference import (
    CANARY_OCTETS_MAX,
    CHUNK_OCTETS_MAX,
    CONVERSATIONS_MAX,
    MODEL_NAME_OCTETS_MAX,
    MODELS_LISTED_MAX,
    PROMPT_OCTETS_MAX,
    REPLY_TOKENS_MAX,
    ModelFault,
    ModelKind,
    ReplyEnd,
)
from mission.modes import WORKING_MODES
from mission.schedule import Switch
from mission.slots import Phase, Slot

NS_PER_S = 1_000_000_000

PROMPTS_WAITING = counter(150, "prompts_waiting", "prompts without a whole reply")
CONVERSATION = counter(151, "conversation", "conversation whose reply is being written, 0 if none")
REPLY_TOKENS = counter(152, "reply_tokens", "tokens of it by now")
REPLY_TOKENS_PER_S = Parameter(
    id=153, shape=Field("reply_tokens_per_s", Float(32), "of the reply at hand, or the latest", unit="1/s")
)
MODEL_SLOT = Parameter(id=154, shape=Field("model_slot", Enumerated(Slot), "slot of the model that is served"))
MODEL_CHECKS = counter(155, "model_checks", "canaries that were asked since the start")
MODEL_FAULTS = counter(156, "model_faults", "times a model was found struck, damaged or wrong since the start")

CHUNK_TOKENS = Setting(
    id=690,
    shape=Field(
        "chunk_tokens",
        UInt(16),
        "tokens of a reply that are written, and told, at once",
        minimum=1,
        maximum=256,
        default=16,
    ),
)
CANARY_PERIOD = Setting(
    id=691,
    shape=Field(
        "canary_period",
        UInt(32),
        "between two canaries of a model that is being served",
        unit="s",
        minimum=10,
        maximum=86_400,
        default=600,
    ),
)
MODEL_IDLE = Setting(
    id=692,
    shape=Field(
        "model_idle",
        UInt(32),
        "a model that nobody has asked for so long is taken out of memory",
        unit="s",
        minimum=1,
        maximum=86_400,
        default=900,
    ),
)
MODEL_MEMORY_MAX = Setting(
    id=693,
    shape=Field(
        "model_memory_max",
        UInt(32),
        "a model that would take more of the memory is refused; 0 for what the computer has",
        unit="MiB",
        maximum=1 << 24,
        default=0,
    ),
)

_CHOSEN = Field(
    "conversation", UInt(32), "number of the conversation, chosen by the operator", minimum=1, default=REQUIRED
)
_CONVERSATION = Field("conversation", UInt(32), "number of the conversation")
_CHOSEN_TURN = Field("turn", UInt(16), "number of the prompt in its conversation, growing", minimum=1, default=REQUIRED)
_TURN = Field("turn", UInt(16), "number of the prompt in its conversation")
_ATTEMPT = Field("attempt", UInt(16), "how often the reply was begun; what came of an earlier attempt is void")
_NAME = Field("name", Text(MODEL_NAME_OCTETS_MAX), "of the model, as file.list gives it", default=REQUIRED)
_MODEL = Field("name", Text(MODEL_NAME_OCTETS_MAX), "of the model")
_SLOT = Field("slot", Enumerated(Slot), "its slot")
_REASON = Field("reason", Text(200), "why")
_FAULT = Field("fault", Enumerated(ModelFault), "what is wrong")

MODEL_SERVED = EventDefinition(
    id=360,
    name="model_served",
    severity=Severity.INFORMATIVE,
    text="model {name} of slot {slot} is loaded, and has given the answer that is known",
    fields=Layout((_SLOT, _MODEL)),
)
MODEL_ACTIVATED = EventDefinition(
    id=361,
    name="model_activated",
    severity=Severity.INFORMATIVE,
    text="model {name} of slot {slot} is the one that is served from now on",
    fields=Layout((_SLOT, _MODEL)),
)
MODEL_REFUSED = EventDefinition(
    id=362,
    name="model_refused",
    severity=Severity.MEDIUM,
    text="model {name} is not activated, slot {serving} is served as before: {fault}, {reason}",
    fields=Layout((_MODEL, Field("serving", Enumerated(Slot), "what is served"), _FAULT, _REASON)),
)
MODEL_ROLLED_BACK = EventDefinition(
    id=363,
    name="model_rolled_back",
    severity=Severity.HIGH,
    text="model {name} is not served any more, slot {serving} is: {fault}, {reason}",
    fields=Layout((_MODEL, Field("serving", Enumerated(Slot), "what is served now"), _FAULT, _REASON)),
)
MODEL_STRUCK = EventDefinition(
    id=364,
    name="model_struck",
    severity=Severity.LOW,
    text="model {name} is loaded again: {reason}",
    fields=Layout((_MODEL, _REASON)),
)
SERVER_LOST = EventDefinition(
    id=365,
    name="server_lost",
    severity=Severity.MEDIUM,
    text="the worker that serves model {name} was lost: {reason}",
    fields=Layout((_MODEL, _REASON)),
)

WORDS = Words(
    parameters=(CHUNK_TOKENS, CANARY_PERIOD, MODEL_IDLE, MODEL_MEMORY_MAX),
    commands=(
        Command(
            name="chat.prompt",
            service=129,
            subtype=1,
            description="Have the model reply. The same turn of a conversation with the same text is the same prompt.",
            arguments=Layout(
                (
                    _CHOSEN,
                    _CHOSEN_TURN,
                    Field("text", Text(PROMPT_OCTETS_MAX), "what is said to the model", default=REQUIRED),
                    Field(
                        "temperature",
                        Float(32),
                        "0 takes the likeliest token each time",
                        minimum=0.0,
                        maximum=10.0,
                        default=0.8,
                    ),
                    Field("top_k", UInt(16), "only among the k likeliest tokens; 0 for all", default=0),
                    Field(
                        "top_p",
                        Float(32),
                        "only among the likeliest that make up p",
                        minimum=0.0,
                        maximum=1.0,
                        default=1.0,
                    ),
                    Field("seed", UInt(32), "of every random choice in the reply", default=1337),
                    Field("tokens_max", UInt(16), "of the reply", minimum=1, maximum=REPLY_TOKENS_MAX, default=200),
                    Field(
                        "telemetry",
                        Enumerated(Switch),
                        "whether the prompt is led by what the spacecraft is like as it comes",
                        default=Switch.DISABLED,
                    ),
                )
            ),
            repeat=Repeat.STORE,
            modes=WORKING_MODES,
        ),
        Command(
            name="chat.stop",
            service=129,
            subtype=2,
            description="End the reply of a conversation that is being written, and drop its prompts that wait.",
            arguments=Layout((_CHOSEN,)),
            repeat=Repeat.STORE,
        ),
        Command(
            name="chat.list",
            service=129,
            subtype=3,
            description="Report the conversations on board, and the prompts that wait.",
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="chat.forget",
            service=129,
            subtype=4,
            description="Forget a conversation in which no prompt waits.",
            arguments=Layout((_CHOSEN,)),
            repeat=Repeat.STORE,
            hazard=Hazard.LOSES_WORK,
        ),
        Command(
            name="chat.repeat",
            service=129,
            subtype=5,
            description="Report a whole reply again.",
            arguments=Layout((_CHOSEN, _CHOSEN_TURN)),
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="model.activate",
            service=129,
            subtype=6,
            description="Load a model into the slot that is not served, and serve it if it answers as it should.",
            arguments=Layout(
                (
                    _NAME,
                    Field("sha256", Octets(32), "of the model, as model.report gives it; empty for any", default=b""),
                    Field(
                        "canary",
                        Text(CANARY_OCTETS_MAX),
                        "what it is asked from time to time; empty for a sentence of the spacecraft's own",
                        default="",
                    ),
                    Field(
                        "answer",
                        Text(CANARY_OCTETS_MAX),
                        "how its answer begins, the likeliest token each time; empty for what it says at first",
                        default="",
                    ),
                )
            ),
            repeat=Repeat.STORE,
            modes=WORKING_MODES,
        ),
        Command(
            name="model.roll_back",
            service=129,
            subtype=7,
            description="Serve the model of the other slot again, or end a trial.",
            repeat=Repeat.STORE,
        ),
        Command(
            name="model.check",
            service=129,
            subtype=8,
            description="Ask the model that is served its canary now, and digest its weights.",
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="model.report",
            service=129,
            subtype=9,
            description="Report what the slots hold, and which is served.",
            repeat=Repeat.IDEMPOTENT,
        ),
        Command(
            name="model.list",
            service=129,
            subtype=10,
            description="List the models in the store, and why one cannot be served.",
            arguments=Layout((Field("first", UInt(16), "from which one on, 0 for the first", default=0),)),
            repeat=Repeat.IDEMPOTENT,
        ),
    ),
    reports=(
        Report(
            name="reply_chunk",
            service=129,
            subtype=130,
            description="A piece of a reply; sent as it is written.",
            fields=Layout(
                (
                    _CONVERSATION,
                    _TURN,
                    _ATTEMPT,
                    Field("sequence", UInt(16), "number of the piece, from 0"),
                    Field("text", Text(CHUNK_OCTETS_MAX), "what it says"),
                )
            ),
        ),
        Report(
            name="reply_end",
            service=129,
            subtype=131,
            description="A reply is whole, or there will be none.",
            fields=Layout(
                (
                    _CONVERSATION,
                    _TURN,
                    _ATTEMPT,
                    Field("chunks", UInt(16), "pieces that it has"),
                    Field("end", Enumerated(ReplyEnd), "how it came to its end"),
                    _REASON,
                    Field("prompt_tokens", UInt(32), "tokens that were read"),
                    Field("tokens", UInt(32), "tokens that were written"),
                    Field("tokens_per_s", Float(32), "written in a second", unit="1/s"),
                    Field("sha256", Octets(32), "of its text, in UTF-8"),
                    Field("model_sha256", Octets(32), "of the model that wrote it"),
                )
            ),
        ),
        Report(
            name="chat_report",
            service=129,
            subtype=132,
            description="The conversations on board; sent on request.",
            fields=Layout(
                (
                    Field("waiting", UInt(16), "prompts without a whole reply, in all"),
                    Field(
                        "conversations",
                        Rows(
                            Layout(
                                (
                                    _CONVERSATION,
                                    Field("turns", UInt(16), "turns that are remembered"),
                                    Field("last", UInt(16), "number of the latest turn"),
                                    Field("waiting", UInt(16), "prompts of it without a whole reply"),
                                )
                            ),
                            CONVERSATIONS_MAX,
                            0,
                        ),
                        "each of them",
                    ),
                )
            ),
        ),
        Report(
            name="model_report",
            service=129,
            subtype=133,
            description="What the slots of models hold; sent on request, and when it changes.",
            fields=Layout(
                (
                    Field("phase", Enumerated(Phase), "whether that is settled"),
                    Field("served", Enumerated(Slot), "what is served"),
                    Field("trial", Enumerated(Slot), "what is tried"),
                    Field("loaded", Enumerated(Slot), "what is in memory"),
                    Field("name_a", Text(MODEL_NAME_OCTETS_MAX), "the model of slot A; empty if there is none"),
                    Field("sha256_a", Octets(32), "of it; empty until it was loaded once"),
                    Field("name_b", Text(MODEL_NAME_OCTETS_MAX), "the model of slot B"),
                    Field("sha256_b", Octets(32), "of it"),
                    Field("parameters", UInt(64), "of the model in memory"),
                    Field("context", UInt(32), "tokens that it sees at once"),
                    Field("checks", UInt(32), "canaries since the start"),
                    Field("faults", UInt(32), "what was found wrong since the start"),
                )
            ),
        ),
        Report(
            name="model_list",
            service=129,
            subtype=134,
            description="Models in the store; sent on request.",
            fields=Layout(
                (
                    Field("total", UInt(16), "how many there are"),
                    Field("first", UInt(16), "number of the first one here"),
                    Field(
                        "models",
                        Rows(
                            Layout(
                                (
                                    _MODEL,
                                    Field("kind", Enumerated(ModelKind), "what it is"),
                                    Field("size", UInt(64), "what it takes in the store", unit="octets"),
                                    Field("refusal", Text(200), "why it cannot be served; empty if it can"),
                                )
                            ),
                            MODELS_LISTED_MAX,
                            0,
                        ),
                        "each of them",
                    ),
                )
            ),
        ),
    ),
    structures=(
        Structure(
            id=7,
            name="inference",
            description="The model that is served, and the prompts that wait.",
            parameters=(
                PROMPTS_WAITING,
                CONVERSATION,
                REPLY_TOKENS,
                REPLY_TOKENS_PER_S,
                MODEL_SLOT,
                MODEL_CHECKS,
                MODEL_FAULTS,
            ),
            period_ns=10 * NS_PER_S,
        ),
    ),
    events=(MODEL_SERVED, MODEL_ACTIVATED, MODEL_REFUSED, MODEL_ROLLED_BACK, MODEL_STRUCK, SERVER_LOST),
)
