"""The error tree of Starloop. It holds no behaviour.

    StarloopError
    ├── MalformedError   theirs: bytes that came from outside are not what the standard says
    └── MisuseError      ours: a caller asked for something that cannot be

Both are ``ValueError`` too, so that code which knows nothing of Starloop can catch them. A message states
what was expected, what was found, and where: ``expected 6 octets of primary header, found 1``.
"""


class StarloopError(Exception):
    """The root of every error raised on purpose by Starloop."""


class MalformedError(StarloopError, ValueError):
    """Bytes from outside are not what their standard or their declaration says."""


class MisuseError(StarloopError, ValueError):
    """The caller asked for something that cannot be encoded, declared or done."""
