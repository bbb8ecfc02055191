"""Soak: drawn missions hold, a bug planted for each invariant is caught within few seeds, and a failure is shrunk."""

import itertools
import json

import msgspec
import pytest
import safetensors.torch
from click.testing import CliRunner

from ccsds.cfdp.arrival import Arrival
from ccsds.sdls.receiver import Accepted, Receiver
from ccsds.sdls.window import Place, ReplayWindow
from ccsds.tc_frame import TcFrameKind
from flight.books.seal import SealedEntries
from flight.jobs.train import TrainJob
from flight.ledger import Ledger
from flight.link.live_queue import QUEUE_PACKETS_MAX, LiveQueue
from flight.link.uplink import UplinkReceiver
from flight.spacecraft import Spacecraft
from ground.tracker import Tracker
from hil.__main__ import main
from hil.disk.faulty_disk import FaultyDisk
from hil.faults.flip import Spread
from hil.faults.instants import ORBIT_INSTANTS
from hil.run.corpora import find_corpora
from hil.scenario.faults import FaultTable
from hil.scenario.procedure import StepTable
from hil.scenario.scenario import parse_scenario
from hil.scenario.toml import dump
from hil.soak.campaign import fly_seed, keep
from hil.soak.generator import QUIET_IN_ORBIT_S_MAX, QUIET_S_MAX, draw_mission
from hil.soak.invariants import INVARIANTS
from hil.soak.mission import RAISES, REPEATS, Flown, fly
from hil.soak.references import reference_weights
from hil.soak.shrink import pieces_of, shrink, without
from hil.streams import Streams

# A slice of the thousand of `make campaign ONLY=loop`.
SEEDS = 4

# A planted bug is to be caught by one of so many seeds in a row.
SEEDS_TRIED_MAX = 3


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_drawn_mission_holds_whatever_goes_wrong(seed):
    assert fly(draw_mission(seed), seed, repeats=seed == 0).broken == ()


def test_missions_are_drawn_from_their_seed_and_survive_being_written():
    missions = [draw_mission(seed) for seed in range(30)]
    assert missions == [draw_mission(seed) for seed in range(30)]
    assert all(parse_scenario(dump(mission), "x") == mission for mission in missions)
    assert len({mission.link.profile for mission in missions}) == 4
    kinds = {fault.kind for mission in missions for fault in mission.faults}
    assert len(kinds) > 12
    assert any(mission.attacker for mission in missions)
    assert len({mission.orbit.name for mission in missions if mission.orbit}) > 1
    assert any(not mission.orbit for mission in missions)
    triggers = {fault.event for mission in missions for fault in mission.faults if mission.orbit}
    assert triggers & {*ORBIT_INSTANTS}
    assert any(fault.pass_number for mission in missions for fault in mission.faults if mission.orbit)
    charges = [mission.environment.battery.charge for mission in missions if mission.environment]
    assert min(charges) < 0.4 < max(charges)


def forget_commands(monkeypatch):
    """No command is known again."""
    monkeypatch.setattr(Ledger, "answers_to", lambda self, identity: None)
    monkeypatch.setattr(Ledger, "request_begun", lambda self, identity: None)


def skip_syncs(monkeypatch):
    """The flight software tells the disk to make nothing durable."""
    monkeypatch.setattr(FaultyDisk, "fsync", lambda self, path: None)


def skip_digests(monkeypatch):
    """The tensors of a checkpoint are believed whatever they hold."""
    monkeypatch.setattr(
        "flight.jobs.checkpoint._check_tensors", lambda path, data, entries: safetensors.torch.load(data)
    )


def skip_restoring_chance(monkeypatch):
    """A job that goes on has the random generators of a new one."""

    def load_octets(self, octets):
        self._step = int.from_bytes(octets["step"], "little")

    monkeypatch.setattr(TrainJob, "load_octets", load_octets)


def skip_authentication(monkeypatch):
    """A BD frame that is refused is taken as it is."""
    process = Receiver.process_tc

    def process_tc(self, frame):
        judged = process(self, frame)
        if isinstance(judged, Accepted) or frame.kind is not TcFrameKind.BD or not self.receipts():
            return judged
        return Accepted(frame, self.receipts()[0], 0)

    monkeypatch.setattr(Receiver, "process_tc", process_tc)


def skip_replay_and_dedup(monkeypatch):
    """Counters may come again, and commands are not known again: each alone would keep a replay out."""
    monkeypatch.setattr(ReplayWindow, "place", lambda self, counter: Place.NEW)
    forget_commands(monkeypatch)


def raise_on_noise(monkeypatch):
    """What cannot be read raises."""
    reject = UplinkReceiver.reject

    def rejecting(self, where, reason, now_ns):
        if where == "TC frame" or where == "CLTU":
            raise ValueError(reason)
        reject(self, where, reason, now_ns)

    monkeypatch.setattr(UplinkReceiver, "reject", rejecting)


