"""A line in which a page says what came of what was asked for."""

from ground.console.figures import esc
from ground.console.parts.markup import Markup


class Said(Markup):
    """The line; empty until something is said."""

    def __init__(self) -> None:
        super().__init__("said")
        self.props["role"] = "status"
        self.props["aria-live"] = "polite"

    def tell(self, text: str, kind: str = "") -> None:
        """Say something; ``alarm`` if it went wrong, ``good`` if it went well."""
        self.classes(replace=f"said {kind}")
        self.show(esc(text))

    def hush(self) -> None:
        """Say nothing."""
        self.classes(replace="said")
        self.show("")
