"""Messages between engine and worker: every one both ways, in pieces of any size, and nothing else."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MalformedError, MisuseError
from flight.jobs.messages import (
    MESSAGE_OCTETS_MAX,
    CheckpointReference,
    Collect,
    Evaluate,
    Evaluated,
    Failed,
    FailureKind,
    Finish,
    Finished,
    Join,
    Sample,
    Sampled,
    Save,
    Saved,
    Saving,
    Start,
    Started,
    Step,
    Stepped,
    encode,
    reply_stream,
    request_stream,
)

REFERENCE = CheckpointReference(slot="b", step=20, sha256="ab" * 32)
START = Start(job_id=7, recipe="kind = 'train'", corpus_path="verses.txt", corpus_sha256="cd" * 32, seed=1337)
REQUESTS = [
    START,
    msgspec.structs.replace(START, checkpoint=REFERENCE),
    Step(5),
    Evaluate(),
    Save("a", "ab" * 32),
    Collect(),
    Join(),
    Sample(),
    Sample("ROMEO:", 80),
    Finish(),
]
REPLIES = [
    Started(
        step=0, steps=10, parameters=99, tokens_per_step=768, vocabulary=65, train_tokens=900, validation_tokens=100
    ),
    Stepped(step=5, loss=2.5, gradient_norm=0.5, learning_rate=1e-3),
    Evaluated(5, 2.25),
    Saving(step=5),
    Saved(step=5, slot="a", sha256="ef" * 32, length_octets=1234, written_octets=234),
    Sampled("ROMEO:\n\u00e9"),
    Finished(step=10, weights_sha256="01" * 32, path="jobs/7/model.safetensors", length_octets=99),
    Failed("no such corpus", FailureKind.CHECKPOINT),
]


def test_every_request_arrives_as_it_was_sent():
    assert request_stream().receive(b"".join(map(encode, REQUESTS))) == REQUESTS


def test_every_reply_arrives_as_it_was_sent():
    assert reply_stream().receive(b"".join(map(encode, REPLIES))) == REPLIES


@given(st.lists(st.integers(1, 40), min_size=1))
def test_messages_arrive_whole_however_the_stream_is_cut(lengths):
    data = b"".join(map(encode, REPLIES))
    stream, found, position = reply_stream(), [], 0
    while position < len(data):
        for length in lengths:
            found += stream.receive(data[position : position + length])
            position += length
    assert found == REPLIES


def test_a_step_on_the_wire_is_its_length_and_msgpack():
    assert encode(Step(5)).hex(" ") == (
        "00 00 00 1a 83 a4 74 79 70 65 a4 53 74 65 70 a5 63 6f 75 6e 74 05 a6 74 61 69 5f 6e 73 00"
    )


def test_a_message_that_is_too_long_is_not_sent():
    with pytest.raises(MisuseError, match=f"Sampled: expected a message of at most {MESSAGE_OCTETS_MAX} octets, found"):
        encode(Sampled("a" * MESSAGE_OCTETS_MAX))


def test_a_length_beyond_the_bound_is_refused_before_it_is_waited_for():
    with pytest.raises(MalformedError, match=f"at most {MESSAGE_OCTETS_MAX} octets, found 4294967295"):
        reply_stream().receive(b"\xff\xff\xff\xff")


def test_a_request_is_no_reply():
    with pytest.raises(MalformedError, match="expected a known message"):
        reply_stream().receive(encode(Step(5)))


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_message_or_refused(data):
    stream = request_stream()
    try:
        assert isinstance(stream.receive(len(data).to_bytes(4, "big") + data), list)
    except MalformedError as refusal:
        assert str(refusal).startswith("worker channel: ")
