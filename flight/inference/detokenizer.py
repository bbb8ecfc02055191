"""Text from tokens as they come: what is given out is whole characters, and adds up to the text of all tokens.

A character may take several tokens, and how a token is written may depend on those before it. So what is decoded is
always a few tokens back from the last cut, and what may be the beginning of a character waits for the next token. Where
no character ever ends, some tokens are held all the same and no more.
"""

from collections.abc import Callable, Sequence

# What a decoder writes for octets that are no character, or not one yet.
REPLACEMENT = "\ufffd"

# A character takes four octets at most, so three may be its beginning. Some decoders write one sign for all of them,
# some one for each.
UNFINISHED_MAX = 3

# Tokens without an end of a character, of which the last are kept: a model may write what is no text for as long as it
# likes, and each token is a look at all that are held. In those that are kept a character has room twice over.
UNENDED_TOKENS_MAX = 64
_KEPT_TOKENS = 16


class Detokenizer:
    """Gives the text of a reply, piece by piece.

    Args:
        decode: Gives the text of tokens.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        # What is decoded: from the cut before the last on. So many characters of it are given out already.
        self._tokens: list[int] = []
        self._told = 0
        # Where in it the last cut is.
        self._cut = 0

    def put(self, token: int) -> str:
        """Take a token, and give the text that is whole by it; often none."""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        is_whole = not text.endswith(REPLACEMENT)
        given = self._give(text if is_whole else _without_end(text))
        if is_whole:
            del self._tokens[: self._cut]
            self._cut = len(self._tokens)
            self._told = len(self._decode(self._tokens))
        elif len(self._tokens) >= UNENDED_TOKENS_MAX:
            waiting = len(text) - self._told
            del self._tokens[:-_KEPT_TOKENS]
            self._cut = 0
            self._told = len(self._decode(self._tokens)) - waiting
        return given

    def end(self) -> str:
        """Give what is left, once no token comes any more."""
        return self._give(self._decode(self._tokens))

    def _give(self, text: str) -> str:
        given = text[self._told :]
        self._told = max(self._told, len(text))
        return given


def _without_end(text: str) -> str:
    """Leave out what may be the beginning of a character."""
    end = len(text)
    while end > max(len(text) - UNFINISHED_MAX, 0) and text[end - 1] == REPLACEMENT:
        end -= 1
    return text[:end]
