"""Slots: what is on trial is counted before it runs, and without confirmation the last good one comes back."""

import errno
import hashlib
import io
import zipfile

import pytest

from ccsds.errors import MalformedError, MisuseError
from flight.configuration import Configuration, configure
from flight.disk import RealDisk
from flight.services.boots import BootPolicy
from flight.services.slots import SlotService
from flight.survival.slots import TABLE, TRIES_MAX, Begun, SlotState, SlotStore, Trigger
from flight.survival.survival import SurvivalConfig
from hil.disk.simulated_disk import PowerCut, SimulatedDisk
from hil.streams import Streams
from hil.tabletop.operator import Operator
from mission.definition import DICTIONARY
from mission.modes import Mode
from mission.slots import Phase, Slot, SlotKind

KIND = SlotKind.SOFTWARE


@pytest.fixture
def store(tmp_path):
    return SlotStore(RealDisk(tmp_path / "store"))


def activate(store, data, kind=KIND):
    store.install(kind, data)
    store.keep(kind, store.state(kind).follow(Trigger.ACTIVATE))


def confirm(store, kind=KIND):
    store.keep(kind, store.state(kind).follow(Trigger.CONFIRM))


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("trigger", Trigger)
def test_what_is_not_in_the_table_cannot_be_asked_for(phase, trigger):
    state = SlotState(phase=phase, trial=Slot.A)
    if (phase, trigger) in TABLE:
        assert state.follow(trigger).phase is TABLE[phase, trigger]
    else:
        with pytest.raises(KeyError):
            state.follow(trigger)


def test_a_store_that_never_had_slots_runs_what_is_built_in(store):
    assert store.begin(KIND) == Begun(Slot.BUILT_IN)


def test_what_is_confirmed_is_what_every_start_comes_back_to(store):
    activate(store, b"one")
    assert store.begin(KIND) == Begun(Slot.A, is_trial=True)
    confirm(store)
    for _ in range(5):
        assert store.begin(KIND) == Begun(Slot.A)
    activate(store, b"two")
    assert store.begin(KIND) == Begun(Slot.B, is_trial=True)
    assert store.read(KIND, Slot.A) == b"one"
    confirm(store)
    assert store.begin(KIND) == Begun(Slot.B)
    store.install(KIND, b"three")
    assert (store.read(KIND, Slot.A), store.read(KIND, Slot.B)) == (b"three", b"two")


def test_what_is_never_confirmed_is_left_after_so_many_starts(store):
    activate(store, b"one")
    for _ in range(TRIES_MAX):
        assert store.begin(KIND) == Begun(Slot.A, is_trial=True)
    begun = store.begin(KIND)
    assert (begun.slot, begun.left) == (Slot.BUILT_IN, Slot.A)
    assert "started 3 times" in begun.reason
    assert store.begin(KIND) == Begun(Slot.BUILT_IN)


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_what_is_damaged_in_its_slot_is_not_started(store, tmp_path, is_confirmed):
    activate(store, b"one")
    if is_confirmed:
        store.begin(KIND)
        confirm(store)
    (tmp_path / "store/slots/software-a.zip").write_bytes(b"onf")
    begun = store.begin(KIND)
    assert (begun.slot, begun.left) == (Slot.BUILT_IN, Slot.A)
    assert "is not what was" in begun.reason


def test_damage_of_one_copy_of_what_is_known_is_no_matter(store, tmp_path):
    activate(store, b"one")
    store.begin(KIND)
    confirm(store)
    for name in ("software.json", "software.copy.json"):
        path = tmp_path / "store/slots" / name
        whole = path.read_bytes()
        for place in range(0, len(whole), 7):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            assert store.begin(KIND) == Begun(Slot.A)
        path.write_bytes(whole)


def test_power_may_be_cut_at_every_operation(tmp_path):
    """The good slot is never lost, a start is counted before it happens, and nothing half-written is started."""
    operation = 0
    while True:
        operation += 1
        disk = SimulatedDisk(tmp_path / str(operation), Streams(operation))
        store = SlotStore(disk)
        activate(store, b"good")
        store.begin(KIND)
        confirm(store)
        begun = 0
        disk.cut_at(disk.operations + operation)
        try:
            activate(store, b"new")
            for _ in range(TRIES_MAX):
                store.begin(KIND)
                begun += 1
            store.begin(KIND)
        except PowerCut:
            disk.power_on()
        else:
            break
        store = SlotStore(disk)
        starts = [store.begin(KIND) for _ in range(TRIES_MAX + 2)]
        tried = [each for each in starts if each.is_trial]
        assert begun + len(tried) <= TRIES_MAX
        assert all(each.slot is Slot.B for each in tried)
        assert not tried or store.read(KIND, Slot.B) == b"new"
        assert starts[-1] == Begun(Slot.A)
        assert store.read(KIND, Slot.A) == b"good"
    assert operation > 20


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = ", "expected TOML"),
        ("colour = 1", "unknown key 'colour': expected one of call_sign, settings, boots"),
        ("call_sign = 'a b'", "call_sign: expected 1 to 20 letters, digits and hyphens, found 'a b'"),
        ("settings = 3", "settings: expected a table, found 3"),
        ("[settings]\nkeep_alive = 5", "settings.keep_alive"),
        ("[settings]\nuptime = 5", "settings.uptime: expected a parameter that can be set"),
        ("[settings]\nnothing = 5", "settings.nothing: expected a declared parameter"),
        ("[boots]\nresets_max = 0", "boots.resets_max: expected 1 to 100, found 0"),
        ("[boots]\nresets = 1", "unknown key boots.resets"),
        ("\xff", "expected TOML"),
    ],
)
def test_a_configuration_that_is_wrong_is_refused_with_its_place(text, expected):
    with pytest.raises(MalformedError, match="configuration: ") as refusal:
        Configuration.parse(text.encode("latin-1"), DICTIONARY)
    assert expected in str(refusal.value)


