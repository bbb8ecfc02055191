"""The ground's end of the files of a spacecraft on the table: one goes up and one comes down, whatever befalls it.

It never loses power itself. What it knows of a transfer it keeps, as a station does, while the spacecraft starts anew.
"""

from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cltu import cltu_encode
from ground.downlink import FilePdu
from ground.files import Files, FilesHome
from ground.transfer_events import TransferFailed, TransferFinished
from hil.tabletop.operator import NS_PER_S, Operator
from mission.profiles import LinkProfile

# A step of time in an exchange, and how many of them it may take: a file of some frames needs a few, a reset a minute.
STEP_NS = NS_PER_S
STEPS_MAX = 240
# Frames that go each way in a step.
FRAMES_A_STEP_MAX = 40


class FileGround:
    """The files of the ground.

    Args:
        profile: How the link is run.
    """

    def __init__(self, profile: LinkProfile) -> None:
        self.store = MemoryStore()
        self._files = Files(profile, None, FilesHome(store=self.store))
        self.finished: list[str] = []
        """Names at their destination of files that have arrived, as far as the ground knows."""
        self.failed: list[str] = []

    def put(self, name: str, content: bytes, destination: str, now_ns: int) -> None:
        """Begin to send a file."""
        self.store.append(name, content)
        self._files.put(name, destination, now_ns=now_ns)

    def exchange(self, operator: Operator, names: set[str]) -> None:
        """Let frames go both ways until files of these names have arrived, or no more time is left.

        It may be broken off by a power cut, and begun again.
        """
        self._files.contact(True, operator.now_ns)
        for _ in range(STEPS_MAX):
            if names <= set(self.finished):
                break
            operator.wait(STEP_NS)
            self._files.advance(operator.now_ns)
            for _ in range(FRAMES_A_STEP_MAX):
                frame = self._files.next_frame(operator.now_ns)
                if frame is None:
                    break
                operator.spacecraft.receive(cltu_encode(frame.encode()), operator.now_ns)
            for item in operator.listen(FRAMES_A_STEP_MAX):
                if isinstance(item, FilePdu):
                    self._files.receive(item.octets, operator.now_ns)
            for event in self._files.take_events():
                if isinstance(event, TransferFinished):
                    self.finished.append(event.destination_name)
                elif isinstance(event, TransferFailed):
                    self.failed.append(str(event))
        self._files.contact(False, operator.now_ns)
