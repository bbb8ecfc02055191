"""Text as it comes adds up to the text of all tokens, and no character is split."""

from hypothesis import given
from hypothesis import strategies as st

from flight.inference.detokenizer import REPLACEMENT, UNFINISHED_MAX, Detokenizer


def of_octets(tokens):
    """A decoder whose tokens are octets: the worst there is."""
    return bytes(tokens).decode(errors="replace")


def pieces_of(octets):
    text = Detokenizer(of_octets)
    return [*(text.put(octet) for octet in octets), text.end()]


@given(st.text())
def test_the_pieces_add_up_and_none_ends_in_a_character(said):
    pieces = pieces_of(said.encode())
    assert "".join(pieces) == said
    assert REPLACEMENT in said or all(REPLACEMENT not in piece for piece in pieces)


@given(st.binary(max_size=60))
def test_octets_that_are_no_text_come_out_all_the_same_and_soon(octets):
    text = Detokenizer(of_octets)
    silent, said = 0, ""
    for octet in octets:
        piece = text.put(octet)
        silent, said = 0 if piece else silent + 1, said + piece
        assert silent <= UNFINISHED_MAX**2  # Three that are none, and each may be two octets too short.
    assert said + text.end() == of_octets(octets)


def test_a_character_after_octets_that_are_none_is_not_lost():
    assert "".join(pieces_of(b"\xff\xff\xff" + "ä".encode())) == 3 * REPLACEMENT + "ä"


def test_a_decoder_with_a_sign_for_each_octet_is_followed():
    def decode(tokens):
        try:
            return bytes(tokens).decode()
        except UnicodeDecodeError as error:
            return bytes(tokens[: error.start]).decode() + REPLACEMENT * (len(tokens) - error.start)

    text = Detokenizer(decode)
    assert [text.put(octet) for octet in "a😀b".encode()] == ["a", "", "", "", "😀", "b"]


def test_a_character_comes_with_its_last_octet():
    assert pieces_of("aä€😀".encode()) == ["a", "", "ä", "", "", "€", "", "", "", "😀", ""]


def test_a_character_that_never_ends_is_told_at_the_end():
    assert pieces_of("€".encode()[:2]) == ["", "", REPLACEMENT]


def test_a_decoder_that_leaves_out_the_blank_before_the_first_word_is_followed():
    words = ["one", "two", "three"]
    text = Detokenizer(lambda tokens: " ".join(words[token] for token in tokens))
    assert [text.put(0), text.put(1), text.put(2), text.end()] == ["one", " two", " three", ""]
