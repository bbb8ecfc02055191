"""When a strike falls: after one of the operators that torch is asked for, those that take long as often as they take.

`Operators` counts them and, given a clock, learns how long each takes; `Profile` draws an instant of a run that is
uniform in time. Without a clock an operator counts as long as what it comes to has elements, which is the same in equal
runs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_ATEN = torch.ops.aten
_FUSED = torch.ops.mkldnn._linear_pointwise if hasattr(torch.ops.mkldnn, "_linear_pointwise") else None
PRODUCTS = (
    *(_ATEN.mm.default, _ATEN.addmm.default, _ATEN.bmm.default, _ATEN.baddbmm.default),
    *((_FUSED.default, _FUSED.binary) if _FUSED is not None else ()),
)
"""The operators that are matrix products, forward and backward, and in the update of Muon."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How long each operator of some steps took, in their order."""

    durations_ns: tuple[int, ...]

    def draw(self, chance: np.random.Generator) -> int:
        """Give the number of an operator, from 1, each as likely as its share of the time."""
        ends = np.cumsum(self.durations_ns)
        return 1 + int(np.searchsorted(ends, chance.integers(ends[-1]), side="right"))


class Operators(TorchDispatchMode):
    """Sees every operator, and lets something happen after one of them.

    Args:
        now_ns: A clock, to learn durations from; without it each takes a nanosecond an element that it comes to.
        only: The operators that count; all, if empty.
    """

    def __init__(self, now_ns: Callable[[], int] | None = None, only: tuple[Any, ...] = ()) -> None:
        super().__init__()
        self._now_ns = now_ns
        self._only = only
        self._durations_ns: list[int] = []
        self._last_ns = 0 if now_ns is None else now_ns()
        self._due: dict[int, Callable[[Any], object]] = {}
        self._count = 0

    @property
    def profile(self) -> Profile:
        """What was seen so far."""
        return Profile(durations_ns=tuple(self._durations_ns))

    @property
    def is_over(self) -> bool:
        """Whether all that was to happen has happened."""
        return not self._due

    def after(self, operator: int, happens: Callable[[Any], object]) -> None:
        """Let something happen after an operator.

        Args:
            operator: Its number, counted from 1 for the next one.
            happens: It is given what the operator came to; if it returns False, it is tried again after the next at
                which nothing else is due.
        """
        self._due[self._count + operator] = happens

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count one."""
        result = func(*args, **(kwargs or {}))
        if self._only and func not in self._only:
            return result
        self._count += 1
        if self._now_ns is None:
            told = outcome(result)
            self._durations_ns.append(1 if told is None else told.numel())
        else:
            now_ns = self._now_ns()
            self._durations_ns.append(max(now_ns - self._last_ns, 1))
            self._last_ns = now_ns
        happens = self._due.pop(self._count, None)
        if happens is not None and happens(result) is False:
            # Something else may be due at the next.
            free = self._count + 1
            while free in self._due:
                free += 1
            self._due[free] = happens
        return result


def outcome(result: Any) -> Tensor | None:
    """Give the first numbers that an operator came to, or None if it came to none that lie together in memory."""
    for each in result if isinstance(result, tuple | list) else (result,):
        if isinstance(each, Tensor) and each.is_floating_point() and each.numel() and each.is_contiguous():
            return each
    return None
