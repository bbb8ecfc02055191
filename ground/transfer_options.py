"""What an operator may say of one file that is sent, besides its names; what is not said is as the MIB has it.

Requests are done by the spacecraft once the file is there, in order, until one fails (727.0-B-5, 4.9).
"""

import shlex
from typing import Self

import msgspec

from ccsds.cfdp.codes import ChecksumType, TransmissionMode
from ccsds.cfdp.tlv import WITH_TWO_NAMES, FilestoreAction, FilestoreRequest, FilestoreResponse
from ccsds.errors import MisuseError

PRIORITY_DEFAULT = 4
"""In the middle of CFDP's 0 to 7."""

# Requests with one file: an operator types them, and all of them must fit into the Metadata of one frame.
REQUESTS_MAX = 8


class TransferOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one file is sent."""

    priority: int = PRIORITY_DEFAULT
    """0 goes first; equals take turns."""
    mode: TransmissionMode | None = None
    """Class 2 asks again for what is lost, class 1 does not."""
    closure: bool | None = None
    """Whether class 1 asks for word of the end; class 2 has it anyway."""
    checksum: ChecksumType | None = None
    requests: tuple[FilestoreRequest, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no file may bring along.

        Raises:
            MisuseError: There are too many requests.
        """
        if len(self.requests) > REQUESTS_MAX:
            raise MisuseError(f"put: expected at most {REQUESTS_MAX} requests with a file, found {len(self.requests)}")

    @classmethod
    def read(cls, plain: dict[str, object]) -> Self:
        """Read the options from plain values, as they come from a client.

        Raises:
            MisuseError: They are none.
        """
        try:
            return msgspec.convert(plain, cls)
        except msgspec.ValidationError as error:
            raise MisuseError(f"put: {error}") from None


def parse_request(text: str) -> FilestoreRequest:
    """Read a request as an operator types it: an action and the one or two names that it takes.

    Raises:
        MisuseError: It is none.
    """
    actions = {action.name.lower().replace("_", "-"): action for action in FilestoreAction}
    try:
        word, *names = shlex.split(text)
    except ValueError:
        word, names = text, []
    action = actions.get(word)
    if action is None:
        raise MisuseError(f"expected a request that begins with one of {', '.join(actions)}, found {text!r}")
    wanted = 2 if action in WITH_TWO_NAMES else 1
    if len(names) != wanted:
        raise MisuseError(f"{word}: expected {wanted} name{'s' * (wanted > 1)}, found {len(names)}")
    return FilestoreRequest(action, *names)


def describe_response(response: FilestoreResponse) -> str:
    """Say what became of a request, in words."""
    names = " ".join(filter(None, (response.first_name, response.second_name)))
    outcome = {0: "done", 15: "not tried"}.get(response.status, f"refused ({response.message or response.status})")
    return f"{response.action.name.lower().replace('_', '-')} {names}: {outcome}"
