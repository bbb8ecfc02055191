"""The life of a key: every cell of the table, and the guards that keep a link from being locked out."""

import itertools
from pathlib import Path

import pytest

from ccsds.errors import MisuseError
from ccsds.sdls.association import Link, SecurityAssociation
from ccsds.sdls.key_state import ACTIVE_KEYS_MAX, TABLE, KeyOperation, KeyRecord, KeyRing, KeyState
from ccsds.sdls.receiver import Reason

UPLINK = {spi: SecurityAssociation(spi=spi, link=Link.TC, virtual_channel=0) for spi in range(1, 6)}


def ring(sending, **states):
    records = [
        KeyRecord(int(spi[1:]), KeyState[state.upper()], activation=int(spi[1:])) for spi, state in states.items()
    ]
    return KeyRing(UPLINK, records, sending)


def everyone(spi):
    return True


def nobody(spi):
    return False


@pytest.mark.parametrize(("state", "operation"), list(itertools.product(KeyState, KeyOperation)), ids=str)
def test_every_cell_of_the_table_is_followed_or_refused(state, operation):
    start = KeyRing(UPLINK, [KeyRecord(1, state, 1), KeyRecord(2, KeyState.ACTIVE, 2)], Link.TC)
    if (state, operation) in TABLE:
        assert start.after(1, operation, everyone).record(1).state is TABLE[state, operation]
    else:
        with pytest.raises(MisuseError, match=f"expected a key that one can {operation.value}, found {state.value}"):
            start.after(1, operation, everyone)
    assert start.record(1).state is state


def test_nothing_leads_out_of_destroyed_and_no_spent_key_is_activated():
    assert {TABLE[cell] for cell in TABLE if cell[0] is KeyState.DESTROYED} == {KeyState.DESTROYED}
    assert (KeyState.SPENT, KeyOperation.ACTIVATE) not in TABLE


def test_the_key_activated_last_sends_and_deactivating_it_is_the_way_back():
    rotated = ring(Link.TC, k1="active").after(2, KeyOperation.ACTIVATE, nobody)
    assert rotated.active((Link.TC, 0)) == [2, 1]
    assert rotated.after(2, KeyOperation.DEACTIVATE, nobody).active((Link.TC, 0)) == [1]
    over = rotated.after(1, KeyOperation.DEACTIVATE, nobody)
    assert over.active((Link.TC, 0)) == [2]
    assert over.after(1, KeyOperation.ACTIVATE, nobody).active((Link.TC, 0)) == [1, 2]


def test_the_only_key_that_sends_is_not_given_up():
    with pytest.raises(MisuseError, match="expected another active key of tc channel 0, found none"):
        ring(Link.TC, k1="active", k2="deactivated").after(1, KeyOperation.DEACTIVATE, everyone)


def test_the_only_key_under_which_a_frame_has_come_is_not_given_up():
    rotated = ring(Link.TM, k1="active", k2="active")
    with pytest.raises(MisuseError, match="under which a frame has come, found none"):
        rotated.after(1, KeyOperation.DEACTIVATE, lambda spi: spi == 1)
    assert rotated.after(2, KeyOperation.DEACTIVATE, lambda spi: spi == 1).active((Link.TC, 0)) == [1]
    assert rotated.after(1, KeyOperation.DEACTIVATE, lambda spi: spi == 2).active((Link.TC, 0)) == [2]


def test_active_keys_of_a_channel_are_bounded():
    full = ring(Link.TC, k1="active", k2="active", k3="active")
    assert len(full.active((Link.TC, 0))) == ACTIVE_KEYS_MAX
    with pytest.raises(MisuseError, match="expected fewer than 3 active keys"):
        full.after(4, KeyOperation.ACTIVATE, everyone)
    assert full.after(3, KeyOperation.ACTIVATE, everyone).records == full.records


def test_a_restored_store_spends_the_keys_it_sent_under_and_no_others():
    used = ring(Link.TC, k1="active", k2="deactivated", k3="preactive", k4="destroyed").restored()
    assert [used.record(spi).state for spi in range(1, 5)] == [
        KeyState.SPENT,
        KeyState.SPENT,
        KeyState.PREACTIVE,
        KeyState.DESTROYED,
    ]
    received = ring(Link.TM, k1="active", k2="deactivated")
    assert received.restored().records == received.records


def test_an_unknown_spi_is_refused():
    with pytest.raises(MisuseError, match="expected an SPI of this key file, found 77"):
        ring(Link.TC).record(77)
    assert not ring(Link.TC).is_active(77)


def test_the_diagram_in_the_docs_is_the_table():
    text = (Path(__file__).parents[3] / "docs" / "security.md").read_text()
    drawn = [line.strip() for line in text.splitlines() if " --> " in line]
    assert drawn == [f"{before.value} --> {after.value}: {done.value}" for (before, done), after in TABLE.items()]


def test_every_reason_is_told_in_the_docs_in_the_order_in_which_it_is_checked():
    text = (Path(__file__).parents[3] / "docs" / "security.md").read_text()
    places = [text.index(f"| `{reason.value}` |") for reason in Reason]
    assert places == sorted(places)
