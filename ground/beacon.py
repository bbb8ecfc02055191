"""Finds beacons, lines of plain text, between and beside the frames of a downlink."""

from mission.beacon import BEACON_OCTETS_MAX, decode_beacon

_START = b"\r\n"


class BeaconListener:
    """Listens to the octets of a downlink, cut anywhere."""

    def __init__(self) -> None:
        self._kept = b""

    def receive(self, data: bytes) -> list[str]:
        """Give the texts of the beacons that end in these octets."""
        data = self._kept + data
        texts: list[str] = []
        start = data.find(_START)
        while start >= 0:
            end = data.find(_START, start + 2, start + 2 + BEACON_OCTETS_MAX)
            if end < 0:
                if start + 2 + BEACON_OCTETS_MAX <= len(data):
                    start = data.find(_START, start + 1)
                    continue
                break
            text = decode_beacon(data[start + 2 : end])
            if text is not None:
                texts.append(text)
            start = end  # Where one ends another may begin.
        self._kept = data[start:] if start >= 0 else data[-1:]
        return texts
