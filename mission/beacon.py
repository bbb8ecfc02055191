"""The beacon: one line of plain text for anybody with a receiver, with a checksum as navigation receivers have it.

``STARLOOP SAFE BOOT 12 UP 3D04H05M RST WATCHDOG JOB 3 STEP 400*5A``, in ASCII between CR LF. It is not authentic: it is
shown and kept, and nothing is done on account of it.
"""

CALL_SIGN_DEFAULT = "STARLOOP"
CALL_SIGN_CHARACTERS_MAX = 20

# Two seconds at 1200 baud, which the slowest amateur modes have.
BEACON_OCTETS_MAX = 160

_END = b"\r\n"


def encode_beacon(text: str) -> bytes:
    """Give a line for the air; what is too long is cut."""
    body = text.encode("ascii", errors="replace")[: BEACON_OCTETS_MAX - 7]
    return _END + body + f"*{_checksum(body):02X}".encode() + _END


def decode_beacon(line: bytes) -> str | None:
    """Give the text of a line without its CR LF, or None if it is none."""
    body, mark, checksum = line[:-3], line[-3:-2], line[-2:]
    if mark != b"*" or not body or len(line) > BEACON_OCTETS_MAX or not body.isascii():
        return None
    text = body.decode()
    return text if checksum == f"{_checksum(body):02X}".encode() and text.isprintable() else None


def _checksum(body: bytes) -> int:
    result = 0
    for octet in body:
        result ^= octet
    return result
