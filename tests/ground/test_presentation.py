"""What a terminal shows, from plain snapshots."""

import pytest
from rich.console import Console

from ground.presentation import (
    JobsTable,
    commands_history,
    event_line,
    link_table,
    octets_text,
    spark,
    stage_line,
    transfers_table,
    watch_screen,
)
from mission.words.link import UPLINK_COUNTS

STATE = {
    "time_ns": 0,
    "profile": "sband",
    "contact": True,
    "link": "UP",
    "cop": "UP",
    "counters": {"frames_received": 90, "frames_rejected": 2, "symbols_corrected": 17, "octets_received": 1000},
    "channels": {"0": {"frames": 70, "frames_missed": 8}, "7": {"frames": 20, "frames_missed": 2}},
    "housekeeping": {"1": {"name": "core", "values": {"boot_count": 3, "job_loss": None, "rate": 1.23456789}}},
    "jobs": {
        "4": {
            "state": "RUNNING",
            "progress": {
                "step": 60,
                "steps": 100,
                "loss": 2.5,
                "validation_loss": None,
                "tokens_per_s": 5e4,
                "eta": 9.0,
            },
            "report": None,
            "sample": None,
            "losses": [[20, 4.0], [40, 3.0], [60, 2.5]],
        }
    },
    "files": {
        "transfers": [
            {
                "transaction": "42-7",
                "direction": "DOWN",
                "source_name": "weights",
                "destination_name": "weights",
                "size_octets": 2_000_000,
                "done_octets": 500_000,
                "state": "receiving",
                "is_suspended": False,
            }
        ]
    },
}


def shown(*parts, width: int = 300) -> str:
    console = Console(width=width, record=True, file=open("/dev/null", "w"))
    with console.file:
        for part in parts:
            console.print(part)
    return console.export_text()


def test_the_watch_screen_shows_link_loss_housekeeping_jobs_and_events():
    event = {"type": "LinkChanged", "time_ns": 1_500_000_000, "line": "link UP"}
    screen = shown(watch_screen(STATE, [event], 125_000.0))
    for expected in (
        "UP  contact yes  COP-1 UP  profile sband",
        "1,000.0 kbit/s down  90 frames  10 missed (10.00 %)  2 rejected  17 symbols corrected",
        "boot_count",
        "1.23457",
        "60/100",
        "50,000",
        "9 s",
        "1.500  link UP",
        "42-7",
        "2.0 MB",
        "25 %",
    ):
        assert expected in screen


def test_what_a_terminal_cuts_off_of_the_watch_screen_is_housekeeping():
    event = {"type": "LinkChanged", "time_ns": 1_500_000_000, "line": "link UP"}
    screen = shown(watch_screen(STATE, [event], 0.0))
    panels = [screen.index(f" {title} ") for title in ("link", "jobs", "files", "events", "housekeeping")]
    assert panels == sorted(panels)


@pytest.mark.parametrize(
    ("width", "headers"),
    [
        (120, "job state recipe corpus step loss valid. tokens/s ETA curve"),
        (90, "job state recipe corpus step loss valid. tokens/s ETA"),
        (80, "job state recipe step loss valid. tokens/s ETA"),
        (60, "job state recipe step loss valid. ETA"),
    ],
)
def test_jobs_have_a_line_each_however_narrow_the_terminal_is(width, headers):
    report = {"recipe": "nanogpt", "corpus": "tinyshakespeare", "step": 400, "steps": 400, "loss": 2.33608}
    progress = {"step": 400, "steps": 400, "loss": 2.33608, "validation_loss": 2.3, "tokens_per_s": 5761.2, "eta": 99.0}
    losses = [[step, 400.0 - step] for step in range(400)]
    job = {"state": "CANCELLED", "report": report, "progress": progress, "sample": None, "losses": losses}
    lines = shown(JobsTable({"1": job, "2": job}), width=width).splitlines()
    assert lines[0].split() == headers.split()
    assert [line.split()[0] for line in lines[1:]] == ["1", "2"]


def test_the_link_table_has_a_row_for_each_virtual_channel_of_both_directions():
    screen = shown(link_table(STATE))
    assert "0 live" in screen and "7 idle" in screen
    assert "ground send housekeeping.enable structures=4" in screen
    values = {parameter.name: 1000 * key[0] + number for number, (key, parameter) in enumerate(UPLINK_COUNTS.items())}
    screen = shown(link_table({**STATE, "housekeeping": {"4": {"name": "link", "values": values}}}))
    assert "0 commands" in screen and "1 files" in screen
    assert "1,019" in screen