def never_give_up(monkeypatch):
    """A command that was not answered is neither sent again nor given up."""
    monkeypatch.setattr(Tracker, "advance", lambda self, now_ns: None)
    monkeypatch.setattr(Tracker, "next_deadline", lambda self: None)


def spoil_files(monkeypatch):
    """A file that has arrived is not what was sent, and its checksum is not looked at."""

    def verify(self):
        store, path = self._host.store, self.part.path
        if self.name and store.size(path):
            (octet,) = store.read(path, 0, 1)
            store.pwrite(path, 0, bytes([octet ^ 1]))
            store.fsync(path)

    monkeypatch.setattr(Arrival, "verify", verify)


def flood(monkeypatch):
    """The live queue grows beyond its bound."""
    put, flooded = LiveQueue.put, []

    def putting(self, said, *given):
        put(self, said, *given)
        queue = self._queues[said.priority]
        if queue and self not in flooded:
            flooded.append(self)
            queue.extend([queue[-1]] * 2 * QUEUE_PACKETS_MAX)

    monkeypatch.setattr(LiveQueue, "put", putting)


def draw_from_elsewhere(monkeypatch):
    """Chance is not of the seed alone."""
    block, count = Streams.block, itertools.count()
    monkeypatch.setattr(Streams, "block", lambda self, name, index: block(self, f"{name}{next(count)}", index))


def fall_silent(monkeypatch):
    """The spacecraft hears nothing any more after its third start."""
    receive = Spacecraft.receive

    def receiving(self, data, now_ns):
        if self._ledger.boot_count < 3:
            receive(self, data, now_ns)

    monkeypatch.setattr(Spacecraft, "receive", receiving)


def skip_seals(monkeypatch):
    """Books are believed whatever became of them in memory."""
    monkeypatch.setattr(Ledger, "glance", lambda self: None)
    monkeypatch.setattr(Ledger, "verify", lambda self, *names: None)
    monkeypatch.setattr(SealedEntries, "__contains__", lambda self, key: key in self._entries)
    monkeypatch.setattr(SealedEntries, "__getitem__", lambda self, key: self._entries[key])


PLANTED = [
    (forget_commands, "no command acts twice", 0),
    (skip_replay_and_dedup, "no command acts twice", 0),
    (skip_syncs, "nothing acknowledged is lost", 1),
    (never_give_up, "every command comes to an end", 5),
    (fall_silent, "always commandable again", 1),
    (spoil_files, "files arrive as they were sent", 0),
    (skip_digests, "weights are those of the undisturbed run", 0),
    (skip_restoring_chance, "weights are those of the undisturbed run", 1),
    (skip_seals, "weights are those of the undisturbed run", 0),
    (skip_authentication, "nothing acts that is not authentic", 0),
    (flood, "queues keep within their bounds", 0),
    (raise_on_noise, RAISES, 2),
    (draw_from_elsewhere, REPEATS, 0),
]


# A checkpoint is struck and its worker killed: missions have this seldom, and half of the strikes hit its manifest.
STRUCK_CHECKPOINT = [
    FaultTable(kind="corrupt_checkpoint", event="checkpoint_saved", count=2, spread=Spread.BURST),
    FaultTable(kind="kill_worker", event="checkpoint_saved", count=2),
]


def with_struck_queue(mission):
    """Strike the queue every few seconds: of a single strike nothing comes as a rule, even if nobody finds it."""
    quiet_s = mission.duration_s - (QUIET_IN_ORBIT_S_MAX if mission.orbit else QUIET_S_MAX)
    faults = [FaultTable(kind="flip_books", book="jobs", per_hour=900, until_s=quiet_s)]
    return msgspec.structs.replace(mission, faults=faults)


def test_a_queue_that_is_struck_again_and_again_comes_to_the_same_answer():
    flown = fly(with_struck_queue(draw_mission(0)), 0)
    assert flown.broken == ()
    assert sum("StruckBookError: expected the book of jobs" in strike for strike in flown.strikes) > 3


@pytest.mark.parametrize(("plant", "name", "first"), PLANTED, ids=[plant.__name__ for plant, _, _ in PLANTED])
def test_a_planted_bug_is_caught_within_few_seeds(monkeypatch, plant, name, first):
    plant(monkeypatch)
    for seed in range(first, first + SEEDS_TRIED_MAX):
        mission = draw_mission(seed)
        if plant is skip_digests:
            mission = msgspec.structs.replace(mission, faults=STRUCK_CHECKPOINT)
        if plant is skip_seals:
            mission = with_struck_queue(mission)
        if name in fly(mission, seed, repeats=name == REPEATS).names:
            return
    pytest.fail(f"expected a breach of {name!r} within {SEEDS_TRIED_MAX} seeds from {first} on, found none")


