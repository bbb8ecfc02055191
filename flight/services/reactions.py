"""ST[19] event-action: what is to be done when an event happens. It does not act: that is `flight.autonomy.reacting`.

A command is done whole or refused whole, with the position of the first fault.

Source: ECSS-E-ST-70-41C 6.19 and 8.19.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ccsds.errors import MalformedError, MisuseError
from flight.acceptance import Acceptance, RefusedError
from flight.autonomy.reacting import Reacting
from flight.books.reactions import (
    Key,
    ReactingSwitched,
    Reaction,
    ReactionsAdded,
    ReactionsDeleted,
    ReactionsSwitched,
)
from flight.ledger import Ledger
from flight.parameters import Source
from flight.reporter import Reporter
from flight.services.service import Outcome
from mission.dictionary import Command, Dictionary
from mission.monitoring import REACTION_ROWS_MAX, REACTION_STATUS_ROWS_MAX, REACTIONS_MAX
from mission.schedule import Switch

Handler = Callable[[Mapping[str, Any]], Outcome]


class ReactionService:
    """Keeps the reactions.

    Args:
        ledger: Where they are kept.
        dictionary: The events there are.
        reporter: Where reports go.
        acceptance: What the telecommand of a reaction must pass.
        reacting: What works by them.
    """

    number = 19

    def __init__(
        self,
        ledger: Ledger,
        dictionary: Dictionary,
        reporter: Reporter,
        acceptance: Acceptance,
        reacting: Reacting,
    ) -> None:
        self._book = ledger.reactions
        self._dictionary = dictionary
        self._reporter = reporter
        self._acceptance = acceptance
        self._reacting = reacting
        self._handlers: dict[str, Handler] = {
            "reaction.add": self._add,
            "reaction.delete": self._delete,
            "reaction.delete_all": lambda _: Outcome((ReactionsDeleted(tuple(self._book.reactions)),)),
            "reaction.enable": lambda given: Outcome((ReactionsSwitched(self._known(given), True),)),
            "reaction.disable": lambda given: Outcome((ReactionsSwitched(self._known(given), False),)),
            "reaction.report_status": self._report_status,
            "reaction.enable_all": lambda _: Outcome((ReactingSwitched(True),)),
            "reaction.disable_all": lambda _: Outcome((ReactingSwitched(False),)),
            "reaction.report": self._report,
        }

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        return self._handlers[command.name](arguments)

    def sources(self) -> dict[str, Source]:
        """Give where the parameters of the reactions structure have their values from."""
        return {
            "reactions": lambda _: len(self._book.reactions),
            "reactions_released": lambda _: self._book.released_count,
            "reactions_failed": lambda _: self._book.failed_count,
            "reactions_suppressed": lambda _: self._reacting.suppressed_count,
        }

    def _add(self, given: Mapping[str, Any]) -> Outcome:
        found: dict[Key, Reaction] = {}
        for position, row in enumerate(given["reactions"]):
            reaction = Reaction(row["event"], row["about"], row["request"])
            try:
                self._dictionary.event_of(reaction.event)
                self._acceptance.read(reaction.packet)
                if reaction.key in self._book.reactions or reaction.key in found:
                    raise MisuseError(f"expected an event without a reaction, found {_describe(reaction.key)}")
            except (MalformedError, MisuseError, RefusedError) as error:
                raise MisuseError(f"reactions[{position}]: {error}") from None
            found[reaction.key] = reaction
        count = len(self._book.reactions) + len(found)
        if count > REACTIONS_MAX:
            raise MisuseError(f"expected at most {REACTIONS_MAX} reactions, found {count}")
        return Outcome((ReactionsAdded(tuple(found.values())),))

    def _known(self, given: Mapping[str, Any]) -> tuple[Key, ...]:
        keys = tuple((row["event"], row["about"]) for row in given["reactions"])
        for position, key in enumerate(keys):
            if key not in self._book.reactions:
                raise MisuseError(f"reactions[{position}]: expected a reaction that exists, found {_describe(key)}")
        return keys

    def _delete(self, given: Mapping[str, Any]) -> Outcome:
        keys = self._known(given)
        for position, key in enumerate(keys):
            if key in self._book.enabled:
                raise MisuseError(
                    f"reactions[{position}]: expected a reaction that is disabled, found {_describe(key)}"
                )
        return Outcome((ReactionsDeleted(keys),))

    def _report_status(self, given: Mapping[str, Any]) -> Outcome:
        return self._page(
            "reaction_status",
            given,
            REACTION_STATUS_ROWS_MAX,
            lambda each: {"event": each.event, "about": each.about, "status": Switch(each.key in self._book.enabled)},
        )

    def _report(self, given: Mapping[str, Any]) -> Outcome:
        return self._page(
            "reaction_definitions",
            given,
            REACTION_ROWS_MAX,
            lambda each: {"event": each.event, "about": each.about, "request": each.packet},
        )

    def _page(
        self, report: str, given: Mapping[str, Any], rows_max: int, write: Callable[[Reaction], dict[str, Any]]
    ) -> Outcome:
        reactions: Sequence[Reaction] = [reaction for _, reaction in sorted(self._book.reactions.items())]
        position = given["position"]
        page = [write(reaction) for reaction in reactions[position : position + rows_max]]
        values = {"total": len(reactions), "position": position, "reactions": page}
        return Outcome(answers=(self._reporter.encode(report, values),))


def _describe(key: Key) -> str:
    return f"event {key[0]} about {key[1]}"
