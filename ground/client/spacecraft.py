"""The dictionary as a program's own words: ``sc.job.submit(job_id=1, recipe="tiny")`` sends ``job.submit``.

Nouns and their commands come from the dictionary when they are asked for; what a typed editor knows of them is in
`ground/client/spacecraft.pyi`, which `tools/client_words.py` writes from the same dictionary.
"""

from collections.abc import Callable
from typing import Any

from ccsds.cop1.fop import Service
from mission.definition import DICTIONARY

Sender = Callable[[str, dict[str, Any], Service], Any]
"""Sends a command of a name with arguments, and gives what the program is to have of it."""


class Noun:
    """The commands of one noun of the dictionary.

    Args:
        name: The noun, such as ``job``.
        send: Sends one.
    """

    def __init__(self, name: str, send: Sender) -> None:
        self._name = name
        self._send = send

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        """Give what sends the command of a verb."""
        name = f"{self._name}.{verb.removesuffix('_')}"
        if name not in DICTIONARY.commands:
            raise AttributeError(f"{self._name} has no command {verb!r}: expected one of {', '.join(dir(self))}")

        def command(*, via: Service = Service.AD, **arguments: Any) -> Any:
            return self._send(name, arguments, via)

        command.__name__ = verb
        command.__doc__ = DICTIONARY.commands[name].description
        return command

    def __dir__(self) -> list[str]:
        return [name.partition(".")[2] for name in sorted(DICTIONARY.commands) if name.startswith(f"{self._name}.")]


class Spacecraft:
    """All nouns.

    Args:
        send: Sends a command.
    """

    def __init__(self, send: Sender) -> None:
        self._send = send

    def __getattr__(self, name: str) -> Noun:
        """Give a noun; its plural will do."""
        if name.startswith("_"):
            raise AttributeError(name)
        known = nouns()
        noun = next((each for each in (name, name.removesuffix("s"), name.removesuffix("_")) if each in known), None)
        if noun is None:
            raise AttributeError(f"the dictionary has no {name!r}: expected one of {', '.join(known)}")
        return Noun(noun, self._send)

    def __dir__(self) -> list[str]:
        return nouns()


def nouns() -> list[str]:
    """Give what commands are about."""
    return sorted({name.partition(".")[0] for name in DICTIONARY.commands})
