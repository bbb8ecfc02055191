"""The key file: what is in it, and that nothing damaged or doubled is taken for keys."""

import msgspec
import pytest

from ccsds.crc import crc32c
from ccsds.errors import MalformedError, MisuseError
from ccsds.sdls.association import Link, Suite
from ccsds.sdls.key_file import End, KeyEntry, KeyFile, generate_keys
from ccsds.sdls.key_state import KeyState


def test_a_pair_shares_its_keys_and_each_key_serves_one_channel(draw):
    files = generate_keys([(Link.TC, 0), (Link.TM, 0)], draw)
    ground, spacecraft = files[End.GROUND], files[End.SPACECRAFT]
    assert ground.set_id == spacecraft.set_id
    assert [entry.key for entry in ground.keys] == [entry.key for entry in spacecraft.keys]
    assert ground.associations == spacecraft.associations
    assert len({entry.key for entry in ground.keys}) == len(ground.keys) == 16
    assert {len(entry.key) for entry in ground.keys} == {32}


def test_the_first_key_is_active_at_both_ends_and_the_spare_where_it_is_received(draw):
    files = generate_keys([(Link.TC, 0), (Link.TM, 0)], draw, generations=3)
    active, waiting = KeyState.ACTIVE, KeyState.PREACTIVE
    assert [entry.state for entry in files[End.GROUND].keys] == [active, waiting, waiting, active, waiting, active]
    assert [entry.state for entry in files[End.SPACECRAFT].keys] == [active, waiting, active, active, waiting, waiting]


def test_what_is_written_is_read_back(draw):
    for file in generate_keys([(Link.TC, 0)], draw, suite=Suite.AES_256_CMAC, segmented=[(Link.TC, 0)]).values():
        assert KeyFile.decode(file.encode()) == file


def test_segment_headers_are_a_matter_of_each_channel(draw):
    file = generate_keys([(Link.TC, 0), (Link.TC, 1), (Link.TM, 0)], draw, segmented=[(Link.TC, 0)])[End.GROUND]
    octets = {each.channel: each.segment_header_octets for each in file.associations.values()}
    assert octets == {(Link.TC, 0): 1, (Link.TC, 1): 0, (Link.TM, 0): 0}


def test_every_single_bit_flip_and_truncation_is_refused(draw):
    octets = generate_keys([(Link.TC, 0)], draw, generations=1)[End.GROUND].encode()
    for index in range(len(octets)):
        with pytest.raises(MalformedError):
            KeyFile.decode(octets[:index])
        for bit in range(8):
            with pytest.raises(MalformedError):
                KeyFile.decode(octets[:index] + bytes([octets[index] ^ 1 << bit]) + octets[index + 1 :])


def test_another_format_is_refused_even_with_a_right_checksum(draw):
    file = generate_keys([(Link.TC, 0)], draw)[End.GROUND]
    other = msgspec.json.decode(msgspec.json.encode(file), type=dict) | {"format": "other"}
    body = msgspec.json.encode(other)
    with pytest.raises(MalformedError, match="expected format starloop-keys-1"):
        KeyFile.decode(body + f"# crc32c {crc32c(body):08x}\n".encode())


def test_a_key_never_shows_itself(draw):
    file = generate_keys([(Link.TC, 0)], draw)[End.GROUND]
    secret = file.keys[0].key
    assert repr(secret) not in repr(file)
    assert secret.hex() not in repr(file)


def test_doubled_spis_doubled_keys_and_mixed_suites_are_refused(draw):
    file = generate_keys([(Link.TC, 0)], draw)[End.GROUND]
    first, second = file.keys[:2]
    with pytest.raises(MisuseError, match="each SPI once"):
        msgspec.structs.replace(file, keys=(first, first))
    with pytest.raises(MisuseError, match="a key of its own"):
        msgspec.structs.replace(file, keys=(first, KeyEntry(second.association, second.state, first.key)))
    cmac = generate_keys([(Link.TC, 0)], draw, suite=Suite.AES_256_CMAC)[End.GROUND].keys[1]
    with pytest.raises(MisuseError, match="expected the suite of its channel's other keys"):
        msgspec.structs.replace(file, keys=(first, cmac))


@pytest.mark.parametrize("generations", [0, 65])
def test_generations_are_bounded(draw, generations):
    with pytest.raises(MisuseError, match="expected 1 to 64 generations"):
        generate_keys([(Link.TC, 0)], draw, generations=generations)


def test_a_file_without_channels_is_refused(draw):
    with pytest.raises(MisuseError, match="expected 1 to 1024 keys, found 0"):
        generate_keys([], draw)