def test_a_station_that_has_heard_nothing_shows_so():
    state = {**STATE, "link": "DOWN", "counters": {}, "channels": {}, "housekeeping": {}, "jobs": {}}
    state["files"] = {"transfers": []}
    screen = shown(watch_screen(state, [], 0.0))
    assert "DOWN" in screen
    assert "0 missed (0.00 %)" in screen
    assert "none yet" in screen
    assert "housekeeping" not in screen


def test_the_watch_screen_says_why_nothing_comes_and_why_nothing_is_kept():
    port = "port serial:/dev/ttyUSB0 is down: the device is gone; waiting for it"
    full = {**STATE, "archive_trouble": "database or disk is full", "port": port}
    assert "database or disk is full" in shown(watch_screen(full, [], 0.0))
    assert port not in shown(watch_screen(full, [], 0.0))
    assert port in shown(watch_screen({**full, "contact": False}, [], 0.0))


def test_text_from_the_link_is_never_taken_for_markup():
    event = {"type": "EventReported", "time_ns": 0, "severity": "HIGH", "line": "[red]x[/nonsense] \\[b"}
    assert event_line(event).plain.endswith("[red]x[/nonsense] \\[b")
    assert "[red]x[/nonsense] \\[b" in shown(event_line(event))
    job = {
        "state": "[bold]",
        "progress": None,
        "report": {"recipe": "[/x]", "corpus": "[b]"},
        "sample": None,
        "losses": [],
    }
    assert "[/x]" in shown(JobsTable({"1": job}))


def test_a_stage_line_tells_try_and_reason():
    event = {"name": "job.cancel", "command_id": 3, "stage": "LOST", "attempt": 4, "text": "no report for 5 s"}
    assert stage_line(event).plain == "job.cancel 3: LOST (try 4): no report for 5 s"
    event |= {"stage": "COMPLETED", "attempt": 1, "text": ""}
    assert stage_line(event).plain == "job.cancel 3: COMPLETED"


def test_the_history_shows_the_way_of_each():
    command = {
        "command_id": 1,
        "unix_ns": 0,
        "name": "job.cancel",
        "arguments": {"job_id": 7},
        "sequence_count": 12,
        "service": "AD",
        "stage": "COMPLETED",
        "stages": [
            {"unix_ns": 0, "stage": "QUEUED", "attempt": 1, "text": ""},
            {"unix_ns": 1_500_000_000, "stage": "QUEUED", "attempt": 2, "text": "no report"},
            {"unix_ns": 2_000_000_000, "stage": "COMPLETED", "attempt": 2, "text": ""},
        ],
    }
    history = shown(commands_history([command]))
    assert "1970-01-01T00:00:00Z  1  job.cancel job_id=7  count 12  AD" in history
    assert "+1.500 s  QUEUED (try 2): no report" in history
    assert "+2.000 s  COMPLETED" in history
    assert shown(commands_history([])) == "no command was sent yet\n"


def test_a_spark_shows_a_fall_and_is_never_longer_than_its_cell():
    assert spark([]) == ""
    assert spark([1.0]) == "▁"
    assert spark([3.0, 2.0, 1.0]) == "█▅▁"
    assert len(spark([float(each) for each in range(1000)])) == 24


def test_transfers_are_shown_with_their_ends():
    row = {
        "transaction": "1-9",
        "direction": "UP",
        "source_name": ".outbox/ab12/photo",
        "destination_name": "pictures/photo",
        "size_octets": 0,
        "done_octets": 0,
        "outcome": "FAILED",
        "condition": "FILE_SIZE_ERROR",
        "text": "",
        "started_unix_ns": 0,
        "ended_unix_ns": 2_500_000_000,
    }
    whole = {**row, "outcome": "FINISHED", "source_name": "same", "destination_name": "same", "size_octets": None}
    text = shown(transfers_table([row, whole]))
    assert "photo → pictures/photo" in text
    assert "failed: file size error" in text
    assert "finished in 2.5 s" in text
    assert "outbox" not in text
    unknown = {**row, "source_name": "", "destination_name": "", "outcome": "UNDER_WAY"}
    assert "not known yet" in shown(transfers_table([unknown]))


def test_octets_are_told_in_the_unit_that_fits():
    numbers = (0, 999, 1000, 999_949, 1_500_000, 2_000_000_000, 5e12)
    assert [octets_text(each) for each in numbers] == [
        "0 B",
        "999 B",
        "1.0 kB",
        "999.9 kB",
        "1.5 MB",
        "2.0 GB",
        "5000.0 GB",
    ]
