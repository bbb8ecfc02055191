"""How the acts of operators are chained: each carries a digest of itself and of the digest before it. Pure arithmetic.

Who changes or removes one in the middle must change all after it; that some at the end are missing, only somebody who
noted the last digest can tell.
"""

import hashlib
import json

Act = tuple[int, str, str, str]
"""Time in Unix nanoseconds, actor, action, and detail in JSON."""


def chained(before: bytes, act: Act) -> bytes:
    """Give the digest of an act, from the digest of the one before it, which is empty for the first."""
    return hashlib.sha256(before + json.dumps(act, ensure_ascii=False).encode()).digest()
