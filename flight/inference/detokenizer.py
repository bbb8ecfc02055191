"""Text from tokens as they come: what is given out is whole characters, and adds up to the text of all tokens.

A character may take several tokens, and how a token is written may depend on those before it. So what is decoded is
always a few tokens back from the last cut, and a text that ends in the middle of a character waits for the next token.
"""

from collections.abc import Callable, Sequence

# What a decoder writes for octets that are no character, or not one yet.
REPLACEMENT = "\ufffd"

# A character takes four octets at most, and so four tokens: what is still none after these never will be.
UNFINISHED_TOKENS_MAX = 4


class Detokenizer:
    """Gives the text of a reply, piece by piece.

    Args:
        decode: Gives the text of tokens.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._tokens: list[int] = []
        # Tokens from the first are decoded together; those up to the second are given out already.
        self._from = self._told = 0

    def put(self, token: int) -> str:
        """Take a token, and give the text that is whole by it; often none."""
        self._tokens.append(token)
        text, before = self._text()
        is_unfinished = text.endswith(REPLACEMENT) and len(self._tokens) - self._told < UNFINISHED_TOKENS_MAX
        return "" if is_unfinished else self._give(text, before)

    def end(self) -> str:
        """Give what is left, once no token comes any more."""
        text, before = self._text()
        return self._give(text, before)

    def _text(self) -> tuple[str, str]:
        return self._decode(self._tokens[self._from :]), self._decode(self._tokens[self._from : self._told])

    def _give(self, text: str, before: str) -> str:
        if len(text) <= len(before):
            return ""
        self._from, self._told = self._told, len(self._tokens)
        return text[len(before) :]
