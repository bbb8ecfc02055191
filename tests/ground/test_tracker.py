"""The tracker's table, row by row, and its timers."""

import pytest

from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ccsds.pus.telecommand import RequestId
from ccsds.pus.verification import VerificationReport, VerificationStage
from ground import tracker as tracker_module
from ground.events import FINAL, Stage
from ground.tracker import (
    COMMANDS_FINISHED_MAX,
    COMMANDS_OPEN_MAX,
    TABLE,
    TRIGGER_OF,
    Action,
    Order,
    Tracker,
    TrackerConfig,
    Trigger,
)

TIMEOUT_NS = 1_000
TRIES = 3
REQUEST = RequestId(0x42, 7)
STAGE_OF = {trigger: stage for stage, trigger in TRIGGER_OF.items()}

# How to bring a fresh command, one of a BD frame so that its timer runs, to each stage.
WAYS = {
    Stage.QUEUED: (),
    Stage.RELEASED: (Trigger.TRANSMITTED,),
    Stage.DELIVERED: (Trigger.TRANSMITTED, Trigger.ACKNOWLEDGED),
    Stage.ACCEPTED: (Trigger.TRANSMITTED, Trigger.ACCEPTANCE),
    Stage.STARTED: (Trigger.TRANSMITTED, Trigger.START),
    Stage.PROGRESSED: (Trigger.TRANSMITTED, Trigger.PROGRESS),
    Stage.COMPLETED: (Trigger.COMPLETION,),
    Stage.REFUSED: (Trigger.ACCEPTANCE_FAILURE,),
    Stage.FAILED: (Trigger.START_FAILURE,),
    Stage.LOST: (Trigger.WITHDRAW,),
}


def report(stage: VerificationStage, step: int = 1) -> VerificationReport:
    return VerificationReport(
        stage,
        REQUEST,
        step if stage.has_step else None,
        6 if stage.is_failure else None,
        "too large" if stage.is_failure else "",
    )


def make_tracker(service: Service = Service.BD, tries_max: int = TRIES) -> Tracker:
    tracker = Tracker(TrackerConfig(response_timeout_ns=TIMEOUT_NS, tries_max=tries_max))
    tracker.contact(True, 0)
    tracker.add(command_id=1, name="test.connection", apid=0x42, sequence_count=7, service=service, now_ns=0)
    return tracker


def fire(tracker: Tracker, trigger: Trigger, now_ns: int) -> int:
    """Make a trigger happen; gives the time after it."""
    match trigger:
        case Trigger.TRANSMITTED:
            tracker.transmitted(1, now_ns)
        case Trigger.ACKNOWLEDGED:
            tracker.acknowledged(1, now_ns)
        case Trigger.UNDELIVERED | Trigger.EXHAUSTED:
            tracker.undelivered(1, "the line was cut", now_ns)
        case Trigger.SILENT:
            deadline_ns = tracker.next_deadline()
            now_ns = now_ns + TIMEOUT_NS if deadline_ns is None else deadline_ns
            tracker.advance(now_ns)
        case Trigger.WITHDRAW:
            tracker.withdraw(1, "not wanted any more", now_ns)
        case _:
            tracker.verify(report(STAGE_OF[trigger]), now_ns)
    return now_ns


def stage_of(tracker: Tracker) -> str:
    return tracker.snapshot()[0]["stage"]


@pytest.mark.parametrize("stage", Stage, ids=lambda stage: stage.name)
@pytest.mark.parametrize("trigger", Trigger, ids=lambda trigger: trigger.name)
def test_every_row_and_every_missing_row_of_the_table_is_what_the_tracker_does(stage, trigger):
    tracker = make_tracker(tries_max=1 if trigger is Trigger.EXHAUSTED else TRIES)
    now_ns = 0
    for step in WAYS[stage]:
        now_ns = fire(tracker, step, now_ns)
    assert stage_of(tracker) == stage.name
    if trigger is Trigger.EXHAUSTED and stage not in (Stage.QUEUED, Stage.RELEASED):
        # Only a frame that COP-1 has can be given up by it; elsewhere the last try ends in silence.
        fire(tracker, Trigger.SILENT, now_ns)
    else:
        fire(tracker, trigger, now_ns)
    _, expected = TABLE.get((stage, trigger), (None, stage))
    assert stage_of(tracker) == expected.name


