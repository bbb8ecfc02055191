"""The dictionary as a program's own words; written by tools/client_words.py, not by hand."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from ccsds.cop1.fop import Service

Sender = Callable[[str, dict[str, Any], Service], Any]

def nouns() -> list[str]: ...

class BootWords:
    def report(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the last start of the flight software, and the exceptions that it remembers.
        """

class ChatWords:
    def forget(
        self,
        *,
        conversation: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Forget a conversation in which no prompt waits. It loses work: arm it first.

        Args:
            conversation: number of the conversation, chosen by the operator (1 or more).
        """
    def list(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the conversations on board, and the prompts that wait.
        """
    def prompt(
        self,
        *,
        conversation: int,
        turn: int,
        text: str,
        temperature: float = ...,
        top_k: int = ...,
        top_p: float = ...,
        seed: int = ...,
        tokens_max: int = ...,
        telemetry: Literal['DISABLED', 'ENABLED'] | int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Have the model reply. The same turn of a conversation with the same text is the same prompt.

        Args:
            conversation: number of the conversation, chosen by the operator (1 or more).
            turn: number of the prompt in its conversation, growing (1 or more).
            text: what is said to the model.
            temperature: 0 takes the likeliest token each time (0 to 10).
            top_k: only among the k likeliest tokens; 0 for all.
            top_p: only among the likeliest that make up p (0 to 1).
            seed: of every random choice in the reply.
            tokens_max: of the reply (1 to 1024).
            telemetry: whether the prompt is led by what the spacecraft is like as it comes.
        """
    def repeat(
        self,
        *,
        conversation: int,
        turn: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report a whole reply again.

        Args:
            conversation: number of the conversation, chosen by the operator (1 or more).
            turn: number of the prompt in its conversation, growing (1 or more).
        """
    def stop(
        self,
        *,
        conversation: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """End the reply of a conversation that is being written, and drop its prompts that wait.

        Args:
            conversation: number of the conversation, chosen by the operator (1 or more).
        """

class CommandWords:
    def arm(
        self,
        *,
        service: int,
        subtype: int,
        hold_s: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Let one hazardous command of this message type through; a reset disarms.

        Args:
            service: service type (1 or more).
            subtype: message subtype (1 or more).
            hold_s: how long it holds (1 to 3600 s).
        """
    def inhibit(
        self,
        *,
        service: int,
        subtype: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Refuse commands of a message type until it is released. Service 134 cannot be inhibited.

        Args:
            service: service type (1 or more).
            subtype: message subtype, 0 for all of the service.
        """
    def limit_silence(
        self,
        *,
        seconds: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Go to SAFE when no command was accepted for this long.

        Args:
            seconds: the longest silence, 0 for no limit (31622400 s or less).
        """
    def release(
        self,
        *,
        service: int,
        subtype: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Refuse commands of a message type no longer, as it was inhibited.

        Args:
            service: service type (1 or more).
            subtype: message subtype, 0 for all of the service.
        """
    def report_inhibits(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the message types that are inhibited.
        """

class DeviceWords:
    def trust(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Give jobs to the compute device again, after it was taken out of use.
        """

class DiagnosticsWords:
    def append(
        self,
        *,
        structure: int,
        parameters: Sequence[str | int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Add parameters at the end of a diagnostics structure that was made in flight and is disabled.

        Args:
            structure: number of a diagnostics structure.
            parameters: names or numbers, in order, by commas.
        """
    def create(
        self,
        *,
        structure: int,
        interval: int,
        parameters: Sequence[str | int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Make a diagnostics structure of any parameters; it is not reported until it is enabled.

        Args:
            structure: number of a diagnostics structure.
            interval: between two samples (100 to 86400000 ms).
            parameters: names or numbers, in order, by commas.
        """
    def delete(
        self,
        *,
        structures: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Delete diagnostics structures that were made in flight and are disabled.

        Args:
            structures: numbers of diagnostics structures.
        """
    def disable(
        self,
        *,
        structures: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Stop reporting diagnostics structures.

        Args:
            structures: numbers of diagnostics structures.
        """
    def enable(
        self,
        *,
        structures: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report diagnostics structures from now on.

        Args:
            structures: numbers of diagnostics structures.
        """
    def interval(
        self,
        *,
        structures: Sequence[int],
        interval: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Change the interval of diagnostics structures.

        Args:
            structures: numbers of diagnostics structures.
            interval: between two samples (100 to 86400000 ms).
        """
    def on_change(
        self,
        *,
        structure: int,
        bands: Sequence[Mapping[str, Any]] = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report a diagnostics structure, at its interval, only when a parameter has left its dead-band.

        Args:
            structure: number of a diagnostics structure.
            bands: those not named count with any change.
        """
    def once(
        self,
        *,
        structures: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the values of diagnostics structures once, now.

        Args:
            structures: numbers of diagnostics structures.
        """
    def periodic(
        self,
        *,
        structures: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report diagnostics structures at each interval again.

        Args:
            structures: numbers of diagnostics structures.
        """
    def report(
        self,
        *,
        structures: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report what diagnostics structures are made of.

        Args:
            structures: numbers of diagnostics structures.
        """

class DirectoryWords:
    def make(
        self,
        *,
        name: str,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Make a directory on board.

        Args:
            name: name in the store of files.
        """
    def remove(
        self,
        *,
        name: str,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Remove an empty directory on board.

        Args:
            name: name in the store of files.
        """

class EventWords:
    def disable(
        self,
        *,
        events: Sequence[str | int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Do not report events any more; what brings them on happens all the same.

        Args:
            events: names or numbers, by commas.
        """
    def enable(
        self,
        *,
        events: Sequence[str | int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report events again.

        Args:
            events: names or numbers, by commas.
        """
    def report_disabled(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report which events are disabled.
        """

class FileWords:
    def attributes(
        self,
        *,
        name: str,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the length and the SHA-256 digest of a file on board, once it is computed.

        Args:
            name: name in the store of files.
        """
    def delete(
        self,
        *,
        name: str,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Delete a file on board; one that is being sent is refused. It loses a file: arm it first.

        Args:
            name: name in the store of files.
        """
    def list(
        self,
        *,
        directory: str = ...,
        first: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report what is in a directory on board, a page at a time.

        Args:
            directory: directory in the store of files; empty for all of it.
            first: number of the first row wanted.
        """
    def move(
        self,
        *,
        name: str,
        destination: str,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Give a file on board another name, which nothing has yet; one that is being sent is refused.

        Args:
            name: name in the store of files.
            destination: its new name.
        """
    def send(
        self,
        *,
        name: str,
        destination: str = ...,
        priority: int = ...,
        mode: Literal['ACKNOWLEDGED', 'UNACKNOWLEDGED'] | int = ...,
        closure: int = ...,
        checksum: Literal['MODULAR', 'CRC_32C', 'CRC_32', 'NULL', 'AS_PROFILE'] | int = ...,
        requests: Sequence[Mapping[str, Any]] = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Send a file on board to the ground by CFDP; its transfer is reported by number.

        Args:
            name: name in the store of files.
            destination: name at the ground; empty for the same.
            priority: 0 goes first; equals take turns (0 to 7).
            mode: class 2 (acknowledged) asks again for what is lost, class 1 does not.
            closure: 1 asks for word of the end in class 1; class 2 has it anyway (0 to 1).
            checksum: how the file is summed.
            requests: done at the ground once the file is there, in order, until one fails.
        """

class HousekeepingWords:
    def append(
        self,
        *,
        structure: int,
        parameters: Sequence[str | int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Add parameters at the end of a housekeeping structure that was made in flight and is disabled.

        Args:
            structure: number of a housekeeping structure.
            parameters: names or numbers, in order, by commas.
        """
    def create(
        self,
        *,
        structure: int,
        interval: int,
        parameters: Sequence[str | int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Make a housekeeping structure of any parameters; it is not reported until it is enabled.

        Args:
            structure: number of a housekeeping structure.
            interval: between two samples (100 to 86400000 ms).
            parameters: names or numbers, in order, by commas.
        """
    def delete(
        self,
        *,
        structures: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Delete housekeeping structures that were made in flight and are disabled.

        Args:
            structures: numbers of housekeeping structures.
        """
    def disable(
        self,
        *,
        structures: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Stop reporting housekeeping structures.

        Args:
            structures: numbers of housekeeping structures.
        """
    def enable(
        self,
        *,
        structures: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report housekeeping structures from now on.

        Args:
            structures: numbers of housekeeping structures.
        """
    def interval(
        self,
        *,
        structures: Sequence[int],
        interval: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Change the interval of housekeeping structures.

        Args:
            structures: numbers of housekeeping structures.
            interval: between two samples (100 to 86400000 ms).
        """
    def on_change(
        self,
        *,
        structure: int,
        bands: Sequence[Mapping[str, Any]] = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report a housekeeping structure, at its interval, only when a parameter has left its dead-band.

        Args:
            structure: number of a housekeeping structure.
            bands: those not named count with any change.
        """
    def once(
        self,
        *,
        structures: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the values of housekeeping structures once, now.

        Args:
            structures: numbers of housekeeping structures.
        """
    def periodic(
        self,
        *,
        structures: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report housekeeping structures at each interval again.

        Args:
            structures: numbers of housekeeping structures.
        """
    def report(
        self,
        *,
        structures: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report what housekeeping structures are made of.

        Args:
            structures: numbers of housekeeping structures.
        """

class JobWords:
    def cancel(
        self,
        *,
        job_id: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """End a job that waits or runs, or has failed; its checkpoints are removed. It loses work: arm it first.

        Args:
            job_id: number of the job, chosen by the operator (1 or more).
        """
    def discard(
        self,
        *,
        job_id: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Remove what an ended job keeps in the store: its checkpoints and its model. It loses work: arm it first.

        Args:
            job_id: number of the job, chosen by the operator (1 or more).
        """
    def pause(
        self,
        *,
        job_id: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Hold a job that waits or runs, until it is resumed.

        Args:
            job_id: number of the job, chosen by the operator (1 or more).
        """
    def report(
        self,
        *,
        job_id: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report a job: its state, losses, the digest of its weights, and its sample text.

        Args:
            job_id: number of the job, chosen by the operator (1 or more).
        """
    def resume(
        self,
        *,
        job_id: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Let a paused job go on, or one that failed, from its last checkpoint.

        Args:
            job_id: number of the job, chosen by the operator (1 or more).
        """
    def submit(
        self,
        *,
        job_id: int,
        recipe: str,
        corpus: str,
        seed: int = ...,
        steps: int = ...,
        overrides: str = ...,
        deadline: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Queue a job. The same job id with the same description is the same job.

        Args:
            job_id: number of the job, chosen by the operator (1 or more).
            recipe: name of a recipe on board.
            corpus: name of a corpus on board, or files/NAME in the store.
            seed: seed of every random choice in the job.
            steps: training steps; 0 takes the recipe's (10000000 or less).
            overrides: recipe settings to change, as TOML.
            deadline: TAI by which it is wanted; 0 for none.
        """

class KeyWords:
    def activate(
        self,
        *,
        spi: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Take a key into use on board: accept frames under it, or send under it.

        Args:
            spi: security parameter index, which names the key (1 to 65534).
        """
    def deactivate(
        self,
        *,
        spi: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Take a key out of use on board; it can be activated again. The last that works is refused.

        Args:
            spi: security parameter index, which names the key (1 to 65534).
        """
    def destroy(
        self,
        *,
        spi: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Erase a key on board that is not active, for ever. It loses a key: arm it first.

        Args:
            spi: security parameter index, which names the key (1 to 65534).
        """
    def report(
        self,
        *,
        spi: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report one key on board: its state, and how far its counters are.

        Args:
            spi: security parameter index, which names the key (1 to 65534).
        """

class ModeWords:
    def enter(
        self,
        *,
        mode: Literal['SAFE', 'NOMINAL', 'COMPUTE'] | int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Go to a mode. SAFE and NOMINAL hold all jobs, COMPUTE lets them run.

        Args:
            mode: the mode to go to.
        """

class ModelWords:
    def activate(
        self,
        *,
        name: str,
        sha256: bytes | str = ...,
        canary: str = ...,
        answer: str = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Load a model into the slot that is not served, and serve it if it answers as it should.

        Args:
            name: of the model, as file.list gives it.
            sha256: of the model, as model.report gives it; empty for any.
            canary: what it is asked from time to time; empty for a sentence of the spacecraft's own.
            answer: how its answer begins, the likeliest token each time; empty for what it says at first.
        """
    def check(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Ask the model that is served its canary now, and digest its weights.
        """
    def list(
        self,
        *,
        first: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """List the models in the store, and why one cannot be served.

        Args:
            first: from which one on, 0 for the first.
        """
    def pack(
        self,
        *,
        name: str,
        destination: str,
        base: str = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Begin to pack a model for a thin link; an event tells when it is done. One at a time.

        Args:
            name: of the file in the store.
            destination: of what comes of it, a name that nothing has yet.
            base: a model of the store that the ground holds, too; then only the difference is told.
        """
    def report(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report what the slots hold, and which is served.
        """
    def roll_back(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Serve the model of the other slot again, or end a trial.
        """
    def unpack(
        self,
        *,
        name: str,
        destination: str,
        base: str = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Begin to make a model of a packed file, which may be on its way up still if it is in layers; an event tells when it is done. One at a time.

        Args:
            name: of the file in the store.
            destination: of what comes of it, a name that nothing has yet.
            base: what it was packed against; empty to have it found by its digest.
        """

class MonitoringWords:
    def add(
        self,
        *,
        monitors: Sequence[Mapping[str, Any]],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Add monitors, disabled, all or none.

        Args:
            monitors: definitions.
        """
    def delete(
        self,
        *,
        monitors: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Do away with monitors that are disabled, all or none.

        Args:
            monitors: their numbers.
        """
    def delete_all(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Do away with all monitors; monitoring must be disabled. It loses work: arm it first.
        """
    def disable(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Hold monitoring as a whole.
        """
    def disable_monitors(
        self,
        *,
        monitors: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Look at monitors no more.

        Args:
            monitors: their numbers.
        """
    def enable(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Let monitoring go on as a whole.
        """
    def enable_monitors(
        self,
        *,
        monitors: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Look at monitors; each begins unchecked.

        Args:
            monitors: their numbers.
        """
    def modify(
        self,
        *,
        monitors: Sequence[Mapping[str, Any]],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Change monitors in flight, all or none; each is unchecked again.

        Args:
            monitors: definitions.
        """
    def report_definitions(
        self,
        *,
        position: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the definitions, a page at a time.

        Args:
            position: how many to leave out before.
        """
    def report_out(
        self,
        *,
        position: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report what is out of limits, a page at a time.

        Args:
            position: how many to leave out before.
        """
    def report_status(
        self,
        *,
        position: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the status of each, a page at a time.

        Args:
            position: how many to leave out before.
        """
    def set_delay(
        self,
        *,
        delay: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Tell transitions at most so late.

        Args:
            delay: the longest (3600000 ms or less).
        """

class ParameterWords:
    def report(
        self,
        *,
        parameters: Sequence[str | int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the present values of parameters, whether or not a structure holds them.

        Args:
            parameters: names or numbers, by commas.
        """
    def reset(
        self,
        *,
        parameters: Sequence[str | int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Give parameters their default values again.

        Args:
            parameters: names or numbers, by commas.
        """
    def set(
        self,
        *,
        values: Mapping[str, Any],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Set parameters, all or none; they keep their values through reboots.

        Args:
            values: name=value, by commas.
        """

class ProcedureWords:
    def abort(
        self,
        *,
        procedure: str,
        via: Service = ...,
    ) -> dict[str, Any]:
        """End a procedure that runs.

        Args:
            procedure: its name.
        """
    def abort_all(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """End all procedures that run, and report which.
        """
    def load(
        self,
        *,
        procedure: str,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Take a procedure that was uploaded as a file, once it is found good as a whole.

        Args:
            procedure: its name.
        """
    def load_and_start(
        self,
        *,
        procedure: str,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Take a procedure that was uploaded as a file, and run it.

        Args:
            procedure: its name.
        """
    def load_direct(
        self,
        *,
        procedure: str,
        text: str,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Take a procedure that is in this command, once it is found good as a whole.

        Args:
            procedure: its name.
            text: the procedure.
        """
    def report_digests(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the digests of the procedures on board.
        """
    def report_status(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the procedures on board and what they are doing.
        """
    def report_text(
        self,
        *,
        procedure: str,
        position: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the text of a procedure, a part at a time.

        Args:
            procedure: its name.
            position: where in the text it begins.
        """
    def start(
        self,
        *,
        procedure: str,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Run a procedure.

        Args:
            procedure: its name.
        """
    def unload(
        self,
        *,
        procedure: str,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Do away with a procedure that does not run. It loses work: arm it first.

        Args:
            procedure: its name.
        """

class ReactionWords:
    def add(
        self,
        *,
        reactions: Sequence[Mapping[str, Any]],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Add reactions, disabled, all or none.

        Args:
            reactions: to which events, and with what.
        """
    def delete(
        self,
        *,
        reactions: Sequence[Mapping[str, Any]],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Do away with reactions that are disabled, all or none.

        Args:
            reactions: which.
        """
    def delete_all(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Do away with all reactions. It loses work: arm it first.
        """
    def disable(
        self,
        *,
        reactions: Sequence[Mapping[str, Any]],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Release reactions no more.

        Args:
            reactions: which.
        """
    def disable_all(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Hold reacting as a whole.
        """
    def enable(
        self,
        *,
        reactions: Sequence[Mapping[str, Any]],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Let reactions be released.

        Args:
            reactions: which.
        """
    def enable_all(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Let reacting go on as a whole.
        """
    def report(
        self,
        *,
        position: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the reactions, a page at a time.

        Args:
            position: how many to leave out before.
        """
    def report_status(
        self,
        *,
        position: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report which reactions are enabled.

        Args:
            position: how many to leave out before.
        """

class ScheduleWords:
    def create_groups(
        self,
        *,
        groups: Sequence[Mapping[str, Any]],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Make groups, which activities can then be in.

        Args:
            groups: which, and whether each is enabled.
        """
    def delete(
        self,
        *,
        requests: Sequence[Mapping[str, Any]],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Take activities out of the schedule, all or none.

        Args:
            requests: which activities, by their requests.
        """
    def delete_filtered(
        self,
        *,
        window: Literal['ALL', 'FROM_TO', 'FROM', 'TO'] | int = ...,
        from_time: int = ...,
        to_time: int = ...,
        sub_schedules: Sequence[int] = ...,
        groups: Sequence[int] = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Take all activities that a filter lets through out of the schedule.

        Args:
            window: which release times.
            from_time: TAI, the first.
            to_time: TAI, the last.
            sub_schedules: in which sub-schedules, all if empty.
            groups: in which groups, all if empty.
        """
    def delete_groups(
        self,
        *,
        groups: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Do away with groups that no activity is in.

        Args:
            groups: numbers of groups.
        """
    def detail(
        self,
        *,
        requests: Sequence[Mapping[str, Any]],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report activities with their requests.

        Args:
            requests: which activities, by their requests.
        """
    def detail_all(
        self,
        *,
        position: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report all activities with their requests, a page at a time.

        Args:
            position: how many activities, in order of time, to leave out before.
        """
    def detail_filtered(
        self,
        *,
        window: Literal['ALL', 'FROM_TO', 'FROM', 'TO'] | int = ...,
        from_time: int = ...,
        to_time: int = ...,
        sub_schedules: Sequence[int] = ...,
        groups: Sequence[int] = ...,
        position: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report activities that a filter lets through.

        Args:
            window: which release times.
            from_time: TAI, the first.
            to_time: TAI, the last.
            sub_schedules: in which sub-schedules, all if empty.
            groups: in which groups, all if empty.
            position: how many activities, in order of time, to leave out before.
        """
    def disable(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Release nothing; what falls due is skipped, and reported as skipped.
        """
    def disable_groups(
        self,
        *,
        groups: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Release nothing of groups; what falls due in them is skipped.

        Args:
            groups: numbers of groups.
        """
    def disable_sub_schedules(
        self,
        *,
        sub_schedules: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Release nothing of sub-schedules; what falls due in them is skipped.

        Args:
            sub_schedules: numbers of sub-schedules.
        """
    def enable(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Release activities when they are due.
        """
    def enable_groups(
        self,
        *,
        groups: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Let groups release again.

        Args:
            groups: numbers of groups.
        """
    def enable_sub_schedules(
        self,
        *,
        sub_schedules: Sequence[int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Let sub-schedules release again.

        Args:
            sub_schedules: numbers of sub-schedules.
        """
    def insert(
        self,
        *,
        activities: Sequence[Mapping[str, Any]],
        sub_schedule: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Put activities into the schedule, all or none; `schedule.insert_relative` can say more of each.

        Args:
            activities: what, and when.
            sub_schedule: number of the sub-schedule.
        """
    def insert_relative(
        self,
        *,
        activities: Sequence[Mapping[str, Any]],
        sub_schedule: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Put activities into the schedule, all or none, each with what its time is reckoned from and what becomes of it if that goes by unused.

        Args:
            activities: what, and when.
            sub_schedule: number of the sub-schedule.
        """
    def report_fates(
        self,
        *,
        position: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report what became of the activities that were due last.

        Args:
            position: how many activities, in order of time, to leave out before.
        """
    def report_groups(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the groups and whether they are enabled.
        """
    def report_sub_schedules(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the sub-schedules and whether they are enabled.
        """
    def reset(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Empty the schedule and its groups, and disable it. It loses work: arm it first.
        """
    def set_orbit_events(
        self,
        *,
        events: Sequence[Mapping[str, Any]],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Tell when orbit events are; activities that hang on them move with them.

        Args:
            events: which, and when.
        """
    def shift(
        self,
        *,
        shift: int,
        requests: Sequence[Mapping[str, Any]],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Move activities in time, all or none.

        Args:
            shift: how much later, or earlier if negative.
            requests: which activities, by their requests.
        """
    def shift_all(
        self,
        *,
        shift: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Move all activities in time.

        Args:
            shift: how much later, or earlier if negative.
        """
    def shift_filtered(
        self,
        *,
        shift: int,
        window: Literal['ALL', 'FROM_TO', 'FROM', 'TO'] | int = ...,
        from_time: int = ...,
        to_time: int = ...,
        sub_schedules: Sequence[int] = ...,
        groups: Sequence[int] = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Move all activities that a filter lets through in time.

        Args:
            shift: how much later, or earlier if negative.
            window: which release times.
            from_time: TAI, the first.
            to_time: TAI, the last.
            sub_schedules: in which sub-schedules, all if empty.
            groups: in which groups, all if empty.
        """
    def summary(
        self,
        *,
        requests: Sequence[Mapping[str, Any]],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report when activities are due.

        Args:
            requests: which activities, by their requests.
        """
    def summary_all(
        self,
        *,
        position: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report when all activities are due, a page at a time.

        Args:
            position: how many activities, in order of time, to leave out before.
        """
    def summary_filtered(
        self,
        *,
        window: Literal['ALL', 'FROM_TO', 'FROM', 'TO'] | int = ...,
        from_time: int = ...,
        to_time: int = ...,
        sub_schedules: Sequence[int] = ...,
        groups: Sequence[int] = ...,
        position: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report when those are due that a filter passes.

        Args:
            window: which release times.
            from_time: TAI, the first.
            to_time: TAI, the last.
            sub_schedules: in which sub-schedules, all if empty.
            groups: in which groups, all if empty.
            position: how many activities, in order of time, to leave out before.
        """

class ScrubWords:
    def report(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report what scrubbing has done since the start.
        """
    def start(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Look through the whole store now, within the set rate.
        """

class SlotWords:
    def activate(
        self,
        *,
        kind: Literal['CONFIGURATION', 'SOFTWARE'] | int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Start anew with what was installed last, on trial. Without slot.confirm it is left again. It loses work: arm it first.

        Args:
            kind: configuration or software.
        """
    def confirm(
        self,
        *,
        kind: Literal['CONFIGURATION', 'SOFTWARE'] | int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Keep what is on trial: every start comes back to it from now on.

        Args:
            kind: configuration or software.
        """
    def install(
        self,
        *,
        kind: Literal['CONFIGURATION', 'SOFTWARE'] | int,
        name: str,
        sha256: bytes | str,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Copy a file into the slot that is not in use, once it is checked as a whole.

        Args:
            kind: configuration or software.
            name: in the store of files.
            sha256: of the file.
        """
    def report(
        self,
        *,
        kind: Literal['CONFIGURATION', 'SOFTWARE'] | int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report what the slots of a kind hold, and which is in use.

        Args:
            kind: configuration or software.
        """
    def revert(
        self,
        *,
        kind: Literal['CONFIGURATION', 'SOFTWARE'] | int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """End a trial, or leave the confirmed slot for what is built in; starts anew. It loses work: arm it first.

        Args:
            kind: configuration or software.
        """

class SpacecraftWords:
    def reset(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Start the flight software anew. A running job goes on from its last checkpoint. It loses work: arm it first.
        """

class StorageWords:
    def abort(
        self,
        *,
        stores: Sequence[str | int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """End the retrievals of ranges that are under way.

        Args:
            stores: which.
        """
    def confirm(
        self,
        *,
        store: Literal['EVENTS', 'HOUSEKEEPING'] | int,
        end: int,
        gaps: Sequence[Mapping[str, Any]] = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Say what the ground has; the gaps are played back again. The last one counts.

        Args:
            store: which.
            end: one past the last number that the ground speaks of.
            gaps: what it has not.
        """
    def confirm_time(
        self,
        *,
        store: Literal['EVENTS', 'HOUSEKEEPING'] | int,
        end: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Say that the ground has all that was stored up to a time, gaps and all.

        Args:
            store: which.
            end: up to this time, TAI since 1958.
        """
    def delete(
        self,
        *,
        store: Literal['EVENTS', 'HOUSEKEEPING'] | int,
        end: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Delete the segments of a store that end before a time, confirmed or not. It loses telemetry: arm it first.

        Args:
            store: which.
            end: up to this time, TAI since 1958.
        """
    def disable(
        self,
        *,
        stores: Sequence[str | int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Store no reports from now on; what is stored stays.

        Args:
            stores: which.
        """
    def enable(
        self,
        *,
        stores: Sequence[str | int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Store reports from now on.

        Args:
            stores: which.
        """
    def open_from(
        self,
        *,
        store: Literal['EVENTS', 'HOUSEKEEPING'] | int,
        start: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Have open retrieval play back again what was stored from a time on.

        Args:
            store: which.
            start: TAI since 1958.
        """
    def resume(
        self,
        *,
        stores: Sequence[str | int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Let open retrieval go on.

        Args:
            stores: which.
        """
    def retrieve(
        self,
        *,
        store: Literal['EVENTS', 'HOUSEKEEPING'] | int,
        first: int,
        last: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Play back once a range of numbers, confirmed or not.

        Args:
            store: which.
            first: number of the first.
            last: number of the last.
        """
    def retrieve_time(
        self,
        *,
        store: Literal['EVENTS', 'HOUSEKEEPING'] | int,
        start: int = ...,
        end: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Play back once what was stored in a range of on-board time, confirmed or not.

        Args:
            store: which.
            start: from this time on, TAI since 1958.
            end: up to this time.
        """
    def summary(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report what is in each store.
        """
    def suspend(
        self,
        *,
        stores: Sequence[str | int],
        via: Service = ...,
    ) -> dict[str, Any]:
        """Let open retrieval stand still.

        Args:
            stores: which.
        """

class TestWords:
    def connection(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Ask whether the spacecraft is there; it answers with a connection test report.
        """

class TimeWords:
    def adjust(
        self,
        *,
        offset: int,
        uncertainty: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Put the on-board clock forward or back. Right whenever it gets there, unlike time.set.

        Args:
            offset: added to the on-board time (-3600000000000 to 3600000000000 ns).
            uncertainty: how far it may be from the truth then.
        """
    def report_rate(
        self,
        *,
        exponent: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the on-board time of every 2^n-th frame of live telemetry, from now on.

        Args:
            exponent: n: 0 is every frame, 8 is one in 256 (8 or less).
        """
    def set(
        self,
        *,
        tai: int,
        uncertainty: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Set the on-board time to what it is when this executes. It takes the way up to get there.

        Args:
            tai: time since 1958-01-01 TAI (3.978743296e+18 ns or less).
            uncertainty: how far it may be from the truth then.
        """
    def stop_reports(
        self,
        *,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Make no more time reports.
        """

class TransferWords:
    def cancel(
        self,
        *,
        source_entity: int,
        sequence: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """End a transfer at both ends. It loses work: arm it first.

        Args:
            source_entity: CFDP entity that sends.
            sequence: number of its transaction.
        """
    def prompt(
        self,
        *,
        source_entity: int,
        sequence: int,
        response: Literal['NAK', 'KEEP_ALIVE'] | int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Ask the receiver of a file that is sent from the spacecraft how far it is, or what it misses.

        Args:
            source_entity: CFDP entity that sends.
            sequence: number of its transaction.
            response: what it is to say.
        """
    def report(
        self,
        *,
        first: int = ...,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Report the transfers that are not over and how far they are, a page at a time.

        Args:
            first: number of the first row wanted.
        """
    def resume(
        self,
        *,
        source_entity: int,
        sequence: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Let a transfer go on.

        Args:
            source_entity: CFDP entity that sends.
            sequence: number of its transaction.
        """
    def suspend(
        self,
        *,
        source_entity: int,
        sequence: int,
        via: Service = ...,
    ) -> dict[str, Any]:
        """Let a transfer stand still at the spacecraft until it is resumed.

        Args:
            source_entity: CFDP entity that sends.
            sequence: number of its transaction.
        """

class Spacecraft:
    def __init__(self, send: Sender) -> None: ...
    @property
    def boot(self) -> BootWords: ...
    @property
    def chat(self) -> ChatWords: ...
    @property
    def command(self) -> CommandWords: ...
    @property
    def device(self) -> DeviceWords: ...
    @property
    def diagnostics(self) -> DiagnosticsWords: ...
    @property
    def directory(self) -> DirectoryWords: ...
    @property
    def event(self) -> EventWords: ...
    @property
    def file(self) -> FileWords: ...
    @property
    def housekeeping(self) -> HousekeepingWords: ...
    @property
    def job(self) -> JobWords: ...
    @property
    def key(self) -> KeyWords: ...
    @property
    def mode(self) -> ModeWords: ...
    @property
    def model(self) -> ModelWords: ...
    @property
    def monitoring(self) -> MonitoringWords: ...
    @property
    def parameter(self) -> ParameterWords: ...
    @property
    def procedure(self) -> ProcedureWords: ...
    @property
    def reaction(self) -> ReactionWords: ...
    @property
    def schedule(self) -> ScheduleWords: ...
    @property
    def scrub(self) -> ScrubWords: ...
    @property
    def slot(self) -> SlotWords: ...
    @property
    def spacecraft(self) -> SpacecraftWords: ...
    @property
    def storage(self) -> StorageWords: ...
    @property
    def test(self) -> TestWords: ...
    @property
    def time(self) -> TimeWords: ...
    @property
    def transfer(self) -> TransferWords: ...
