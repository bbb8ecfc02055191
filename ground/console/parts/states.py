"""Words for states, and the one colour that each has: colour is for states and alarms alone."""

from ground.console.figures import NOTHING, esc
from ground.console.log import Weight
from ground.events import FINAL, Stage

_CLASS_OF = {
    # Jobs.
    "QUEUED": "idle",
    "STARTING": "busy",
    "RUNNING": "busy",
    "PAUSED": "notice",
    "DONE": "good",
    "FAILED": "alarm",
    "CANCELLED": "idle",
    # Commands.
    "RELEASED": "idle",
    "DELIVERED": "idle",
    "ACCEPTED": "busy",
    "STARTED": "busy",
    "PROGRESSED": "busy",
    "COMPLETED": "good",
    "REFUSED": "alarm",
    "LOST": "warn",
    # The spacecraft.
    "SAFE": "warn",
    "NOMINAL": "",
    "COMPUTE": "good",
    "UP": "good",
    "DOWN": "idle",
    # Severities.
    "INFORMATIVE": "",
    "LOW": "notice",
    "MEDIUM": "warn",
    "HIGH": "alarm",
}

SHOWN_STAGES = (Stage.RELEASED, Stage.DELIVERED, Stage.ACCEPTED, Stage.STARTED, Stage.COMPLETED)
"""The way of a command that goes well. What was sent is not acknowledged, and what was delivered is not accepted."""

STAGE_WORDS = {
    Stage.QUEUED: "waits for the link",
    Stage.RELEASED: "sent",
    Stage.DELIVERED: "on board (COP-1)",
    Stage.ACCEPTED: "accepted",
    Stage.STARTED: "started",
    Stage.PROGRESSED: "in progress",
    Stage.COMPLETED: "completed",
    Stage.REFUSED: "refused",
    Stage.FAILED: "failed",
    Stage.LOST: "no answer",
}


def class_of(word: str) -> str:
    """Give the CSS class of a state."""
    return _CLASS_OF.get(word, "")


def state(word: str | None, text: str | None = None) -> str:
    """Give a state as HTML."""
    if word is None:
        return f'<span class="state idle">{NOTHING}</span>'
    return f'<span class="state {class_of(word)}">{esc(text or word)}</span>'


def weight(value: Weight) -> str:
    """Give how much a line weighs as HTML; the lightest say nothing."""
    word = {Weight.INFORMATIVE: "info", Weight.LOW: "low", Weight.MEDIUM: "medium", Weight.HIGH: "high"}[value]
    return f'<span class="state {class_of(value.name) or "idle"}">{word}</span>'


def stages(reached: Stage) -> str:
    """Give the way of a command as small marks: one for each stage, filled as far as it is known to have come."""
    marks = []
    is_bad = reached in FINAL and reached is not Stage.COMPLETED
    for stage in SHOWN_STAGES:
        if is_bad and stage is Stage.COMPLETED:
            marks.append('<i class="alarm"></i>')
        elif reached is Stage.COMPLETED:
            marks.append('<i class="good"></i>')
        elif not is_bad and reached >= stage:
            marks.append(f'<i class="{"sent" if stage <= Stage.DELIVERED else "known"}"></i>')
        else:
            marks.append("<i></i>")
    return f'<span class="stages" title="{esc(STAGE_WORDS[reached])}">{"".join(marks)}</span>'


def bar(share: float | None, kind: str = "") -> str:
    """Give a share from 0 to 1 as a bar."""
    width = 0.0 if share is None else min(max(share, 0.0), 1.0)
    return f'<span class="bar {kind}"><i style="width:{100 * width:.1f}%"></i></span>'