def test_a_missing_row_changes_nothing_and_says_nothing():
    for stage, way in WAYS.items():
        for trigger in Trigger:
            if (stage, trigger) in TABLE or trigger is Trigger.EXHAUSTED:
                continue
            tracker = make_tracker()
            now_ns = 0
            for step in way:
                now_ns = fire(tracker, step, now_ns)
            tracker.take_events()
            tracker.take_orders()
            fire(tracker, trigger, now_ns)
            assert tracker.take_events() == []
            assert tracker.take_orders() == []


def test_every_command_in_the_table_ends_and_only_lost_ones_are_corrected():
    for (stage, _), (action, after) in TABLE.items():
        assert (action is Action.FINISH) == (after in FINAL)
        assert stage not in FINAL or stage is Stage.LOST


def test_silence_has_the_same_command_sent_again_until_it_is_lost():
    tracker = make_tracker()
    tracker.take_events()
    now_ns = 0
    for attempt in range(1, TRIES):
        tracker.transmitted(1, now_ns)
        now_ns += TIMEOUT_NS - 1
        tracker.advance(now_ns)
        assert stage_of(tracker) == "RELEASED"
        now_ns += 1
        tracker.advance(now_ns)
        assert tracker.take_orders() == [Order(Action.RESEND, 1)]
        assert [(event.stage, event.attempt) for event in tracker.take_events()] == [
            (Stage.RELEASED, attempt),
            (Stage.QUEUED, attempt + 1),
        ]
    tracker.transmitted(1, now_ns)
    tracker.advance(now_ns + TIMEOUT_NS)
    assert tracker.take_orders() == [Order(Action.FINISH, 1)]
    last = tracker.take_events()[-1]
    assert (last.stage, last.text) == (Stage.LOST, "no report for 1e-06 s, after 3 tries")
    assert tracker.next_deadline() is None


def test_cop_1_answers_for_an_ad_frame_and_the_timer_begins_when_it_is_delivered():
    tracker = make_tracker(Service.AD)
    tracker.transmitted(1, 0)
    assert tracker.next_deadline() is None
    tracker.acknowledged(1, 50)
    assert tracker.next_deadline() == 50 + TIMEOUT_NS
    assert stage_of(tracker) == "DELIVERED"


def test_timers_stand_still_out_of_contact():
    tracker = make_tracker()
    tracker.transmitted(1, 0)
    tracker.contact(False, 400)
    assert tracker.next_deadline() is None
    tracker.advance(1_000_000)
    assert stage_of(tracker) == "RELEASED"
    tracker.contact(True, 1_000_000)
    assert tracker.next_deadline() == 1_000_600


def test_a_timer_that_starts_out_of_contact_runs_from_the_next_contact_on():
    tracker = make_tracker()
    tracker.contact(False, 0)
    tracker.transmitted(1, 10)
    assert tracker.next_deadline() is None
    tracker.contact(True, 500)
    assert tracker.next_deadline() == 500 + TIMEOUT_NS


def test_completion_whose_acceptance_was_lost_completes_the_command():
    tracker = make_tracker()
    tracker.transmitted(1, 0)
    tracker.verify(report(VerificationStage.COMPLETED), 10)
    assert stage_of(tracker) == "COMPLETED"


def test_a_stage_never_goes_back_when_reports_are_repeated():
    tracker = make_tracker()
    tracker.transmitted(1, 0)
    tracker.verify(report(VerificationStage.STARTED), 10)
    tracker.take_events()
    tracker.verify(report(VerificationStage.ACCEPTED), 20)
    assert stage_of(tracker) == "STARTED"
    assert tracker.take_events() == []


