"""The two lines of a scenario's link: what its tables and its profile make of them."""

from typing import Any

from ccsds.cltu import cltu_octets
from ccsds.errors import MisuseError
from hil.channel.dropouts import Dropout
from hil.channel.fades import FadeConfig
from hil.channel.frame_loss import FrameCode
from hil.channel.half_duplex import Air
from hil.channel.line import Line, LineConfig
from hil.channel.truth import Truth
from hil.link.recording import Recording, load_truths
from hil.orbit.outlook import Outlook
from hil.scenario.link import LinkTable
from hil.sky import bit_error_rate, light_time
from hil.streams import Streams
from mission.profile_file import open_profile
from mission.profiles import LinkProfile

NS_PER_S = 1_000_000_000

CODEWORD_OCTETS = 255


def make_lines(
    link: LinkTable,
    profile: LinkProfile,
    streams: Streams,
    outlook: Outlook | None = None,
    recording: Recording | None = None,
) -> tuple[Line, Line]:
    """Give the lines up and down of a link.

    Args:
        link: What they do.
        profile: Their rates and frames.
        streams: Where their chances come from.
        outlook: The orbit, if there is one, from which light time and noise follow.
        recording: What is captured and replayed.
    """
    truths = recording.truths if recording is not None else {}
    capture = recording.file if recording is not None else None
    configs = [replayed(line_config(name, link, profile, outlook), truths.get(name)) for name in ("up", "down")]
    air = Air(link.half_duplex.config()) if link.half_duplex is not None else None
    up, down = (Line(config, streams, air, capture) for config in configs)
    return up, down


def replayed(config: LineConfig, truth: Truth | None) -> LineConfig:
    """Give a line that keeps its times and does to octets what a capture says, if there is one."""
    if truth is None:
        return config
    return LineConfig(
        name=config.name,
        rate_bps=config.rate_bps,
        bits_per_octet=config.bits_per_octet,
        delay_ns=config.delay_ns,
        jitter=config.jitter,
        replay=truth,
    )


def line_config(name: str, link: LinkTable, profile: LinkProfile, outlook: Outlook | None = None) -> LineConfig:
    """Give what one direction (``up`` or ``down``) of a link does to octets, over an orbit if it has one.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    direction = link.up if name == "up" else link.down
    frame_octets = cltu_octets(profile.tc_frame_octets_max) if name == "up" else profile.tm_coding.cadu_octets
    effects: dict[str, Any] = {}
    if direction.frame_loss:
        effects["fades"] = FadeConfig.of_frames(
            loss=direction.frame_loss, burst_frames=direction.frame_loss_burst, frame_octets=frame_octets
        )
    for key, table, make in (
        ("jitter", direction.jitter, lambda table: {"jitter": table.config()}),
        ("bursts", direction.bursts, lambda table: {"bursts": table.config(frame_code(name, profile))}),
        ("slips", direction.slips, lambda table: {"slips": table.config()}),
        ("uart", direction.uart, lambda table: table.configs()),
    ):
        if table is not None:
            try:
                effects |= make(table)
            except MisuseError as error:
                raise MisuseError(f"link.{name}.{key}: {error}") from None
    delay_ns = _ns(direction.delay_s)
    return LineConfig(
        name=name,
        rate_bps=profile.uplink_rate_bps if name == "up" else profile.downlink_rate_bps,
        bits_per_octet=profile.bits_per_octet,
        delay_ns=delay_ns if outlook is None else light_time(outlook, delay_ns),
        bit_error_rate=direction.bit_error_rate
        if outlook is None or direction.eb_n0_db is None
        else bit_error_rate(outlook, direction.eb_n0_db),
        cable_pulls=cable_pulls(link),
        **effects,
    )


def frame_code(name: str, profile: LinkProfile) -> FrameCode:
    """Give what protects the longest frame of a direction.

    The code of a telecommand frame corrects one bit in 63; that is left out, so that fewer are lost than asked for.
    """
    if name == "up":
        return FrameCode(codeword_octets=cltu_octets(profile.tc_frame_octets_max))
    return FrameCode(
        codeword_octets=CODEWORD_OCTETS,
        correctable_octets=profile.parity_octets // 2,
        codewords=profile.interleave,
    )


def cable_pulls(link: LinkTable) -> tuple[Dropout, ...]:
    """Give the times in which the cable is pulled."""
    return tuple(Dropout(_ns(pull.at_s), _ns(pull.duration_s)) for pull in link.cable_pulls)


def check_lines(link: LinkTable) -> None:
    """Refuse effects that are well-formed but make no sense.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    for name in ("up", "down"):
        line_config(name, link, open_profile(link.profile))
    if link.replay is not None:
        load_truths(link.replay)


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
