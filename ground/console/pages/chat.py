"""Chat with the model on board: replies as they are written, how long the way took, prompts that wait for the link."""

from typing import Any

from nicegui import ui

from ccsds.errors import MisuseError
from ground.console.figures import NOTHING, esc, number, shown
from ground.console.figures import clock as time_of_day
from ground.console.parts.entry import Button, Entry
from ground.console.parts.markup import Markup
from ground.console.parts.panel import Panel
from ground.console.parts.said import Said
from ground.console.parts.table import Row, facts, table
from ground.console.screen import Screen
from ground.console.talk import PROMPT, Turn
from ground.events import Stage
from mission.definition import DICTIONARY

NS_PER_S = 1_000_000_000

# Models of so many jobs are offered, the latest first.
TRAINED_SHOWN_MAX = 4

_CHOSEN = ("temperature", "top_k", "top_p", "tokens_max", "seed")
"""Arguments of a prompt that can be chosen at the side."""


def build(screen: Screen) -> None:
    """Build the page."""
    with ui.element("div").classes("page chat"):
        if PROMPT not in DICTIONARY.commands:
            with Panel("Chat", padded=True).body:
                Markup("dim").show("The spacecraft of this dictionary serves no model.")
            return
        _ChatPage(screen).build()


class _ChatPage:
    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._notes: dict[str, Any] = screen.notes.setdefault("chat", {"conversation": 1, "choices": {}})
        self._shown = ""

    def build(self) -> None:
        fields = {field.name: field for field in DICTIONARY.commands[PROMPT].arguments.fields}
        talk = Panel("Conversation")
        self._note = talk.note
        with talk.body:
            self._talk = Markup()
            talk.body.props["id"] = "talk"
        with talk.foot():
            with ui.element("div").classes("row tight"):
                self._prompt = Entry(
                    "Prompt", kind="lines", hint="Say something to the model. Control-Enter sends.",
                    on_done=lambda _: self._send(),
                )  # fmt: skip
                Button("Send", self._send, kind="main")
                Button("Stop", self._stop)
            self._said = Said()
        with ui.element("div").classes("stack"):
            side = Panel("Conversations", "grow")
            with side.tools:
                Button("New", self._begin)
            with side.body:
                self._list = Markup(on_pick=lambda key, _: self._open(int(key)))
            choices = Panel("How it replies", padded=True)
            with choices.body, ui.element("div").classes("form"):
                for name in _CHOSEN:
                    if name in fields:
                        label = ui.element("label")
                        with label:
                            Markup().show(esc(name))
                        given = self._notes["choices"].get(name, "")
                        Entry(
                            name,
                            value=given,
                            hint=shown(fields[name].default),
                            on_change=lambda text, name=name: self._notes["choices"].update({name: text}),
                        ).classes("mono")
            model = Panel("Model on board", padded=True)
            with model.tools:
                Button("Report", lambda: self._command("model.report", self._model_said, {}))
            with model.body, ui.element("div").classes("stack"):
                self._model = Markup()
                self._servable = Markup("chips", on_pick=lambda _, act: self._name.set(act))
                with ui.element("div").classes("row tight"):
                    self._name = Entry(
                        "Model to serve", hint="jobs/1/model.safetensors", on_done=lambda _: self._serve()
                    )
                    self._name.classes("mono")
                    Button("Serve", self._serve)
                self._model_said = Said()
        self._screen.watch(talk.element, self._look)

    def _open(self, conversation: int) -> None:
        self._notes["conversation"] = conversation
        self._screen.look()

    def _begin(self) -> None:
        self._open(max(self._screen.feed.talk.conversations, default=0) + 1)

    def _send(self) -> None:
        text = self._prompt.value.strip()
        turns = self._screen.feed.talk.turns(self._notes["conversation"])

        def act() -> int:
            if not text:
                raise MisuseError("expected something to say, found nothing")
            texts = {name: given for name, given in self._notes["choices"].items() if given}
            texts |= {"conversation": str(self._notes["conversation"]), "text": text}
            texts["turn"] = str(max((each.turn for each in turns), default=0) + 1)
            arguments = DICTIONARY.commands[PROMPT].arguments.parse(texts)
            return self._screen.console.operations.commanding.send(self._screen.person, PROMPT, arguments)

        if self._screen.attempt(self._said, act) is not None:
            self._prompt.set("")
            self._screen.look()

    def _stop(self) -> None:
        self._command("chat.stop", self._said, {"conversation": self._notes["conversation"]})

    def _serve(self) -> None:
        name = self._name.value.strip()
        command_id = self._command("model.activate", self._model_said, {"name": name})
        if command_id is not None:
            self._model_said.tell(f"command {command_id} is queued; the model is loaded and asked its canary first")

    def _command(self, word: str, said: Said, arguments: dict[str, Any]) -> int | None:
        commanding = self._screen.console.operations.commanding
        return self._screen.attempt(said, lambda: commanding.send(self._screen.person, word, arguments))

    def _look(self) -> None:
        talk, conversation = self._screen.feed.talk, self._notes["conversation"]
        turns = talk.turns(conversation)
        is_up = self._screen.state()["link"] == "UP"
        waiting = sum(each.stage is Stage.QUEUED for each in turns)
        queued = f", {waiting} wait for the link" if waiting and not is_up else ""
        self._note.show(f"{conversation}{queued}")
        html = "".join(_turn(each, is_up) for each in turns)
        empty = '<p class="empty">Nothing was said yet. What is said out of contact leaves at the next acquisition.</p>'
        self._talk.show(f'<div class="talk">{html}</div>' if html else empty)
        if html != self._shown:
            self._shown = html
            ui.run_javascript("{const e = document.getElementById('talk'); if (e) e.scrollTop = e.scrollHeight;}")
        rows = []
        for each in sorted({*talk.conversations, conversation}):
            said = talk.turns(each)
            first = said[0].prompt if said else "new"
            rows.append(
                Row((str(each), esc(first[:60]), str(len(said))), str(each), "here" if each == conversation else "")
            )
        self._list.show(table((("", "num"), ("", "text"), ("turns", "num")), rows))
        self._model.show(self._model_facts())
        jobs = self._screen.state()["jobs"]
        trained = sorted((int(each) for each in jobs if jobs[each]["state"] == "DONE"), reverse=True)[
            :TRAINED_SHOWN_MAX
        ]
        names = [f"jobs/{each}/model.safetensors" for each in trained]
        self._servable.show("".join(f'<button class="chip" data-act="{each}">{each}</button>' for each in names))

    def _model_facts(self) -> str:
        latest = self._screen.feed.series.latest
        report = next((each for each in self._screen.feed.packets.reports if each.name == "model_report"), None)
        told = self._screen.feed.talk
        pairs = [("served", f"slot {esc(told.model_slot)} {esc(told.model)}" if told.model else NOTHING)]
        if told.model_trouble:
            pairs.append(("not served", f'<span class="alarm-text">{esc(told.model_trouble)}</span>'))
        if report is not None:
            values = report.values
            served = getattr(values["served"], "name", str(values["served"]))
            name = values.get(f"name_{served.lower()}", "")
            if not told.model:
                pairs[0] = ("served", f"slot {esc(served)} {esc(name) or 'none'}")
            pairs += [
                ("parameters", number(values["parameters"])),
                ("context", f"{values['context']} tokens"),
            ]
        for name, label in (
            ("reply_tokens_per_s", "tokens/s"),
            ("prompts_waiting", "prompts on board"),
            ("model_checks", "canaries asked"),
            ("model_faults", "faults found"),
        ):
            pairs.append((label, shown(latest[name].value) if name in latest else NOTHING))
        return facts(pairs)


