"""Tables of a scenario that contradict each other, and times outside of the mission, are refused in one line."""

import pytest
from click.testing import CliRunner

from ccsds.errors import MisuseError
from hil.__main__ import main
from hil.scenario.agreement import check_files_there
from hil.scenario.scenario import load_scenario, parse_scenario, shipped_scenarios

JOB = '{ command = "job.submit", arguments = { job_id = 1, recipe = "tiny", corpus = "verses" } }'
SEND = '{ command = "file.send", arguments = { name = "a/b.bin" } }'
PROMPT = '{ command = "chat.prompt", arguments = { conversation = 2, turn = 1, text = "x" } }'
RELEASED = '{ command = "test.connection", release = "aos+5s" }'
MOVE = '{ command = "file.move", arguments = { name = "a.bin", destination = "b.bin" } }'
LAID = '[[station.files]]\nname = "up.bin"\noctets = 3\n'
ORBIT = '[orbit]\nname = "sso_500"\n[[stations]]\nname = "svalbard_78"\n'
CORPORA = '[spacecraft]\ncorpora = ["verses"]\n'


def parse(steps, rest=""):
    return parse_scenario(f'name = "x"\nprocedure = [{", ".join(steps)}]\n{CORPORA}{rest}', "x.toml")


@pytest.mark.parametrize(
    ("steps", "rest"),
    [
        ([JOB, "{ wait_for_job = 1 }"], '[[faults]]\nkind = "kill_worker"\njob_step = 3'),
        ([SEND, '{ wait_for_file = "b.bin" }'], "[expect]\ngoals = [{ file = 'b.bin', by_s = 3 }]"),
        (['{ put_file = "up.bin" }', '{ wait_for_file = "up.bin" }'], LAID),
        ([PROMPT, "{ wait_for_reply = 2 }"], "[expect]\nreplies_min = 1"),
        ([SEND], "[expect]\ngoals = [{ command = 'file.send', by_s = 3 }]"),
        # The procedure asks after a job, and the station confirms what it has.
        ([JOB, "{ wait_for_job = 1 }"], "[expect]\ngoals = [{ command = 'job.report', by_s = 3 }]"),
        ([SEND], "[expect]\ngoals = [{ command = 'storage.confirm', by_s = 3 }]"),
        ([RELEASED], "[expect]\ngoals = [{ command = 'schedule.insert_relative', by_s = 3 }]"),
        ([RELEASED], "[expect]\ngoals = [{ command = 'test.connection', by_s = 3 }]"),
        # What is carried by another command cannot be seen, and a test without a procedure acts by hand.
        (['{ command = "procedure.abort_all" }', "{ wait_for_job = 9 }"], ""),
        ([], '[[faults]]\nkind = "kill_worker"\njob_step = 3'),
        (["{ wait_until_s = 3600 }"], "[[link.passes]]\nat_s = 0\nduration_s = 9\nevery_s = 1800\ncount = 3"),
    ],
)
def test_what_agrees_is_taken(steps, rest):
    assert parse(steps, rest).name == "x"


