"""A field that an operator types into, or chooses from, and the button beside it: the browser's own, in our dress."""

from collections.abc import Callable, Sequence

from nicegui.element import Element
from nicegui.elements.mixins.text_element import TextElement
from nicegui.events import GenericEventArguments


class Entry(Element, component="entry.js"):
    """The field.

    Args:
        label: What it is for, for those who do not see it.
        kind: ``text``, ``search``, ``password``, ``number``, ``lines`` for several lines, ``choice`` for one of some.
        value: What is in it.
        hint: Shown while it is empty.
        options: For ``choice``: value and text of each.
        on_change: Called with the text whenever it changes.
        on_done: Called with the text at Enter; with several lines, at Control-Enter.
    """

    def __init__(
        self,
        label: str,
        *,
        kind: str = "text",
        value: str = "",
        hint: str = "",
        options: Sequence[tuple[str, str]] = (),
        on_change: Callable[[str], None] | None = None,
        on_done: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self.value = value
        self._on_change = on_change
        self._props.update(kind=kind, value=value, options=[list(each) for each in options])
        self._props["aria-label"] = label
        if hint:
            self._props["placeholder"] = hint
        self.classes("entry")
        self.on("said", self._said)
        if on_done is not None:
            self.on("done", lambda event: (self._said(event), on_done(self.value)))

    def set(self, value: str) -> None:
        """Replace what is in it."""
        self.value = value
        self._props["value"] = value
        self.update()

    def choose_from(self, options: Sequence[tuple[str, str]]) -> None:
        """Replace what there is to choose from."""
        pairs = [list(each) for each in options]
        if pairs != self._props["options"]:
            self._props["options"] = pairs
            self.update()

    def _said(self, event: GenericEventArguments) -> None:
        self.value = str(event.args)
        # Kept without an update: the browser has it already.
        self._props["value"] = self.value
        if self._on_change is not None:
            self._on_change(self.value)


class Button(TextElement):
    """A button.

    Args:
        text: What it does.
        on_press: Called when it is pressed.
        kind: ``main`` for what is done most, ``danger`` for what can do harm, or empty.
    """

    def __init__(self, text: str, on_press: Callable[[], object], *, kind: str = "") -> None:
        super().__init__(tag="button", text=text)
        self._props["type"] = "button"
        self.classes(f"button {kind}")
        self.on("click", lambda _: on_press())

    def allow(self, is_allowed: bool) -> None:
        """Let it be pressed, or not."""
        if self._props.get("disabled", False) is is_allowed:
            self._props["disabled"] = not is_allowed
            self.update()

    def rename(self, text: str) -> None:
        """Say something else on it."""
        if text != self.text:
            self.text = text
