"""A button that takes a file of the operator's computer to the station's outbox, by the API."""

from collections.abc import Callable

from nicegui.element import Element

ADDRESS = "/api/uploads"


class Upload(Element, component="upload.js"):
    """The button.

    Args:
        on_sent: Called with the copy's name in the outbox, and with what went wrong if something did.
    """

    def __init__(self, on_sent: Callable[[str, str], None]) -> None:
        super().__init__()
        self._props["address"] = ADDRESS
        self.on("sent", lambda event: on_sent(str(event.args[0]), str(event.args[1])))