@pytest.mark.parametrize(
    ("steps", "rest", "message"),
    [
        (
            ["{ wait_for_job = 1 }", JOB],
            "",
            "procedure[0].wait_for_job: expected a job that a step before submits, found 1",
        ),
        (
            [JOB, "{ wait_for_job = 2 }"],
            "",
            "procedure[1].wait_for_job: expected a job that a step before submits, found 2",
        ),
        (
            [SEND, '{ wait_for_file = "c" }'],
            "",
            "procedure[1].wait_for_file: expected a file that a step before puts, or",
        ),
        (
            [PROMPT, "{ wait_for_reply = 1 }"],
            "",
            "procedure[1].wait_for_reply: expected a conversation that a step before",
        ),
        (
            [JOB],
            '[[faults]]\nkind = "corrupt_checkpoint"\nat_s = 3\njob_id = 2',
            "faults[0].job_id: expected a job that a step submits, found 2",
        ),
        (
            [SEND],
            "[expect]\nreplies_min = 1",
            "expect.replies_min: expected none, since no step of the procedure prompts",
        ),
        (
            [SEND],
            "[expect]\ngoals = [{ job = 1, by_s = 3 }]",
            "expect.goals[0].job: expected a job that a step submits",
        ),
        (
            [SEND],
            "[expect]\ngoals = [{ file = 'c', by_s = 3 }]",
            "expect.goals[0].file: expected a file that a step puts",
        ),
        (
            [SEND],
            "[expect]\ngoals = [{ command = 'test.connection', by_s = 3 }]",
            "expect.goals[0].command: expected a command that a step gives, found 'test.connection'",
        ),
        (
            [SEND],
            "[expect]\nworkers_lost_min = 1",
            "expect: a job is expected, but no step of the procedure submits one",
        ),
        ([SEND], "[expect.validation_loss_below]\nab = 2.0", "expect: a job is expected, but no step"),
        (
            [SEND],
            f"{ORBIT}[environment]\n[expect]\nbrown_outs_min = 3\nbrown_outs_max = 1",
            "expect.brown_outs_max: expected at least brown_outs_min = 3, found 1",
        ),
        (
            ['{ command = "test.connection", label = "a" }', '{ wait_s = 1, label = "a" }'],
            "",
            "procedure[1].label: expected each label once, found 'a' again",
        ),
        ([SEND], LAID + LAID, "station.files[1].name: expected each name once, found 'up.bin' again"),
        (["{ wait_until_s = 3601 }"], "", "procedure[0].wait_until_s: expected at most duration_s = 3600, found 3601"),
        (
            [SEND],
            "[[link.passes]]\nat_s = 3601\nduration_s = 9",
            "link.passes[0].at_s: expected passes that begin by duration_s = 3600, found one at 3601",
        ),
        (
            [SEND],
            "[[link.passes]]\nat_s = 1\nduration_s = 9\nevery_s = 1800\ncount = 3",
            "link.passes[0].count: expected passes that begin by duration_s = 3600, found one at 3601",
        ),
        (
            [SEND],
            "[[link.passes]]\nat_s = 10\nduration_s = 9\n"
            "[[faults]]\nkind = 'pull_cable'\npass_number = 1\noffset_s = 3600",
            "faults[0].offset_s: expected a time by duration_s = 3600, found 3610",
        ),
        (
            [SEND],
            f"{ORBIT}[environment.radiation]\nstress_from_s = 3601",
            "environment.radiation.stress_from_s: expected at most duration_s = 3600, found 3601",
        ),
        (
            [SEND],
            f"{ORBIT}[environment.radiation]\nstress_until_s = 3601",
            "environment.radiation.stress_until_s: expected at most duration_s = 3600, found 3601",
        ),
    ],
)
def test_what_contradicts_itself_gets_one_line(steps, rest, message):
    with pytest.raises(MisuseError) as caught:
        parse(steps, rest)
    assert str(caught.value).startswith("scenario x.toml: ")
    assert message in str(caught.value) and "\n" not in str(caught.value)


def send(name, more="", arguments=""):
    return f'{{ command = "file.send", arguments = {{ name = "{name}"{arguments} }}{more} }}'


def act(command, name, more="", destination=""):
    there = f', destination = "{destination}"' if destination else ""
    return f'{{ command = "{command}", arguments = {{ name = "{name}"{there} }}{more} }}'


MAY_FAIL = ", may_fail = true"
DELETE = act("file.delete", "a.bin")
PUT = '{ put_file = "up.bin" }'
ON_BOARD = '[[spacecraft.files]]\nname = "a.bin"\noctets = 3\n'


def check_files(steps, rest):
    scenario = parse(steps, rest)
    check_files_there(scenario.procedure, scenario.spacecraft.files, scenario.station.files)


