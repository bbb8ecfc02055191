"""The whole flight software as one sans-IO core: octets and time in, octets and events out.

It has no clock, opens nothing but its `Disk`, and starts nothing but its `Worker` port, both given to it. The program
(`flight.__main__`) drives it in real time, the HIL harness under either clock.

    uplink -> router -> services -> ledger -> reporter -> downlink
       |                |      |                             |
       |                |  job engine, server -> workers     |
       +------------> files <--------------------------------+
"""

from collections.abc import Mapping

from ccsds.deadline import earliest
from ccsds.sdls.association import Link
from ccsds.sdls.key_store import KeyStore
from ccsds.sdls.security import Security
from flight.autonomy.autonomy import Autonomy
from flight.autonomy.causes import Causes
from flight.clock import Clock, ClockConfig
from flight.disk import Disk
from flight.events import Announced, Event, Reported, TelemetryHeld
from flight.filestore.files import Files
from flight.filestore.packer import Packer
from flight.governor.config import GovernorConfig, GovernorSettings
from flight.governor.governor import Governor
from flight.governor.sources import sources as governor_sources
from flight.inference.messages import ServerReply, ServerRequest
from flight.inference.server import Server
from flight.jobs.corpus import CorpusFile
from flight.jobs.engine import Engine
from flight.jobs.messages import Reply, Request
from flight.jobs.worker_port import WorkerPort
from flight.ledger import Ledger
from flight.link.beacon import Beacon, describe
from flight.link.downlink import DownlinkTransmitter
from flight.link.ground_contact import GroundContact
from flight.link.receipts import ReceiptKeeper
from flight.link.uplink import Delivery, UplinkReceiver
from flight.parameters import ParameterPool, Source
from flight.reporter import Priority, Reporter, clip_reason
from flight.router import Router
from flight.scrubbing.care import CaringDisk
from flight.scrubbing.scrubber import Scrubber
from flight.sensors import PowerLimit, Sensors
from flight.services.connection_test import ConnectionTestService
from flight.services.events import EventService
from flight.services.files import FileService
from flight.services.housekeeping import HousekeepingService
from flight.services.inference import InferenceService
from flight.services.jobs import JobService
from flight.services.keys import KeyService
from flight.services.packing import PackingService
from flight.services.parameters import ParameterService
from flight.services.scrubbing import ScrubbingService
from flight.services.slots import SlotService
from flight.services.storage import StorageService
from flight.services.time import TimeService
from flight.spacecraft_config import SpacecraftConfig
from flight.storage.packet_stores import PacketStores
from flight.storage.playback import Playback
from flight.survival.boot_mark import BootMarks
from flight.survival.survival import Survival
from flight.survival.watchdog import Part, Watchdog
from mission.channels import Downlink, Uplink
from mission.jobs import ENDED_STATES
from mission.modes import Mode
from mission.words.core import BEACON_PERIOD, BOOTED, JOURNAL_MENDED, KEEP_ALIVE, STORE_FAILED
from mission.words.scrubbing import JOURNAL_LOST, JOURNAL_RESTORED

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class Spacecraft:
    """One spacecraft.

    Args:
        config: What makes it differ from another.
        disk: Its store; what it knew before the last reboot is read from there.
        worker: Where job work is done.
        corpora: The corpora on board, by name.
        now_ns: Monotonic time at which it boots.
        keys: Its key store, or None: then it believes every frame, and belongs on a bench.
        sensors: Of its power and its heat, or None: then nothing is governed by them.
        power_limit: Limits the power of its compute device, if anything can.
        model_worker: Where models are served, or None: then none are.

    Raises:
        OSError: The store failed while it booted: a spacecraft without memory does not start.
    """

    def __init__(
        self,
        config: SpacecraftConfig,
        disk: Disk,
        worker: WorkerPort[Request],
        corpora: Mapping[str, CorpusFile],
        now_ns: int = 0,
        keys: KeyStore | None = None,
        *,
        sensors: Sensors | None = None,
        power_limit: PowerLimit | None = None,
        model_worker: WorkerPort[ServerRequest] | None = None,
    ) -> None:
        self._config = config
        self._booted_ns = now_ns
        self._contact = GroundContact(config.profile)
        self._is_in_contact = False
        self._advanced_ns = now_ns
        self._events: list[Event] = []
        self._ledger = Ledger(disk)
        self._clock = Clock(
            ClockConfig(
                tai_offset_ns=config.tai_offset_ns,
                uncertainty_ns=config.tai_uncertainty_ns,
                clock_id=config.clock_id,
            ),
            self._ledger,
            now_ns,
        )
        self._reporter = Reporter(config.dictionary)
        self._pool = ParameterPool(config.dictionary, self._ledger, config.configuration.settings)
        security = self._secure(keys)
        self._uplink = UplinkReceiver(config.profile, security)
        self._receipts = ReceiptKeeper(self._ledger, self._reporter)
        self._scrubber = Scrubber(disk, self._ledger, self._reporter, self._is_settled, now_ns)
        caring_disk = CaringDisk(disk, self._scrubber.changing)
        self._files = Files(config.profile, security, caring_disk, self._reporter)
        self._file_service = FileService(self._files, self._reporter)
        self._packer = Packer(self._files, self._reporter)
        self._stores = PacketStores(disk, self._ledger, self._reporter, config.store_octets)
        overhead_octets = security.overhead_octets(Link.TM, Downlink.PLAYBACK) if security else 0
        self._playback = Playback(
            self._stores,
            self._reporter,
            config.profile.tm_data_octets - overhead_octets,
            lambda at_ns: (self._clock.tai_ns(at_ns), self._clock.status),
        )
        self._downlink = DownlinkTransmitter(
            config.profile,
            self._files,
            self._playback,
            security,
            clock=self._clock,
            time_report_exponent=lambda: self._ledger.time_report_exponent,
        )
        self._keys = KeyService(security, self._reporter)
        self._engine = Engine(
            config.engine, self._ledger, worker, self._reporter, corpora, caring_disk, self._clock.tai_ns
        )
        self._server = Server(
            config.server,
            self._ledger,
            model_worker,
            self._reporter,
            caring_disk,
            lambda is_running: self._engine.may_compute(is_running=is_running),
        )
        causes = Causes()
        self._survival = Survival(
            config.survival,
            self._ledger,
            BootMarks(disk),
            self._reporter,
            self._pool,
            self._engine,
            causes,
            config.clock_id,
            now_ns,
        )
        self._governor_settings = GovernorSettings(GovernorConfig())
        self._governor = self._govern(sensors, power_limit)
        self._watchdog = Watchdog(
            {Part.JOBS: self._engine.next_deadline, Part.DOWNLINK: self._downlink_deadline}, now_ns
        )
        self._slots = SlotService(
            config.slots,
            caring_disk,
            config.dictionary,
            self._reporter,
            self._pool,
            self._survival.boots.ask,
            now_ns,
        )
        self._beacon = Beacon(config.configuration.call_sign, config.profile.beacon_ns, self._describe, now_ns)
        self._autonomy = Autonomy(
            config.dictionary,
            self._ledger,
            self._reporter,
            self._pool,
            caring_disk,
            causes,
            self._clock.tai_ns,
            lambda release, at_ns: self._router.release(release, at_ns),
            now_ns,
        )
        self._housekeeping = HousekeepingService(config.dictionary, self._ledger, self._reporter, self._pool)
        self._event_service = EventService(config.dictionary, self._ledger, self._reporter, self._pool)
        self._time = TimeService(self._clock, self._ledger, self._reporter, self._pool)
        services = (
            ConnectionTestService(self._reporter),
            self._housekeeping,
            JobService(self._engine, self._reporter, self._survival.modes),
            InferenceService(self._server, self._reporter, self._survival.modes, self._pool, caring_disk),
            self._keys,
            self._time,
            self._event_service,
            StorageService(self._stores, self._playback),
            ParameterService(self._pool, self._reporter),
            self._file_service,
            PackingService(self._packer),
            ScrubbingService(self._scrubber, self._reporter, self._pool),
            self._slots,
            *self._autonomy.services,
            *self._survival.services,
        )
        self._router = Router(config.dictionary, self._ledger, self._reporter, services, self._survival.safeguards)
        self._fill_pool()
        self._boot(now_ns)

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take octets from the line, cut anywhere."""
        deliveries = self._uplink.receive(data, now_ns)
        was_in_contact = self._is_in_contact
        if self._uplink.heard_ns == now_ns:
            self._contact.hear(now_ns)
            self._follow_contact(now_ns)
        for delivery in deliveries:
            self._deliver(delivery, self._is_in_contact and not was_in_contact, now_ns)
        self._keys.tell_refusals(now_ns)
        self._settle(now_ns)

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self._advanced_ns = now_ns
        self._contact.advance(now_ns)
        self._follow_contact(now_ns)
        self._watchdog.advance(now_ns)
        self._autonomy.advance(now_ns)
        if self._governor is not None:
            self._governor.advance(now_ns)
        self._engine.advance(now_ns)
        self._server.advance(now_ns)
        self._files.advance(now_ns)
        self._file_service.advance(now_ns)
        self._packer.advance(now_ns)
        self._receipts.advance(now_ns)
        self._survival.advance(now_ns)
        self._housekeeping.advance(now_ns)
        self._keys.tell_refusals(now_ns)
        self._time.advance(now_ns)
        self._event_service.advance(now_ns)
        self._stores.advance(now_ns)
        self._playback.advance(now_ns)
        self._scrubber.advance(now_ns)
        self._slots.advance(now_ns)
        self._beacon.advance(is_wanted=self._wants_beacon, now_ns=now_ns)
        self._settle(now_ns)

    def next_deadline(self) -> int | None:
        """Give the time at which something is due next."""
        deadlines = [
            self._contact.next_deadline(),
            self._autonomy.next_deadline(),
            self._engine.next_deadline(),
            self._server.next_deadline(),
            self._housekeeping.next_deadline(),
            self._keys.next_deadline(),
            self._time.next_deadline(),
            self._files.next_deadline(),
            self._file_service.next_deadline(),
            self._packer.next_deadline(),
            self._receipts.next_deadline(),
            self._event_service.next_deadline(),
            self._survival.next_deadline(),
            self._stores.next_deadline(),
            self._playback.next_deadline(),
            self._scrubber.next_deadline(),
            self._slots.next_deadline(),
            self._beacon.next_deadline(is_wanted=self._wants_beacon),
        ]
        if self._governor is not None:
            deadlines.append(self._governor.next_deadline())
        if self._config.is_watched:
            deadlines.append(self._watchdog.next_deadline())
        frame_ns = self._downlink_deadline()
        if frame_ns is not None and frame_ns > self._advanced_ns:
            # One that is due already waits for the transmitter, which may be busy: with a beacon, as contact comes.
            deadlines.append(frame_ns)
        return earliest(deadlines)

    def transmit(self, now_ns: int) -> bytes | None:
        """Give the next octets for the line, to be asked for when the transmitter is free."""
        beacon = self._beacon.transmit(now_ns)
        if beacon is not None or not self._is_in_contact:
            return beacon
        octets = self._downlink.transmit(self._uplink.clcw(), now_ns)
        self._settle(now_ns)
        return octets

    def contact(self, up: bool, now_ns: int) -> None:
        """Take note that the line is there, or is gone; by profile that is contact, or only the way to it."""
        self._contact.line(up)
        self._follow_contact(now_ns)
        self._settle(now_ns)

    @property
    def mode(self) -> Mode:
        """What it is set on."""
        return self._survival.mode

    def starving(self, now_ns: int) -> tuple[Part, ...]:
        """Give the essential parts that make no progress: none, if the watchdog is to be fed."""
        parts = self._watchdog.starving(now_ns)
        self._survival.starve(parts)
        return parts

    def stop(self) -> None:
        """Take note that whoever drives it is about to end it in order."""
        self._survival.stop()

    def worker_replied(self, reply: Reply, now_ns: int) -> None:
        """Take a reply from the worker."""
        self._engine.reply(reply, now_ns)
        self._settle(now_ns)

    def worker_lost(self, reason: str, now_ns: int) -> None:
        """Take note that the worker is gone."""
        self._engine.lost(reason, now_ns)
        self._settle(now_ns)

    def model_worker_replied(self, reply: ServerReply, now_ns: int) -> None:
        """Take a reply from the worker that serves a model."""
        self._server.reply(reply, now_ns)
        self._settle(now_ns)

    def model_worker_lost(self, reason: str, now_ns: int) -> None:
        """Take note that the worker that serves a model is gone."""
        self._server.lost(reason, now_ns)
        self._settle(now_ns)

    def take_events(self) -> list[Event]:
        """Give what happened since the last call."""
        taken, self._events = self._events, []
        return taken

    def _secure(self, keys: KeyStore | None) -> Security | None:
        """Bring the keys and the anti-replay windows of the ledger together."""
        if keys is None:
            return None
        return Security(keys, self._ledger.load_key_set(keys.file.set_id))

    def _govern(self, sensors: Sensors | None, power_limit: PowerLimit | None) -> Governor | None:
        """Have the engine governed by what the board measures."""
        if sensors is None:
            return None
        return Governor(self._engine, self._reporter, self._governor_settings, self._clock.tai_ns, sensors, power_limit)

    def _is_settled(self, path: str) -> bool:
        """Tell whether no worker may write a file under care any more: a model, once its job has ended."""
        match path.split("/"):
            case ["jobs", number, _] if number.isdecimal():
                job = self._ledger.jobs.get(int(number))
                return job is None or job.state in ENDED_STATES
            case _:
                return True

    @property
    def _wants_beacon(self) -> bool:
        return not self._is_in_contact or self.mode is Mode.SAFE

    def _describe(self, now_ns: int) -> str:
        """Say how it is, for the beacon."""
        job_id = self._engine.job_id
        job = f"JOB {job_id} STEP {self._pool.read('job_step', now_ns)}" if job_id else "NO JOB"
        reason = self._survival.boots.entry.reason.name
        return describe(self.mode, self._survival.boots.entry.boot_count, reason, job, now_ns - self._booted_ns)

    def _downlink_deadline(self) -> int | None:
        return self._downlink.next_deadline() if self._is_in_contact else None

    def _follow_contact(self, now_ns: int) -> None:
        """Tell all whose time is contact that it came, or went."""
        up = self._contact.is_up
        if up == self._is_in_contact:
            return
        if up:
            self._downlink.leave_to_playback(now_ns)
        self._is_in_contact = up
        self._playback.contact(up)
        self._autonomy.contact(up, now_ns)
        self._files.contact(up, now_ns)

    def _deliver(self, delivery: Delivery, begins_contact: bool, now_ns: int) -> None:
        """Give the packets of a frame to those that they are for."""
        match delivery.channel:
            case Uplink.COMMANDS:
                self._router.route_frame(delivery.packets, delivery.receipt, now_ns)
            case Uplink.FILES:
                # A keep-alive acts on nothing but contact: only one that begins it is worth a record.
                is_of_weight = bool(delivery.packets) or begins_contact
                if is_of_weight and self._receipts.admit(delivery.receipt, now_ns):
                    self._files.receive(delivery.packets, now_ns)

    def _boot(self, now_ns: int) -> None:
        self._survival.boots.mark()
        try:
            self._ledger.commit(*self._survival.entry, self._clock.note(now_ns), *self._stores.reserve())
        except OSError as error:
            # A full store must not keep it from hearing the commands that make room.
            self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))
        if self._ledger.mended_octets:
            self._reporter.event(JOURNAL_RESTORED, octets=self._ledger.mended_octets)
        torn_octets = self._ledger.damaged_octets - self._ledger.lost_octets
        if torn_octets:
            self._reporter.event(JOURNAL_MENDED, octets=torn_octets)
        if self._ledger.lost_octets:
            self._reporter.event(JOURNAL_LOST, octets=self._ledger.lost_octets)
        self._reporter.event(
            BOOTED,
            boot_count=self._survival.boots.entry.boot_count,
            dictionary_digest=self._config.dictionary.digest,
        )
        self._pool.boot(now_ns)
        self._time.boot(now_ns)
        is_reset_too_often = self._survival.boot(now_ns)
        self._slots.boot()
        if is_reset_too_often:
            self._slots.abandon(now_ns)
        self._stores.boot()
        self._keys.boot()
        self._files.boot(self._survival.boots.entry.boot_count, now_ns)
        self._packer.boot()
        if self._governor is not None:
            self._governor.advance(now_ns)
        self._engine.boot(now_ns)
        self._autonomy.boot(now_ns)
        self._settle(now_ns)

    def _settle(self, now_ns: int) -> None:
        """Hand on what was said and what happened during this call."""
        self._events += self._uplink.take_events()
        self._events += self._router.take_events()
        self._events += self._survival.take_events()
        for event in self._downlink.take_events():
            self._events.append(event)
            if isinstance(event, TelemetryHeld):
                self._keys.telemetry_held(event.reason)
        for said in self._reporter.take():
            if said.priority is Priority.EVENT and not self._event_service.admit(said.name, now_ns):
                continue
            tai_ns = self._clock.tai_ns(now_ns)
            stored = self._stores.keep(said, tai_ns, self._clock.status, now_ns)
            self._downlink.put(said, tai_ns, self._clock.status, now_ns, stored)
            if said.priority is Priority.EVENT:
                self._events.append(Announced(now_ns, said.name, said.text, dict(said.values)))
            elif said.values:
                self._events.append(Reported(now_ns, said.name, dict(said.values)))

    def _fill_pool(self) -> None:
        """Give every parameter its one source, and every setting the one who follows it."""
        self._pool.provide(self._sources())
        self._pool.provide(self._engine.sources())
        self._pool.provide(self._server.sources())
        self._pool.provide(self._keys.sources())
        self._pool.provide(self._files.sources())
        self._pool.provide(self._stores.sources())
        self._pool.provide(self._uplink.counts.sources())
        self._pool.provide(governor_sources(self._governor, self._engine))
        self._engine.bind(self._pool)
        self._server.bind(self._pool)
        self._governor_settings.bind(self._pool)
        self._pool.bind(KEEP_ALIVE, self._config.profile.keep_alive_ns // NS_PER_MS, self._keep_alive)
        self._pool.bind(BEACON_PERIOD, self._config.profile.beacon_ns // NS_PER_S, self._beacon_period)
        self._pool.require_all()

    def _keep_alive(self, period_ms: int, now_ns: int) -> None:
        self._downlink.keep_alive_ns = period_ms * NS_PER_MS

    def _beacon_period(self, period_s: int, now_ns: int) -> None:
        self._beacon.set_period(period_s * NS_PER_S, now_ns)

    def _sources(self) -> dict[str, Source]:
        """Give where the parameters of the flight software itself have their values from."""
        router, uplink, downlink, ledger = self._router, self._uplink, self._downlink, self._ledger
        return {
            "uptime": lambda now_ns: (now_ns - self._booted_ns) // NS_PER_S,
            "dictionary_digest": lambda _: self._config.dictionary.digest,
            "commands_executed": lambda _: router.executed_count,
            "commands_refused": lambda _: router.refused_count,
            "commands_repeated": lambda _: router.repeated_count,
            "frames_accepted": lambda _: uplink.accepted_count,
            "frames_rejected": lambda _: uplink.rejected_count,
            "frames_sent": lambda _: downlink.frames_count,
            "packets_dropped": lambda _: downlink.dropped_count,
            "journal_octets": lambda _: ledger.journal_octets,
            "packets_misplaced": lambda _: uplink.misplaced_count,
        }