def test_nothing_ends_a_life_on_board_once_all_is_quiet():
    for seed in range(300):
        mission = draw_mission(seed)
        quiet_s = mission.duration_s - (QUIET_IN_ORBIT_S_MAX if mission.orbit else QUIET_S_MAX)
        for fault in mission.faults:
            waits = fault.event is not None or fault.job_step is not None or fault.disk_operation is not None
            if waits and fault.kind in ("reboot_spacecraft", "reset_spacecraft", "fill_disk", "wear_disk"):
                assert fault.until_s == quiet_s, f"seed {seed}: {fault}"
            assert fault.at_s is None or fault.at_s <= quiet_s


def test_for_each_invariant_a_bug_is_planted():
    assert {name for _, name, _ in PLANTED} == {*INVARIANTS, RAISES, REPEATS}


def test_a_job_that_says_no_number_of_steps_is_compared_with_one_of_its_recipe():
    corpus = find_corpora(draw_mission(1))["verses"]
    small = "model.layers = 1\nmodel.width = 16"
    said = reference_weights("tiny", small, 5, 3, corpus)
    assert reference_weights("tiny", f"{small}\ntraining.steps = 5", 0, 3, corpus) == said


def test_a_failure_is_shrunk_to_what_it_needs():
    mission = draw_mission(1)
    kind = mission.faults[-1].kind

    def breaks(smaller):
        """It fails as long as it has a fault of this kind and a command of this name."""
        kinds = [fault.kind for fault in smaller.faults]
        return kind in kinds and "test.connection" in [step.command for step in smaller.procedure]

    shortest = shrink(mission, breaks)
    assert breaks(shortest)
    assert [piece for piece, _ in pieces_of(shortest)] == ["fault", "step"]


def test_a_step_that_waits_goes_with_what_it_waits_for():
    steps = [
        {"command": "job.submit", "arguments": {"job_id": 1, "recipe": "tiny", "corpus": "verses"}},
        {"command": "file.send", "arguments": {"name": "down.bin", "destination": "again.bin"}},
        {"wait_for_job": 1},
        {"wait_for_file": "again.bin"},
    ]
    mission = msgspec.structs.replace(draw_mission(1), procedure=[StepTable(**step) for step in steps])
    number_of = {"job.submit": 0, "file.send": 1}
    for name, kind in (("job.submit", "wait_for_job"), ("file.send", "wait_for_file")):
        smaller = without(mission, {("step", number_of[name])})
        assert smaller is not None and len(smaller.procedure) == 2
        assert kind not in [found for step in smaller.procedure for found in step.kinds()]


def test_another_breach_of_one_invariant_is_another_failure():
    """A mission that fails for a command must not be shrunk to one that waits for ever, as seed 38 once was."""
    told = [
        "always commandable again: file.send FAILED: OUTCOME_UNKNOWN, a reset fell into its execution",
        "always commandable again: the ground still waits at the end of mission time: wait_for_file again-down-0.bin",
        "weights are those of the undisturbed run: job 1: expected weights 0123456789abcdef as undisturbed, found aa",
        "weights are those of the undisturbed run: job 2: expected weights 0123456789abcdee as undisturbed, found aa",
    ]
    first, second, third, fourth = (Flown(broken=(line,), mission_s=1.0, digest="", strikes=()).kinds for line in told)
    assert first != second
    assert third == fourth


def test_what_is_left_of_a_mission_always_makes_sense():
    mission = draw_mission(5)
    for piece in pieces_of(mission):
        smaller = without(mission, {piece})
        assert smaller is None or parse_scenario(dump(smaller), "x") == smaller


def test_a_failure_is_kept_with_its_plan_and_the_command_that_replays_it(monkeypatch, tmp_path):
    spoil_files(monkeypatch)
    monkeypatch.setattr("hil.soak.shrink.FLIGHTS_MAX", 0)
    outcome = fly_seed(0)
    assert outcome.broken
    path = keep(outcome, tmp_path)
    assert f"hil run {path.name} --seed 0" in path.read_text()
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["run", str(path), "--seed", "0", "--out", str(out)])
    assert result.exit_code == 1
    checks = json.loads((out / "result.json").read_text())["checks"]
    assert "files arrive as they were sent" in {check["name"] for check in checks if not check["ok"]}


@pytest.mark.parametrize("seeds", ["9..1", "a..b", "-3", "0..99999999"])
def test_seeds_that_are_none_end_with_status_2(seeds):
    result = CliRunner().invoke(main, ["soak", "--seeds", seeds])
    assert result.exit_code == 2
    assert "expected" in result.output
