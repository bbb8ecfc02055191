"""A training job that several processes do together, each on its share of the same batches. It is the same job at each.

`ReplicatedJob` is `DistributedDataParallel`: every rank has all of State, and gradients are averaged. That all have the
same State is compared at each checkpoint. `ShardedJob` is FSDP2 (``fully_shard``): every rank has a share of State,
which is brought together for a checkpoint. Only dropout differs from rank to rank: each has a generator of its own.

Another number of ranks sums in another order; it is in the exactness key.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from typing import cast

import torch
import xxhash
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.nn.parallel import DistributedDataParallel

from flight.jobs.blocks import MOMENTS
from flight.jobs.compute_device import HOST
from flight.jobs.group import Ranks
from flight.jobs.guard.finding import LostError
from flight.jobs.memory import memory_of
from flight.jobs.model import GPT
from flight.jobs.optimizer import EPSILON, AdamW, Witness
from flight.jobs.recipe import Parallel, Recipe, TrainingRecipe
from flight.jobs.state import State, tensor_octets
from flight.jobs.swift_model import SwiftModel
from flight.jobs.train import MODEL, NOISE, OPTIMIZER, Batch, TrainJob, generator_of


class GroupJob(TrainJob, ABC):
    """What every rank's part of a job has.

    Args:
        recipe: As in `TrainJob`; the batch is a multiple of the ranks.
        text: As in `TrainJob`.
        seed: As in `TrainJob`.
        ranks: The processes that do it.
    """

    def __init__(self, recipe: Recipe, text: str, seed: int, ranks: Ranks) -> None:
        self._ranks = ranks
        self._others: dict[str, bytes] = {}
        super().__init__(recipe, text, seed)
        self.ranks = ranks.size
        self._noise = generator_of(seed, _noise_of(ranks.rank).removeprefix("random/")).get_state()

    def draw_batch(self) -> Batch:
        """Draw the whole batch, as every rank does, and take this rank's share of it."""
        batch = super().draw_batch()
        share = len(batch.tokens_BT) // self._ranks.size
        mine = slice(self._ranks.rank * share, (self._ranks.rank + 1) * share)
        return replace(batch, tokens_BT=batch.tokens_BT[mine], targets_BT=batch.targets_BT[mine])

    def any_rank(self, flag: bool) -> bool:
        """Tell whether any rank says so; all ask."""
        return self._ranks.any(flag)

    def gather(self) -> None:
        """Bring together what `state` and `whole_octets` give; all ranks do.

        Raises:
            LostError: The ranks are not where they should be: something struck one of them.
        """
        own = self.octets()
        digest = xxhash.xxh3_128(repr({**own, NOISE: b""}).encode())
        for tensor in self._replicas():
            digest.update(tensor_octets(tensor))
        shared = digest.digest()
        found = self._ranks.collect(shared + own[NOISE])
        for rank, octets in enumerate(found):
            if octets[: len(shared)] != shared:
                raise LostError(
                    f"step {self.steps_done}: expected the same State at every rank, found two: rank {rank}"
                )
        self._others = {_noise_of(rank): octets[len(shared) :] for rank, octets in enumerate(found)}

    def whole_octets(self) -> dict[str, bytes]:
        """Give the octets of all ranks, as of the last `gather`."""
        return {**self.octets(), **self._others}

    def state(self) -> State:
        """Give everything that decides the future, of all ranks; all ask."""
        self.gather()
        return super().state()

    def load(self, state: State) -> None:
        """Go on from a state of all ranks; all do. See `TrainJob.load`."""
        super().load(state)
        self.load_octets({**state.octets, NOISE: state.octets[_noise_of(self._ranks.rank)]})

    @abstractmethod
    def _replicas(self) -> Iterable[Tensor]:
        """Give the tensors that every rank has the same of."""

    def _mean(self, loss: Tensor) -> float:
        return self._ranks.mean(loss)


class ReplicatedJob(GroupJob):
    """Every rank has the whole model."""

    def _lay_out(self) -> AdamW:
        optimizer = super()._lay_out()
        # Looking for unused parameters finds none, and keeps the buckets as they are: else they are cut anew after the
        # first step of a process, so that a job which went on from a checkpoint would sum in another order.
        self._replica = DistributedDataParallel(_Loss(self.model), find_unused_parameters=True)
        return optimizer

    def _loss(self, batch: Batch) -> Tensor:
        return self._replica(batch.tokens_BT, batch.targets_BT)

    def _replicas(self) -> Iterable[Tensor]:
        return (block.rows_RN for block in self.optimizer.blocks)


