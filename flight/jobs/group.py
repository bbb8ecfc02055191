"""The processes that do one job together, as one of them sees the others: torch.distributed, with a bound on each wait.

There are two process groups. One is for the arithmetic: whoever waits in it longer than `SILENCE_S_MAX` waits for a
rank that is gone, and gives up. The other is for requests, which come when the engine pleases.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

import torch
import torch.distributed as dist
from torch import Tensor

from flight.jobs.messages import Failed, FailureKind, Reply, Request, encode

# Also the longest that ranks look for each other at the start: each has torch and a corpus to read before. A rank that
# is this late is gone or stopped; the engine may have found out before.
SILENCE_S_MAX = 120

# Between two requests a job may stand still for as long as the engine likes; it ends with the process, not with time.
REQUEST_WAIT = timedelta(days=365)


class Ranks:
    """One rank's view of all.

    Joining waits for the others; `leave` undoes it.

    Raises:
        RuntimeError: They did not come within `SILENCE_S_MAX`.
    """

    def __init__(self) -> None:
        # Without a backend torch takes gloo for what is on a processor, and nccl for what is on a GPU.
        if not dist.is_initialized():
            dist.init_process_group(timeout=timedelta(seconds=SILENCE_S_MAX))
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._requests = cast(dist.ProcessGroup, dist.new_group(backend="gloo", timeout=REQUEST_WAIT))

    def share(self, request: Request | None) -> Request | None:
        """Give rank 0's request to all; None ends their work.

        Args:
            request: What rank 0 has; the others say None.
        """
        shared = [request]
        dist.broadcast_object_list(shared, src=0, group=self._requests)
        return shared[0]

    def agree(self, reply: Reply) -> Reply:
        """Compare what the ranks answer, which is the same unless something struck one of them."""
        replies: list[Reply] = [reply] * self.size
        dist.all_gather_object(replies, reply, group=self._requests)
        return agreed(replies)

    def collect(self, own: bytes) -> list[bytes]:
        """Give what each rank has, in their order."""
        all_ranks = [own] * self.size
        dist.all_gather_object(all_ranks, own)
        return all_ranks

    def any(self, flag: bool) -> bool:
        """Tell whether any rank says so."""
        flags = torch.tensor([flag], dtype=torch.int32)
        dist.all_reduce(flags, dist.ReduceOp.MAX)
        return bool(flags.item())

    def mean(self, value: Tensor) -> float:
        """Give the mean of a value over the ranks, the same bits to all."""
        mean = value.detach().clone()
        dist.all_reduce(mean)
        return mean.item() / self.size

    def leave(self) -> None:
        """Take leave of the others, who do the same."""
        dist.destroy_process_group()


def agreed(replies: Sequence[Reply]) -> Reply:
    """Give what all ranks answer; if they differ, a failure is told before a difference.

    Args:
        replies: In the order of the ranks.
    """
    for reply in replies:
        if isinstance(reply, Failed):
            return reply
    for rank, reply in enumerate(replies):
        if encode(reply) != encode(replies[0]):
            kind = type(reply).__name__
            return Failed(f"{kind}: expected the same from every rank, found rank {rank} to differ", FailureKind.LOST)
    return replies[0]
