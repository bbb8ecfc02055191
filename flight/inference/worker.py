"""The worker that serves a model: the child process that reads prompts and writes replies, as the server asks.

``python -m flight.inference.worker --store DIR`` takes requests from the socket that it inherits as standard input, and
answers each with one reply on the same socket. Whatever goes wrong becomes a `Failed` with a reason; the worker ends
when the socket is closed, and with its parent. It reads the store and never writes to it.

What it has loaded is digested as it lies in memory. At the end of each reply, and whenever a canary is asked, it is
digested again: weights that have changed were struck.
"""

import argparse
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

import psutil
import torch
import xxhash

from ccsds.errors import MalformedError, MisuseError
from flight.disk import Disk, RealDisk
from flight.inference.job_model import load_job_model
from flight.inference.messages import (
    Begin,
    Begun,
    Check,
    Checked,
    Load,
    Loaded,
    ServerReply,
    ServerRequest,
    Write,
    Written,
    server_request_stream,
)
from flight.inference.model_files import ModelFacts, look_at
from flight.inference.reply import Reply, answer_canary
from flight.inference.text_model import TextModel
from flight.jobs.messages import Failed, FailureKind, encode
from flight.jobs.parent import end_with_parent
from flight.jobs.state import tensor_octets
from flight.jobs.worker import failure_kind, failure_reason, messages_of, stand_behind_parent, take_channel
from mission.inference import ModelKind

# More would only be in the way of a job that is at work beside it, on a board of few cores.
THREADS = 1

_PIECE_OCTETS = 1 << 20


class ModelServer:
    """Does what it is asked, one request at a time.

    Args:
        disk: Where models are.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._model: TextModel | None = None
        self._digests: dict[str, bytes] = {}
        self._reply: Reply | None = None

    def answer(self, request: ServerRequest) -> ServerReply:
        """Do what a request asks; whatever is raised on the way becomes a `Failed`."""
        try:
            return self._answer(request)
        except FloatingPointError as error:
            struck = self._struck()
            return Failed(f"{struck} was struck in memory: {error}" if struck else str(error), FailureKind.LOST)
        except Exception as error:
            return Failed(failure_reason(error), failure_kind(error))

    def _answer(self, request: ServerRequest) -> ServerReply:
        if isinstance(request, Load):
            return self._load(request)
        if self._model is None:
            raise MisuseError(f"{type(request).__name__}: expected a model in memory, found none")
        match request:
            case Begin():
                self._reply = None
                self._reply = Reply(self._model, request)
                return Begun(prompt_tokens=self._reply.prompt_tokens, turns_left_out=self._reply.turns_left_out)
            case Write(tokens):
                return self._write(tokens)
            case Check(canary, tokens):
                self._reply = None
                return Checked(answer=answer_canary(self._model, canary, tokens), struck=self._struck())

    def _load(self, request: Load) -> Loaded:
        self._model = self._reply = None
        facts = look_at(self._disk, request.path)
        if facts.kind is not request.kind:
            raise MisuseError(f"{request.path}: expected {request.kind.name}, found {facts.kind.name}")
        # Refused before the system ends somebody for it.
        free_octets = psutil.virtual_memory().available
        facts.check_memory(request.path, min(request.memory_octets_max or free_octets, free_octets))
        found = model_sha256(self._disk, request.path, facts)
        if request.sha256 and found != request.sha256:
            raise MalformedError(f"{request.path}: expected SHA-256 {request.sha256[:16]}, found {found[:16]}")
        torch.set_num_threads(THREADS)
        self._model = self._make(facts.kind, request.path)
        self._digests = {name: _digest(weight) for name, weight in self._model.weights().items()}
        return Loaded(sha256=found, parameters=self._model.parameters, context=self._model.context)

    def _make(self, kind: ModelKind, path: str) -> TextModel:
        if kind is ModelKind.LANGUAGE_MODEL:
            from flight.inference.language_model import load_language_model  # Few need it, and it takes seconds.

            return load_language_model(self._disk, path)
        return load_job_model(self._disk, path)

    def _write(self, tokens: int) -> Written:
        if self._reply is None:
            raise MisuseError("Write: expected a prompt that was read, found none")
        text = self._reply.write(tokens)
        return Written(
            text=text,
            tokens=self._reply.tokens,
            is_finished=self._reply.is_finished,
            is_whole=self._reply.is_whole,
            struck=self._struck() if self._reply.is_whole else "",
        )

    def weights(self) -> Mapping[str, torch.Tensor]:
        """Give the weights of the model in memory, by name; none, if there is no model."""
        return self._model.weights() if self._model is not None else {}

    def _struck(self) -> str:
        """Name a weight that is not what was loaded; empty if there is none."""
        for name, weight in self.weights().items():
            if _digest(weight) != self._digests[name]:
                return name
        return ""


def model_sha256(disk: Disk, path: str, facts: ModelFacts) -> str:
    """Digest a model in the store: one file as `sha256sum` does it, a directory by the list that it prints.

    Of a directory it is the SHA-256 of ``DIGEST  NAME`` and a line feed for each file, in order of names.

    Raises:
        OSError: The store failed.
    """
    if facts.files == (path,):
        return _file_sha256(disk, path)
    listed = hashlib.sha256()
    for file in facts.files:
        listed.update(f"{_file_sha256(disk, file)}  {file.removeprefix(f'{path}/')}\n".encode())
    return listed.hexdigest()


def _file_sha256(disk: Disk, path: str) -> str:
    digest, at = hashlib.sha256(), 0
    while piece := disk.read(path, at, _PIECE_OCTETS):
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()


def _digest(weight: torch.Tensor) -> bytes:
    return xxhash.xxh3_128_digest(tensor_octets(weight))


def main() -> None:
    """Run the worker until its parent is done with it."""
    parser = argparse.ArgumentParser(prog="python -m flight.inference.worker", description=__doc__)
    parser.add_argument("--store", type=Path, required=True, help="directory of the spacecraft's store")
    arguments = parser.parse_args()
    end_with_parent()
    stand_behind_parent()
    # Whatever a library would fetch is not there: a model is what is in the store.
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    channel = take_channel()
    try:
        server = ModelServer(RealDisk(arguments.store))
        for request in messages_of(channel, server_request_stream()):
            channel.sendall(encode(server.answer(request)))
    except ConnectionError:
        return  # The flight process ended while it was being answered.


if __name__ == "__main__":
    main()
