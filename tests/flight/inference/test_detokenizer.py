"""Text as it comes adds up to the text of all tokens, and no character is split."""

from hypothesis import given
from hypothesis import strategies as st

from flight.inference.detokenizer import REPLACEMENT, UNENDED_TOKENS_MAX, UNFINISHED_MAX, Detokenizer


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


NO_TEXT = st.sampled_from([b"\xff", b"\xf0\x9f\x98", b"\xe2", b"\xe2\x82", b"\x80", REPLACEMENT.encode()])
RUNS = st.tuples(NO_TEXT, st.integers(1, 3 * UNENDED_TOKENS_MAX), st.text(max_size=3)).map(
    lambda run: run[0] * run[1] + run[2].encode()
)


@given(st.lists(RUNS, max_size=3))
def test_text_that_goes_on_without_an_end_is_the_same_and_few_of_its_tokens_are_held(runs):
    octets, most = b"".join(runs), 0

    def decode(tokens):
        nonlocal most
        most = max(most, len(tokens))
        return of_octets(tokens)

    text = Detokenizer(decode)
    said = "".join([*(text.put(octet) for octet in octets), text.end()])
    assert said == of_octets(octets)
    assert most <= UNENDED_TOKENS_MAX + 1


def test_tokens_that_are_told_are_not_held():
    text = Detokenizer(of_octets)
    for _ in range(10_000):
        assert text.put(ord("a")) == "a"
    assert len(text._tokens) < 9


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
