"""What every table of a scenario file is, and the kinds of values that many of them hold."""

from typing import Annotated

import msgspec
from msgspec import Meta

Seconds = Annotated[float, Meta(ge=0, le=10 * 365 * 86_400)]
Probability = Annotated[float, Meta(ge=0, lt=1)]

Label = Annotated[str, Meta(min_length=1, max_length=64)]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table of the file; a key that is not declared is an error."""
