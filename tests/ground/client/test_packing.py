"""The end of a packing that was asked for: no other one's, none from before, and a reset ends it too."""

import pytest

from ground.client.operator import DeadlineError, Operator
from ground.client.packing import CORRELATION_NS_MAX, is_end_of_packing
from ground.client.work import WorkFailedError
from mission.words.packing import MODEL_PACKED, MODEL_UNPACKED, PACKING_FAILED, PACKING_FORGOTTEN

TIMEOUT_S = 60
ASKED_NS = 1_000 * 10**9
PACKED = {"name": "m", "destination": "m.pack", "size": 9, "packed_size": 5}
FAILED = {"name": "m", "destination": "m.pack", "reason": "no room"}


def told(definition, made_ns=None, **values):
    return {"type": "EventReported", "name": definition.name, "generated_ns": made_ns, "values": values}


def is_end(event) -> bool:
    return is_end_of_packing(event, "m", "m.pack", ASKED_NS)


@pytest.mark.parametrize("definition", [MODEL_PACKED, MODEL_UNPACKED, PACKING_FAILED])
def test_it_is_the_end_if_both_names_are_right(definition):
    assert is_end(told(definition, name="m", destination="m.pack"))
    assert not is_end(told(definition, name="n", destination="m.pack"))
    assert not is_end(told(definition, name="m", destination="n.pack"))


def test_what_was_made_before_it_was_asked_for_is_not_its_end_however_late_it_comes():
    soonest_ns = ASKED_NS - CORRELATION_NS_MAX
    assert is_end(told(PACKING_FAILED, soonest_ns, **FAILED))
    assert not is_end(told(PACKING_FAILED, soonest_ns - 1, **FAILED))
    assert is_end(told(PACKING_FORGOTTEN, soonest_ns, octets=3))
    assert not is_end(told(PACKING_FORGOTTEN, soonest_ns - 1, octets=3))


def test_other_events_and_reports_are_not():
    assert not is_end(told(PACKING_FAILED, **FAILED) | {"name": "job_failed"})
    assert not is_end(told(PACKING_FAILED, **FAILED) | {"type": "ReportReceived"})


class TestByAProcedure:
    """Through a station in service."""

    @pytest.fixture
    def operator(self, served):
        with Operator.connect(served.config.socket_path) as operator:
            yield operator

    @pytest.fixture
    def tell(self, served):
        def tell(definition, **values):
            octets = definition.id.to_bytes(2, "big") + definition.fields.encode(values)
            served.spacecraft.say(5, definition.severity, octets)

        return tell

    @pytest.fixture
    def answers(self, served, tell):
        """What the spacecraft tells once it has begun."""
        complete, answers = served.spacecraft.answer, []

        def answer(telecommand):
            for definition, values in answers:
                tell(definition, **values)
            return complete(telecommand)

        served.spacecraft.answer = answer
        return answers

    def test_an_end_that_was_heard_before_is_not_taken_for_it(self, served, operator, client, tell, answers):
        client.subscribe()
        served.call(lambda: tell(PACKING_FAILED, **FAILED))
        next(each for each in client.events(TIMEOUT_S) if each["type"] == "EventReported")
        answers.append((MODEL_PACKED, PACKED))
        assert operator.files.pack("m", "m.pack", within_s=TIMEOUT_S) == PACKED

    def test_nor_is_one_of_another_file(self, operator, answers):
        answers += [(PACKING_FAILED, {**FAILED, "name": "n"}), (MODEL_PACKED, PACKED)]
        assert operator.files.pack("m", "m.pack", within_s=TIMEOUT_S) == PACKED

    def test_a_reset_ends_it(self, operator, answers):
        answers.append((PACKING_FORGOTTEN, {"octets": 77}))
        with pytest.raises(WorkFailedError, match=r"a reset fell into packing .* 77 octets"):
            operator.files.unpack("m", "m.pack", within_s=TIMEOUT_S)

    def test_one_that_does_not_end_is_told_in_words(self, operator):
        with pytest.raises(DeadlineError, match=r"expected the end of m on its way to m.pack within 0.1 s, found none"):
            operator.files.pack("m", "m.pack", within_s=0.1)