def _turn(turn: Turn, is_up: bool) -> str:
    asked = (
        f'<div class="turn" data-key="{turn.conversation}-{turn.turn}-asked"><span class="who">'
        f'{time_of_day(turn.asked_unix_ns)}</span><span class="words">{esc(turn.prompt)}</span></div>'
        if turn.prompt
        else ""
    )
    return (
        f'{asked}<div class="turn" data-key="{turn.conversation}-{turn.turn}"><span class="who">model</span>'
        f'<span class="words">{esc(turn.text)}<span class="meta">{_meta(turn, is_up)}</span></span></div>'
    )


def _meta(turn: Turn, is_up: bool) -> str:
    parts = []
    if turn.refusal:
        return f'<span class="alarm-text">{esc(turn.refusal)}</span>'
    if turn.end is None and not turn.pieces:
        if turn.stage is Stage.QUEUED:
            why = "on its way to the transmitter" if is_up else "waits for the link; it leaves at the next acquisition"
            return f'<span class="waiting">{why}</span>'
        if turn.accepted_unix_ns is None:
            return "sent; the spacecraft has not answered yet"
        return "accepted; the model has not begun yet"
    if turn.released_unix_ns is not None and turn.accepted_unix_ns is not None:
        parts.append(f"round trip {_seconds(turn.released_unix_ns, turn.accepted_unix_ns)}")
    if turn.released_unix_ns is not None and turn.first_unix_ns is not None:
        parts.append(f"first words after {_seconds(turn.released_unix_ns, turn.first_unix_ns)}")
    if turn.end is None:
        parts.append(
            "writing…"
            if is_up
            else '<span class="waiting">the link is down; the rest comes with stored telemetry</span>'
        )
    else:
        parts.append(f"{turn.end['tokens']} tokens at {number(turn.end['tokens_per_s'], 3)}/s")
        end = getattr(turn.end["end"], "name", str(turn.end["end"]))
        parts.append(end.lower().replace("_", " "))
        if turn.end["reason"]:
            parts.append(esc(turn.end["reason"]))
    if turn.missing:
        parts.append(f'<span class="waiting">{turn.missing} pieces missing</span>')
    if turn.attempt > 1:
        parts.append(f"begun {turn.attempt} times")
    return ", ".join(parts)


def _seconds(from_unix_ns: int, to_unix_ns: int) -> str:
    return f"{(to_unix_ns - from_unix_ns) / NS_PER_S:.2f} s"
