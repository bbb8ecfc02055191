"""Every effect of the channel is reached from a scenario file, checked before anything starts, and told in a run."""

import json

import pytest
from click.testing import CliRunner

from ccsds.errors import MisuseError
from hil.__main__ import main
from hil.channel.frame_loss import FrameCode
from hil.channel.framing import FramingPolicy
from hil.link.lines import frame_code, line_config, make_lines
from hil.link.pcapng import SectionHeader, read_pcapng
from hil.run.run import with_recording
from hil.scenario.scenario import parse_scenario
from hil.streams import Streams
from hil.world import World
from mission.profiles import PROFILES

GOOD = 'name = "x"\nprocedure = [{ command = "test.connection" }]\n'

EVERYTHING = """
name = "weather"
duration_s = 120

[link]
profile = "serial"
half_duplex = { turn_round_s = 0.02, talk_s = 0.5 }
cable_pulls = [{ at_s = 8, duration_s = 3 }]

[link.down]
delay_s = 0.01
bit_error_rate = 1e-6
frame_loss = 0.02
jitter = { span_s = 0.004, hold_octets = 32 }
bursts = { good_s = 4, bad_s = 0.3, bad_frame_loss = 0.3 }
slips = { drop_rate = 1e-4, duplicate_rate = 1e-4, insert_rate = 1e-4 }
uart = { stop_error_rate = 1e-4, start_error_rate = 1e-4, break_every_s = 5, break_s = 0.01, stall_every_s = 2 }

[link.up]
slips = { drop_rate = 1e-4 }
uart = { stop_error_rate = 1e-4, on_framing_error = "discard" }
"""

PROCEDURE = """
[[procedure]]
command = "housekeeping.enable"
arguments = { structures = [1, 2] }

[[procedure]]
wait_s = 60

[[procedure]]
command = "test.connection"
"""


def run(folder, text, seed=4):
    folder.mkdir()
    world = World(parse_scenario(text, "x"), seed, folder, {}, lambda source, event: None)
    world.run()
    return world


def test_everything_that_a_file_can_say_comes_to_the_line():
    scenario = parse_scenario(EVERYTHING + PROCEDURE, "x")
    config = line_config("down", scenario.link, PROFILES["serial"])
    assert (config.jitter.span_ns, config.jitter.hold_octets) == (4_000_000, 32)
    assert (config.bursts.good_ns, config.bursts.bad_ns) == (4e9, 3e8)
    code = frame_code("down", PROFILES["serial"])
    assert code == FrameCode(codeword_octets=255, correctable_octets=16, codewords=1)
    assert code.loss(config.bursts.bad_bit_error_rate) == pytest.approx(0.3)
    assert code.loss(config.bursts.good_bit_error_rate) == pytest.approx(1e-3)
    assert (config.slips.drop_rate, config.slips.duplicate_rate, config.slips.insert_rate) == (1e-4, 1e-4, 1e-4)
    assert (config.framing.start_error_rate, config.framing.policy) == (1e-4, FramingPolicy.NULL)
    assert (config.breaks.every_ns, config.breaks.length_ns) == (5e9, 1e7)
    assert (config.fifo.octets, config.fifo.stall_every_ns, config.fifo.stall_ns) == (16, 2e9, 5e6)
    assert [(pull.start_ns, pull.end_ns) for pull in config.cable_pulls] == [(8_000_000_000, 11_000_000_000)]
    up = line_config("up", scenario.link, PROFILES["serial"])
    assert up.framing.policy is FramingPolicy.DISCARD
    assert (up.jitter, up.bursts, up.breaks, up.fifo) == (None, None, None, None)
    lines = make_lines(scenario.link, PROFILES["serial"], Streams(1))
    lines[0].send(b"x", 0)
    assert lines[1].free_at_ns == 86_805 + 20_000_000


