"""The shapes of requests and answers, from which the API's schema is made. What they mean is told where they are."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ServiceName = Literal["AD", "BD"]


class Shape(BaseModel):
    """What all requests share: nothing that is not known is let through."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SendRequest(Shape):
    """A command of the dictionary."""

    name: str = Field(max_length=100)
    arguments: dict[str, Any] = {}
    """By name: octets in hexadecimal, members of enumerations by name. What is left out takes its default."""
    service: ServiceName = "AD"
    typed_name: str | None = None
    """Over the web, with `command.arm`: the name of the hazardous command, as the user typed it."""


class PromptRequest(Shape):
    """Something to say to the model on board. What is left out takes the default of ``chat.prompt``."""

    text: str
    turn: int | None = None
    """Its number, growing; the next one, if it is left out. The same turn with the same text is the same prompt."""
    seed: int | None = None
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    tokens_max: int | None = None
    telemetry: Literal["DISABLED", "ENABLED"] | None = None
    service: ServiceName = "AD"


class TelecommandRequest(Shape):
    """A telecommand that the dictionary need not hold."""

    service_type: int
    subtype: int
    data: str = ""
    """Application data in hexadecimal."""
    service: ServiceName = "AD"


class ArmRequest(Shape):
    """A hazardous command to be armed for one use."""

    name: str
    typed_name: str
    service: ServiceName = "AD"


class AskRequest(Shape):
    """A hazardous command that a second person is to approve."""

    name: str
    arguments: dict[str, Any] = {}
    service: ServiceName = "AD"


class DirectiveRequest(Shape):
    """A directive to FOP-1."""

    directive: str
    value: int | None = None


class KeyRequest(Shape):
    """An operation on a key of the ground."""

    action: str
    spi: int


class PutRequest(Shape):
    """A file of the outbox, to be sent."""

    source_name: str
    destination_name: str
    options: dict[str, Any] = {}


class JobActionRequest(Shape):
    """How a job is told something."""

    service: ServiceName = "AD"


class StackRequest(Shape):
    """Commands to be sent one after another."""

    lines: list[Annotated[str, Field(max_length=10_000)]] = Field(max_length=1_000)
    """Each a command as it is typed: ``job.report job_id=1``."""


class StackIdAnswer(BaseModel):
    """A stack that is under way."""

    stack_id: int


class StackAnswer(BaseModel):
    """A stack, and how far it is."""

    stack_id: int
    started_by: str
    lines: list[str]
    sent: list[int]
    """Numbers of the commands that were sent, in order."""
    verdict: Literal["RUNNING", "DONE", "STOPPED"]
    reason: str


class RunRequest(Shape):
    """A procedure to be run."""

    name: str
    arguments: dict[str, str] = {}


class RunAnswer(BaseModel):
    """A procedure that runs."""

    run_id: int


class LoginRequest(Shape):
    """Who somebody is."""

    name: str = Field(max_length=100)
    password: str = Field(max_length=300)


class SessionAnswer(BaseModel):
    """A session that has begun."""

    token: str
    role: str
    life_s: float


class CommandIdAnswer(BaseModel):
    """A command that is in the archive, and on its way."""

    command_id: int


class StageAnswer(BaseModel):
    """One stage that a command came to."""

    unix_ns: int
    stage: str
    attempt: int
    text: str


class CommandAnswer(BaseModel):
    """One command with all its stages."""

    command_id: int
    unix_ns: int
    name: str
    arguments: dict[str, Any]
    service: str
    source_id: int
    sequence_count: int
    octets: str
    stage: str
    attempt: int
    text: str
    stages: list[StageAnswer]


class ApprovalAnswer(BaseModel):
    """A hazardous command that waits for a second person, or did."""

    approval_id: int
    name: str
    arguments: dict[str, Any]
    service: str
    asked_by: str
    asked_ns: int
    asked_s_ago: float
    verdict: str
    decided_by: str
    command_id: int | None


class SampleAnswer(BaseModel):
    """The latest value of a parameter."""

    name: str
    value: Any
    tai_ns: int
    received_unix_ns: int
    generated_time_ns: int | None
    structure: str


class EventAnswer(BaseModel):
    """One event of the station or the spacecraft."""

    unix_ns: int
    kind: str
    text: str
    content: dict[str, Any]


class PacketAnswer(BaseModel):
    """One telemetry report with its decoded values."""

    unix_ns: int
    tai_ns: int
    virtual_channel: int
    service: int
    subtype: int
    name: str
    values: dict[str, Any]


class FrameAnswer(BaseModel):
    """One TM frame as it came, after correction."""

    unix_ns: int
    virtual_channel: int
    corrected: int
    octets: str


class TransferAnswer(BaseModel):
    """One file that is on its way, or was; the fields beyond these tell how far it is."""

    model_config = ConfigDict(extra="allow")

    transaction: str
    direction: str
    source_name: str
    destination_name: str
    size_octets: int | None
    done_octets: int
    outcome: str
    condition: str
    text: str


class FileAnswer(BaseModel):
    """One file or directory of the station."""

    name: str
    is_directory: bool
    size_octets: int
    changed_unix_ns: int


class DirectoryAnswer(BaseModel):
    """A directory of the station's files."""

    root: str
    """Where the station's files are, on its computer."""
    entries: list[FileAnswer]


class UploadAnswer(BaseModel):
    """A file that came, and waits to be sent."""

    source_name: str


class TransactionAnswer(BaseModel):
    """A transfer that has begun."""

    transaction: str


class PersonAnswer(BaseModel):
    """Who asks, as the station knows it."""

    name: str
    role: str
    door: str


class FieldAnswer(BaseModel):
    """One argument of a command, or one field of a report."""

    name: str
    type: str
    description: str
    unit: str
    minimum: float | None
    maximum: float | None
    is_required: bool
    default: Any
    choices: list[str]


class WordAnswer(BaseModel):
    """One command of the dictionary."""

    name: str
    service: int
    subtype: int
    description: str
    hazard: str
    arguments: list[FieldAnswer]


class PassAnswer(BaseModel):
    """A pass that is expected."""

    station: str
    begin_unix_ns: int
    end_unix_ns: int
    elevation_deg: float | None
    """The highest."""
    plan: list[str]


class PromptAnswer(BaseModel):
    """A prompt that was taken, and goes up."""

    command_id: int
    turn: int


class ErrorAnswer(BaseModel):
    """Why something was not done."""

    error: str
