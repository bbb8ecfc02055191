"""Commands as the pages show them: each with every stage that it came to, and when it must have been answered."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ground.archive.history import CommandRecord, StageRecord
from ground.events import FINAL, CommandIssued, CommandStaged, Stage
from mission.definition import DICTIONARY

# What fits a page and its scrolling; what is older is in the archive.
ORDERS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Step:
    """One stage that a command came to."""

    unix_ns: int
    stage: Stage
    attempt: int
    text: str


@dataclass(slots=True)
class Order:
    """One command."""

    command_id: int
    unix_ns: int
    name: str
    arguments: dict[str, Any]
    service: str
    sequence_count: int
    octets: bytes
    is_automatic: bool = False
    steps: list[Step] = field(default_factory=list)

    @property
    def stage(self) -> Stage:
        """How far it is known to have come."""
        return self.steps[-1].stage if self.steps else Stage.QUEUED

    @property
    def is_over(self) -> bool:
        """Whether nothing more is expected of it."""
        return self.stage in FINAL

    def reached(self, stage: Stage) -> Step | None:
        """Give the step by which it first came to a stage."""
        return next((each for each in self.steps if each.stage is stage), None)


class Orders:
    """The latest commands."""

    def __init__(self) -> None:
        self._orders: OrderedDict[int, Order] = OrderedDict()
        self.revision = 0

    def __iter__(self) -> Iterator[Order]:
        """Give all of them, newest first."""
        return iter(reversed(self._orders.values()))

    def get(self, command_id: int) -> Order | None:
        """Give one of them."""
        return self._orders.get(command_id)

    def recall(self, record: CommandRecord, stage: StageRecord | None) -> None:
        """Take in a command that the archive kept, or a stage that it came to."""
        self.revision += 1
        order = self._orders.get(record.command_id)
        if order is None:
            declared = DICTIONARY.commands.get(record.name)
            order = self._orders[record.command_id] = Order(
                record.command_id,
                record.unix_ns,
                record.name,
                record.arguments,
                record.service,
                record.sequence_count,
                record.octets,
                declared is not None and declared.is_automatic,
            )
            self._trim()
        if stage is not None:
            order.steps.append(Step(stage.unix_ns, stage.stage, stage.attempt, stage.text))

    def note(self, event: CommandIssued | CommandStaged, unix_ns: int) -> None:
        """Take in a command, or what became of it."""
        self.revision += 1
        if isinstance(event, CommandIssued):
            known = self._orders.get(event.command_id)
            self._orders[event.command_id] = Order(
                event.command_id,
                unix_ns,
                event.name,
                event.arguments,
                event.service.name,
                event.sequence_count,
                event.octets,
                event.is_automatic,
                [] if known is None else known.steps,
            )
            self._trim()
        elif event.command_id in self._orders:
            self._orders[event.command_id].steps.append(Step(unix_ns, event.stage, event.attempt, event.text))

    def _trim(self) -> None:
        while len(self._orders) > ORDERS_MAX:
            self._orders.popitem(last=False)