@pytest.mark.parametrize(
    ("steps", "rest"),
    [
        ([send("a.bin")], ON_BOARD),
        ([PUT, send("up.bin")], LAID),
        ([send("a.bin"), '{ put_file = "a.bin" }'], ON_BOARD),
        ([send("a.bin", arguments=', destination = "there/c.bin"'), '{ put_file = "c.bin" }'], ON_BOARD),
        (
            [send("a.bin", arguments=', requests = [{ action = "CREATE_FILE", first = "n" }]'), '{ put_file = "n" }'],
            ON_BOARD,
        ),
        ([JOB, send("jobs/1/model.safetensors")], ""),
        ([MOVE, send("b.bin")], ON_BOARD),
        ([act("model.pack", "a.bin", destination="a.pack"), send("a.pack")], ON_BOARD),
        ([PUT, act("model.unpack", "up.bin", destination="up.model"), send("up.model")], LAID),
        # What may have been refused may have left the file where it was.
        ([act("file.delete", "a.bin", MAY_FAIL), send("a.bin")], ON_BOARD),
        ([act("file.move", "a.bin", MAY_FAIL, "b.bin"), send("a.bin"), send("b.bin")], ON_BOARD),
        # So may what is released on board, later.
        ([act("file.delete", "a.bin", ', release = "aos+5s"'), send("a.bin")], ON_BOARD),
        ([PUT, act("file.delete", "up.bin"), PUT, send("up.bin")], LAID),
        ([MOVE, act("file.move", "b.bin", destination="a.bin"), send("a.bin")], ON_BOARD),
        # A refusal may be what is wanted; and what is carried by another command cannot be seen.
        ([send("none.bin", more=", may_fail = true")], ""),
        (['{ command = "procedure.abort_all" }', send("none.bin"), PUT], ""),
    ],
)
def test_files_that_are_there_or_may_be_by_then_are_sent(steps, rest):
    check_files(steps, rest)


@pytest.mark.parametrize(
    ("steps", "rest", "message"),
    [
        (
            [PUT],
            "",
            "procedure[0].put_file: expected a file that the station has by then (it has none), found 'up.bin'",
        ),
        (['{ put_file = "a.bin", may_fail = true }', send("a.bin")], LAID + ON_BOARD, "procedure[0].put_file: "),
        (
            [send("up.bin"), PUT],
            LAID,
            "procedure[0].arguments.name: expected a file that is on board by then (none is)",
        ),
        ([send("c.bin")], ON_BOARD, "expected a file that is on board by then (a.bin), found 'c.bin'"),
        ([JOB, send("jobs/2/model.safetensors")], "", "procedure[1].arguments.name: expected a file that is on board"),
        ([DELETE, send("a.bin")], ON_BOARD, "expected a file that is on board by then (none is), found 'a.bin'"),
        ([MOVE, send("a.bin")], ON_BOARD, "expected a file that is on board by then (b.bin), found 'a.bin'"),
        (
            [MOVE, act("file.delete", "b.bin"), send("b.bin")],
            ON_BOARD,
            "procedure[2].arguments.name: expected a file that is on board by then (none is), found 'b.bin'",
        ),
    ],
)
def test_a_file_that_is_not_there_by_then_is_refused(steps, rest, message):
    with pytest.raises(MisuseError) as caught:
        check_files(steps, rest)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", shipped_scenarios())
def test_all_files_of_a_shipped_scenario_are_there_by_then(name):
    scenario = load_scenario(name)
    check_files_there(scenario.procedure, scenario.spacecraft.files, scenario.station.files)


def test_nothing_starts_of_a_scenario_that_sends_what_is_not_there(tmp_path):
    path = tmp_path / "x.toml"
    path.write_text(f'name = "x"\nprocedure = [{PUT}]\n[spacecraft]\ncorpora = []\n')
    result = CliRunner().invoke(main, ["run", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    expected = (
        f"hil: scenario {path}: procedure[0].put_file: expected a file that the station has by then (it has none)"
    )
    assert result.output.startswith(expected)
    assert not (tmp_path / "out").exists()