class ShardedJob(GroupJob):
    """Every rank has a share of every weight, gradient and moment."""

    def _lay_out(self) -> AdamW:
        assert isinstance(self.model, GPT)  # The recipe was checked.
        for block in self.model.blocks:
            fully_shard(block)
        fully_shard(self.model)
        self._optimizer = _ShardedAdamW(self.model, self.recipe.training)
        self._whole = {name: torch.empty(shard.shape) for name, shard in self._shards().items()}
        return self._optimizer

    def gather(self) -> None:
        """Bring all shares together; all ranks do."""
        for name, shard in self._shards().items():
            self._whole[name].copy_(shard.full_tensor())
        super().gather()

    def weights(self) -> dict[str, Tensor]:
        """Give the weights by name, brought together; all ranks ask."""
        for name, shard in self._shards().items():
            if name.startswith(MODEL):
                self._whole[name].copy_(shard.full_tensor())
        return {name.removeprefix(MODEL): each for name, each in self._whole.items() if name.startswith(MODEL)}

    def state(self) -> State:
        """Give everything that decides the future, of all ranks, as of now; all ask."""
        self.gather()
        return State(tensors=self._whole, octets=self.whole_octets())

    def load(self, state: State) -> None:
        """Go on from a state of all ranks; all do. See `TrainJob.load`."""
        super().load(state)
        with torch.no_grad():
            for name, shard in self._shards().items():
                # Every rank has read all of it: nothing is sent.
                shard.copy_(
                    distribute_tensor(self._whole[name], shard.device_mesh, shard.placements, src_data_rank=None)
                )

    def _replicas(self) -> Iterable[Tensor]:
        return self._whole.values()

    def _shards(self) -> dict[str, DTensor]:
        shards: dict[str, DTensor] = {}
        cast(FSDPModule, self.model).reshard()  # An evaluation leaves the last of them together.
        for name, parameter in self.model.named_parameters():
            assert isinstance(parameter, DTensor)  # All were sharded.
            shards[MODEL + name] = cast(DTensor, parameter.detach())
            shards |= {f"{OPTIMIZER}{name}/{kind}": each for kind, each in self._optimizer.moments(parameter).items()}
        return shards


def make_job(recipe: Recipe, text: str, seed: int, ranks: Ranks) -> GroupJob:
    """Make this rank's part of a job, as its recipe says."""
    match recipe.devices.parallel:
        case Parallel.DDP:
            return ReplicatedJob(recipe, text, seed, ranks)
        case Parallel.FSDP2:
            return ShardedJob(recipe, text, seed, ranks)


class _Loss(nn.Module):
    """The loss as a module: `DistributedDataParallel` looks after what is called, and nothing else."""

    def __init__(self, model: GPT | SwiftModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens_BT: Tensor, targets_BT: Tensor) -> Tensor:
        return self.model.loss(tokens_BT, targets_BT)


class _ShardedAdamW(AdamW):
    """torch's own AdamW on shards, which cannot lie in blocks: nobody is their witness."""

    def __init__(self, model: nn.Module, training: TrainingRecipe) -> None:
        self.blocks = ()
        self.device, self.memory = HOST, memory_of(HOST)
        self._parameters = parameters = list(model.parameters())
        self._gradient_norm_max = training.gradient_norm_max
        groups = [
            {"params": [each for each in parameters if each.dim() >= 2], "weight_decay": training.weight_decay},
            {"params": [each for each in parameters if each.dim() < 2], "weight_decay": 0.0},
        ]
        betas = (training.beta1, training.beta2)
        self._adamw = torch.optim.AdamW(groups, lr=0.0, betas=betas, eps=EPSILON, fused=True)
        for each in parameters:
            self._adamw.state[each] = {"step": torch.zeros(()), **{kind: torch.zeros_like(each) for kind in MOMENTS}}

    def gather(self, witness: Witness | None = None) -> Tensor:
        """Shorten the gradients, and leave them with their parameters."""
        return torch.nn.utils.clip_grad_norm_(self._parameters, self._gradient_norm_max)

    def update(
        self,
        steps_done: int,
        learning_rate: float,
        gradient_norm: float,
        witness: Witness | None = None,
        *,
        twice: bool = False,
    ) -> None:
        """Move the weights against their gradients; nobody watches (see `flight.jobs.recipe`)."""
        assert witness is None and not twice
        for state in self._adamw.state.values():
            state["step"].fill_(float(steps_done))
        for group in self._adamw.param_groups:
            group["lr"] = learning_rate
        self._adamw.step()

    def moments(self, parameter: nn.Parameter) -> dict[str, DTensor]:
        """Give the moments of a parameter by name."""
        return {kind: self._adamw.state[parameter][kind] for kind in MOMENTS}


def _noise_of(rank: int) -> str:
    return f"{NOISE}/{rank}" if rank else NOISE