def test_a_command_that_executes_long_is_asked_after_less_and_less_often_and_never_lost_while_it_answers():
    tracker = make_tracker()
    tracker.transmitted(1, 0)
    tracker.verify(report(VerificationStage.STARTED), 0)
    now_ns, waits = 0, []
    for _ in range(3 * TRIES):
        deadline_ns = tracker.next_deadline()
        assert deadline_ns is not None
        waits.append(deadline_ns - now_ns)
        now_ns = deadline_ns
        tracker.advance(now_ns)
        tracker.transmitted(1, now_ns)
        tracker.verify(report(VerificationStage.STARTED), now_ns)
    assert waits == [TIMEOUT_NS << index for index in range(3 * TRIES)]
    tracker.verify(report(VerificationStage.COMPLETED), now_ns)
    assert stage_of(tracker) == "COMPLETED"


def test_a_command_that_was_accepted_and_then_fell_silent_is_lost():
    tracker = make_tracker()
    tracker.transmitted(1, 0)
    tracker.verify(report(VerificationStage.ACCEPTED), 0)
    for _ in range(TRIES):
        deadline_ns = tracker.next_deadline()
        assert deadline_ns is not None
        tracker.advance(deadline_ns)
        tracker.transmitted(1, deadline_ns)
    assert stage_of(tracker) == "LOST"


def test_each_step_of_progress_is_told_once():
    tracker = make_tracker()
    tracker.take_events()
    for step in (1, 1, 2):
        tracker.verify(report(VerificationStage.PROGRESSED, step), 10)
    assert [(event.stage, event.text) for event in tracker.take_events()] == [
        (Stage.PROGRESSED, "step 1"),
        (Stage.PROGRESSED, "step 2"),
    ]


def test_a_refusal_tells_its_code_and_text():
    tracker = make_tracker()
    tracker.verify(report(VerificationStage.ACCEPTANCE_FAILED), 10)
    assert tracker.take_events()[-1].text == "BAD_ARGUMENT, too large"


def test_a_report_about_no_known_command_is_not_taken():
    tracker = make_tracker()
    assert not tracker.verify(VerificationReport(VerificationStage.ACCEPTED, RequestId(0x42, 8)), 0)
    assert not tracker.verify(VerificationReport(VerificationStage.ACCEPTED, RequestId(0x43, 7)), 0)
    assert stage_of(tracker) == "QUEUED"


def test_only_what_was_never_released_can_be_withdrawn():
    tracker = make_tracker()
    tracker.transmitted(1, 0)
    assert not tracker.withdraw(1, "too late", 0)
    assert stage_of(tracker) == "RELEASED"


def test_open_commands_are_bounded_and_finished_ones_are_forgotten():
    tracker = Tracker(TrackerConfig(response_timeout_ns=TIMEOUT_NS, tries_max=1))
    for command_id in range(COMMANDS_OPEN_MAX):
        tracker.add(command_id=command_id, name="x", apid=1, sequence_count=command_id, service=Service.AD, now_ns=0)
    with pytest.raises(MisuseError, match="expected fewer than 64 commands on their way, found 64"):
        tracker.add(command_id=999, name="x", apid=1, sequence_count=999, service=Service.AD, now_ns=0)
    for command_id in range(1_000):
        tracker.withdraw(command_id, "", 0)
        number = command_id + COMMANDS_OPEN_MAX
        tracker.add(command_id=number, name="x", apid=1, sequence_count=number, service=Service.AD, now_ns=0)
    assert len(tracker.snapshot()) == COMMANDS_OPEN_MAX + COMMANDS_FINISHED_MAX
    assert not tracker.verify(VerificationReport(VerificationStage.COMPLETED, RequestId(1, 0)), 0)


def test_a_config_that_would_never_send_is_refused():
    with pytest.raises(MisuseError, match="expected tries_max of 1 or more, found 0"):
        TrackerConfig(response_timeout_ns=1, tries_max=0)
    with pytest.raises(MisuseError, match="expected response_timeout_ns above 0, found 0"):
        TrackerConfig(response_timeout_ns=0, tries_max=1)


def test_the_diagram_shows_every_row():
    diagram = tracker_module.diagram()
    assert diagram.count("-->") == len(TABLE) + len(FINAL) + 1
