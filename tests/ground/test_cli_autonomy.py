"""``ground monitor`` and ``ground react``: names for numbers, and nothing is sent that cannot be meant."""

import pytest
from click.testing import CliRunner

from ccsds.pus.telecommand import Telecommand
from ccsds.pus.verification import VerificationReport, VerificationStage
from ground.__main__ import main
from mission.channels import OnBoardSource
from mission.definition import DICTIONARY
from mission.monitoring import CheckKind


def invoke(*arguments, socket_path="/nowhere/ground.sock"):
    return CliRunner().invoke(main, [*arguments, "--socket", str(socket_path)])


def sent(served):
    """Give the names and arguments of what the spacecraft heard."""
    found = []
    for each in served.spacecraft.telecommands:
        command = DICTIONARY.command_of(each.service, each.subtype)
        found.append((command.name, command.arguments.decode(each.data)))
    return found


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--low", "3", "--high", "4.5"], {"kind": CheckKind.LIMIT, "low": 3.0, "high": 4.5}),
        (["--high", "4", "--changes", "6"], {"kind": CheckKind.DELTA, "high": 4.0, "deltas": 6}),
        (["--equals", "9"], {"kind": CheckKind.EXPECTED, "expected": 9}),
        (["--stale", "1.5"], {"kind": CheckKind.STALE, "stale": 1_500}),
    ],
)
def test_a_monitor_is_added_enabled_and_looked_at(served, options, expected):
    path = served.config.socket_path
    result = invoke("monitor", "add", "7", "boot_count", *options, "--every", "60", "--times", "3", socket_path=path)
    assert result.exit_code == 0, result.output
    (added, values), (enabled, numbers), (on, _) = sent(served)
    assert (added, enabled, on) == ("monitoring.add", "monitoring.enable_monitors", "monitoring.enable")
    (row,) = values["monitors"]
    assert DICTIONARY.parameters[row["parameter"]].name == "boot_count"
    given = {"monitor": 7, "interval": 60_000, "repetition": 3, **expected}
    assert {name: row[name] for name in given} == given
    assert numbers == {"monitors": [7]}


def test_a_reaction_holds_the_whole_telecommand(served):
    path = served.config.socket_path
    result = invoke("react", "monitor_out", "job.pause", "job_id=5", "--about", "7", socket_path=path)
    assert result.exit_code == 0, result.output
    (added, values), (enabled, keys), (on, _) = sent(served)
    assert (added, enabled, on) == ("reaction.add", "reaction.enable", "reaction.enable_all")
    (row,) = values["reactions"]
    assert (row["event"], row["about"]) == (DICTIONARY.events["monitor_out"].id, 7)
    assert keys == {"reactions": [{"event": row["event"], "about": 7}]}
    request = Telecommand.decode(row["request"])
    assert request.source_id == OnBoardSource.REACTIONS
    assert DICTIONARY.command_of(request.service, request.subtype).name == "job.pause"
    assert request.data == (5).to_bytes(4, "big")


def test_what_the_spacecraft_refuses_is_told_by_the_status_and_nothing_follows_it(served):
    def refuse(telecommand):
        return [VerificationReport(VerificationStage.ACCEPTANCE_FAILED, telecommand.request_id, None, 7, "no room")]

    served.spacecraft.answer = refuse
    result = invoke("react", "monitor_out", "job.pause", "job_id=5", socket_path=served.config.socket_path)
    assert (result.exit_code, "no room" in result.output) == (1, True)
    assert [name for name, _ in sent(served)] == ["reaction.add"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["monitor", "add", "1", "voltage", "--low", "3"], "expected a parameter of the dictionary, found 'voltage'"),
        (["monitor", "add", "1", "boot_count"], "expected one of --low and --high, --equals, or --stale; found none"),
        (["monitor", "add", "1", "boot_count", "--low", "3", "--equals", "3"], "found several"),
        (["monitor", "add", "1", "boot_count", "--stale", "3", "--changes", "3"], "expected --low or --high with it"),
        (["react", "nothing", "job.pause", "job_id=5"], "expected an event of the dictionary, found 'nothing'"),
        (["react", "monitor_out", "job.paws"], "unknown command 'job.paws'"),
        (["react", "monitor_out", "job.pause"], "job_id: expected a value, found none"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line_before_it_is_sent(arguments, message):
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert result.output.count("\n") == 1