def test_a_mission_goes_through_all_of_it_at_once_and_twice_alike(tmp_path):
    first, second = (run(tmp_path / name, EVERYTHING + PROCEDURE) for name in ("first", "second"))
    for name in ("events.jsonl", "uplink.bin", "downlink.bin"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()
    assert first.procedure.is_done
    assert not first.procedure.failures
    down = first.down.counts
    assert down == second.down.counts
    assert down.octets_in_flight < 2_000
    events = [json.loads(line) for line in (tmp_path / "first" / "events.jsonl").read_text().splitlines()]
    kinds = {event["type"] for event in events if event["source"] == "link.down"}
    assert kinds == {
        "OctetsFaded", "OctetsUnplugged", "NoiseBurst", "LineBroken", "OctetsMisframed", "OctetsSlipped",
    } | (kinds & {"BitsFlipped", "OctetsOverrun", "OctetsLost"})  # fmt: skip
    told = [event["text"] for event in events if event["type"] == "FaultStruck"]
    assert told == ["the cable is pulled for 3 s"]


def test_on_a_half_duplex_link_both_ends_are_heard(tmp_path):
    link = '[link]\nprofile = "uhf"\nhalf_duplex = { turn_round_s = 0.05 }\n'
    world = run(tmp_path / "run", 'name = "x"\nduration_s = 120\n' + link + PROCEDURE)
    assert world.procedure.is_done
    assert not world.procedure.failures


def test_a_run_that_replays_the_capture_of_another_has_the_same_octets_at_both_ends(tmp_path):
    seen = []
    text = EVERYTHING.replace("half_duplex", "capture = true\nhalf_duplex") + PROCEDURE
    quiet = 'name = "weather"\nduration_s = 120\n[link]\nprofile = "serial"\ncapture = true\n'
    quiet += f'replay = "{tmp_path}/first/capture.pcapng"\nhalf_duplex = {{ turn_round_s = 0.02, talk_s = 0.5 }}\n'
    quiet += "[link.down]\ndelay_s = 0.01\njitter = { span_s = 0.004, hold_octets = 32 }\n" + PROCEDURE
    for name, each in (("first", text), ("again", quiet)):
        world = run(tmp_path / name, each)
        _, packets = read_pcapng((tmp_path / name / "capture.pcapng").read_bytes())
        seen.append(packets)
        assert world.procedure.is_done
    assert seen[0] == seen[1]
    assert any(packet.comment.count("lost") for packet in seen[0])


@pytest.mark.parametrize("content", [None, b"", b"thesis", SectionHeader().encode()])
def test_a_capture_that_is_none_is_refused_before_anything_starts(tmp_path, content):
    path = tmp_path / "some.pcapng"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(MisuseError, match=r"scenario x: link\.replay: .*expected"):
        parse_scenario(GOOD + f'[link]\nreplay = "{path}"', "x")
    arguments = ["run", "uart_bench", "--out", str(tmp_path / "out"), "--replay", str(path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_a_capture_is_not_replayed_into_its_own_folder(tmp_path):
    run(tmp_path / "run", EVERYTHING.replace("half_duplex", "capture = true\nhalf_duplex") + PROCEDURE)
    scenario = parse_scenario(GOOD, "x")
    with pytest.raises(MisuseError, match="expected another directory"):
        with_recording(scenario, tmp_path / "run", capture=False, replay=tmp_path / "run" / "capture.pcapng")
    told = with_recording(scenario, tmp_path / "x", capture=True, replay=tmp_path / "run" / "capture.pcapng").link
    assert (told.capture, told.replay) == (True, str(tmp_path / "run" / "capture.pcapng"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[link.down.jitter]\nhold_octets = 3", "missing required field `span_s`"),
        ("[link.down.jitter]\nspan_s = 0", "link.down.jitter.span_s: expected `float` > 0"),
        ("[link.down.jitter]\nspan = 1", "unknown key link.down.jitter.span: expected one of span_s, hold_octets"),
        (
            "[link.up.bursts]\ngood_frame_loss = 0.1\ngood_bit_error_rate = 0.1",
            "link.up.bursts: expected either `good_frame_loss` or `good_bit_error_rate`, found both",
        ),
        ("[link.up.bursts]\nbad_bit_error_rate = 0.6", "link.up.bursts.bad_bit_error_rate: expected `float` <= 0.5"),
        ("[link.up.slips]\ndrop_rate = 0", "link.up.slips: expected rates of 0 to 0.5 to drop"),
        ("[link.up.uart]\nfifo_octets = 4", "link.up.uart: expected one of `stop_error_rate`"),
        ('[link.up.uart]\non_framing_error = "mend"', "link.up.uart.on_framing_error: invalid enum value 'mend'"),
        ("[link.up.uart]\nstop_error_rate = 0.1", "line up: expected 10 bits an octet for framing, breaks and a FIFO"),
        ("[link.half_duplex]\ntalk_s = 1", "missing required field `turn_round_s`"),
        ("[[link.cable_pulls]]\nat_s = 1\nduration_s = 0", "expected `float` > 0"),
        ("[[link.cable_pulls]]\nat_s = 9e6\nduration_s = 1", "link.cable_pulls[0].at_s: expected at most duration_s"),
        ("[link.up]\nbit_error_rate = 0.7", "line up: expected bit_error_rate of 0 to 0.5, found 0.7"),
    ],
)
def test_an_effect_that_is_wrong_gets_one_line(text, message):
    with pytest.raises(MisuseError) as caught:
        parse_scenario(GOOD + text, "x.toml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("scenario x.toml: ")
    assert "\n" not in str(caught.value)