def test_a_configuration_that_cannot_be_used_any_more_is_left(store):
    kind = SlotKind.CONFIGURATION
    activate(store, b"call_sign = 'ONE'", kind)
    begun, configuration = configure(store, DICTIONARY)
    assert (begun.slot, configuration.call_sign) == (Slot.A, "ONE")
    confirm(store, kind)
    # Installed by software that knew this setting.
    activate(store, b"[settings]\nforgotten = 1", kind)
    begun, configuration = configure(store, DICTIONARY)
    assert (begun.slot, begun.left, configuration.call_sign) == (Slot.A, Slot.B, "ONE")
    assert "forgotten" in begun.reason


def zipped(names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x = 1\n" * 20)
    return out.getvalue()


SOFTWARE = zipped(["flight/__main__.py", "mission/definition.py", "ccsds/errors.py", "ports/drive.py"])


class Bench:
    """The service on a spacecraft's store."""

    def __init__(self, root):
        self.disk = RealDisk(root)
        self.store = SlotStore(self.disk)
        self.events, self.resets = [], []
        begun = {kind: self.store.begin(kind) for kind in SlotKind}
        self.service = SlotService(
            begun, self.disk, DICTIONARY, self, self, lambda *reset: self.resets.append(reset), 0
        )
        self.service.boot()

    def event(self, definition, **values):
        self.events.append(definition.name)

    def reset(self, reason, now_ns):
        self.resets.append((reason, now_ns))

    def encode(self, name, values):
        return values

    def bind(self, setting, default, apply):
        self.set_trial = apply

    def command(self, name, **arguments):
        return self.service.execute(DICTIONARY.command(name), {"kind": KIND, **arguments}, 0)

    def install(self, data, kind=KIND, file="new", **changed):
        self.disk.pwrite(f"files/{file}", 0, data)
        arguments = {"kind": kind, "name": file, "sha256": hashlib.sha256(data).digest(), **changed}
        return self.service.execute(DICTIONARY.command("slot.install"), arguments, 0)


def test_software_is_installed_tried_and_confirmed_by_command(tmp_path):
    bench = Bench(tmp_path)
    bench.install(SOFTWARE)
    bench.command("slot.activate").afterwards(5)
    assert [reason.name for reason, _ in bench.resets] == ["COMMANDED"]
    bench = Bench(tmp_path)
    assert bench.events == ["slot_tried"]
    bench.command("slot.confirm")
    bench.command("slot.confirm")
    assert bench.events == ["slot_tried", "slot_confirmed"]
    bench.service.advance(10**18)
    assert bench.resets == []
    (report,) = bench.command("slot.report").answers
    assert (report["running"], report["good"], report["phase"]) == (Slot.A, Slot.A, Phase.SETTLED)
    assert report["sha256_a"] == hashlib.sha256(SOFTWARE).digest()
    bench.command("slot.revert").afterwards(5)
    assert Bench(tmp_path).service._begun[KIND] == Begun(Slot.BUILT_IN)


def test_a_trial_that_nobody_confirms_ends_by_itself(tmp_path):
    bench = Bench(tmp_path)
    bench.install(SOFTWARE)
    bench.command("slot.activate")
    bench = Bench(tmp_path)
    bench.set_trial(100, 0)
    assert bench.service.next_deadline() == 100 * 10**9
    bench.service.advance(99 * 10**9)
    assert bench.resets == []
    bench.service.advance(100 * 10**9)
    assert [reason.name for reason, _ in bench.resets] == ["TRIAL"]
    assert Bench(tmp_path).service._begun[KIND] == Begun(Slot.BUILT_IN)


@pytest.mark.parametrize(
    ("data", "changed", "expected"),
    [
        (SOFTWARE, {"sha256": bytes(32)}, "expected SHA-256 0000"),
        (SOFTWARE, {"name": "other"}, "expected a file at 'other', found none"),
        (SOFTWARE, {"name": "../journal"}, "expected a name in the store of files"),
        (SOFTWARE[:-30], {}, "expected a zip"),
        (zipped(["flight/__main__.py"]), {}, "expected flight software, found no mission/definition.py"),
        (SOFTWARE.replace(b"x = 1", b"x = 2", 1), {}, "expected a whole zip"),
        (b"[settings]\nkeep_alive = 5", {"kind": SlotKind.CONFIGURATION}, "settings.keep_alive"),
    ],
)
def test_what_is_wrong_is_refused_and_the_slots_stay_as_they_were(tmp_path, data, changed, expected):
    bench = Bench(tmp_path)
    bench.install(SOFTWARE, file="first")
    before = {path: bench.disk.read(path) for path in bench.disk.list("slots")}
    with pytest.raises(MisuseError, match="expected") as refusal:
        bench.install(data, **changed)
    assert expected in str(refusal.value)
    assert {path: bench.disk.read(path) for path in bench.disk.list("slots")} == before


def test_what_cannot_be_asked_for_now_is_refused(tmp_path):
    bench = Bench(tmp_path)
    for name, expected in (
        ("slot.activate", "expected something installed in slot A, found nothing"),
        ("slot.confirm", "expected software on trial, found slot BUILT_IN settled"),
        ("slot.revert", "expected software in a slot, found what is built in"),
    ):
        with pytest.raises(MisuseError, match=expected):
            bench.command(name)
    bench.install(SOFTWARE)
    bench.command("slot.activate")
    with pytest.raises(MisuseError, match="expected no trial of software, found slot A on trial"):
        bench.install(SOFTWARE)
    with pytest.raises(MisuseError, match="expected software that is settled, found slot A READY"):
        bench.command("slot.activate")


CONFIGURATION = SlotKind.CONFIGURATION


def broken(disk, monkeypatch, error):
    """Let nothing be written any more."""

    def fail(*_):
        raise OSError(error, "the store is broken")

    for name in ("append", "pwrite", "fsync", "rename", "remove") if error == errno.ENOSPC else ("fsync",):
        monkeypatch.setattr(disk, name, fail)


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("has_good", [True, False])
def test_a_store_that_cannot_count_a_trial_starts_the_last_good_one_and_says_why(store, monkeypatch, error, has_good):
    if has_good:
        activate(store, b'call_sign = "GOOD"', CONFIGURATION)
        store.begin(CONFIGURATION)
        confirm(store, CONFIGURATION)
    activate(store, b'call_sign = "TRIAL"', CONFIGURATION)
    trial = store.state(CONFIGURATION).trial
    with monkeypatch.context() as patch:
        broken(store._disk, patch, error)
        for _ in range(2 * TRIES_MAX):
            begun, configuration = configure(store, DICTIONARY)
            assert (begun.is_trial, begun.left) == (False, trial)
            assert begun.reason == "the store failed: the store is broken"
            assert configuration.call_sign == ("GOOD" if has_good else Configuration().call_sign)
    # It was never started, so it is tried once the store is well again.
    assert configure(store, DICTIONARY)[1].call_sign == "TRIAL"


def test_a_trial_that_cannot_be_read_is_left_though_that_cannot_be_noted(store, monkeypatch):
    activate(store, b"call_sign = 5", CONFIGURATION)
    begin = store.begin

    def begin_then_break(kind):
        begun = begin(kind)
        broken(store._disk, monkeypatch, errno.ENOSPC)
        return begun

    monkeypatch.setattr(store, "begin", begin_then_break)
    begun, configuration = configure(store, DICTIONARY)
    assert (begun.slot, begun.left, configuration) == (Slot.BUILT_IN, Slot.A, Configuration())
    assert "call_sign" in begun.reason


def test_a_start_into_safe_ends_a_trial_and_the_last_good_configuration_is_in_force(tmp_path):
    disk = RealDisk(tmp_path / "store")
    slots = SlotStore(disk)
    activate(slots, b'call_sign = "GOOD"', CONFIGURATION)
    slots.begin(CONFIGURATION)
    confirm(slots, CONFIGURATION)
    boots = BootPolicy(resets_max=2)

    def boot(before=None):
        begun, configuration = configure(slots, DICTIONARY)
        operator = Operator(
            disk,
            configuration=configuration,
            slots={CONFIGURATION: begun},
            survival=SurvivalConfig(boots=boots),
        )
        operator.sequence_count = 0 if before is None else before.sequence_count
        return operator, configuration

    operator, configuration = boot()
    activate(slots, b'call_sign = "TRIAL"', CONFIGURATION)
    for _ in range(boots.resets_max):
        operator.run(20)
        operator, configuration = boot(operator)
    assert (configuration.call_sign, operator.mode) == ("TRIAL", Mode.SAFE)
    operator.run(5)
    assert operator.resets == ["TRIAL"]
    operator, configuration = boot(operator)
    assert (configuration.call_sign, operator.mode, operator.resets) == ("GOOD", Mode.SAFE, [])
    assert slots.state(CONFIGURATION).phase is Phase.SETTLED
