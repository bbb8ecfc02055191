"""The training job: a model, a text, and the loop that makes one fit the other. It never touches a file or a clock.

A job is an object: `TrainJob.state`, `TrainJob.load`, `TrainJob.step`. Nothing that decides its future lives outside
its State: weights, the optimiser's moments, the generators that draw batches and dropout, and the step, which gives the
learning rate. Where training is in the text is the batch generator's state where windows are drawn at random, and the
step where they are blocks (`flight.jobs.block_order`).

Shapes: B windows in a batch, T positions in a window, V characters in the vocabulary.
"""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
import xxhash
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name that everyone who reads torch code expects

from ccsds.errors import MalformedError, MisuseError
from flight.jobs.block_order import ORDER_KEY_OCTETS, BlockOrder
from flight.jobs.compute_device import HOST, default_generator, prepare_torch
from flight.jobs.dataset import Dataset
from flight.jobs.model import GPT, Shape
from flight.jobs.muon import Muon
from flight.jobs.ngram_counts import NgramCounts
from flight.jobs.optimizer import AdamW, Witness
from flight.jobs.recipe import SAMPLE_CHARACTERS_MAX, Recipe
from flight.jobs.row_rms import MEAN_SQUARE, NAME
from flight.jobs.schedule import learning_rate
from flight.jobs.state import State, tensor_octets, weights_sha256
from flight.jobs.swift_model import SwiftModel
from flight.jobs.swift_recipe import COUNTED_TEXT, Order

# Enough windows to keep the matrix units busy, few enough that a layer's activations stay in a core's cache.
EVALUATION_TOKENS_MAX = 2_048

MODEL, OPTIMIZER = "model/", "optimizer/"
_BATCHES, _BLOCKS, NOISE, _STEP = "random/batches", "random/blocks", "random/noise", "step"
_STEP_OCTETS = 8


@dataclass(frozen=True, kw_only=True)
class StepReport:
    """What one step did."""

    step: int
    """Steps done by now."""
    loss: float
    """Of its batch, before the update, in nats a token."""
    gradient_norm: float
    """Before it was shortened."""
    learning_rate: float


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one step trains on."""

    tokens_BT: Tensor
    targets_BT: Tensor
    """The token after each."""


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one way forward and backward came to, beside the gradients."""

    report: StepReport
    noise: Tensor
    """State of the dropout generator after it."""


class TrainJob:
    """One training run.

    Making one sets what torch keeps for the whole process: the number of threads, and that only deterministic
    algorithms are used. Jobs of one process therefore share a number of threads.

    Args:
        recipe: What to do.
        text: The corpus, or what was made of it; one part is trained on, the other validated on, as the recipe says.
        seed: Of every random choice.

    Raises:
        MisuseError: The text is too short for the recipe, or its device is not here.
    """

    def __init__(self, recipe: Recipe, text: str | Dataset, seed: int) -> None:
        self.device = prepare_torch(recipe.execution)
        """Where weights, batches and gradients are. What is drawn is drawn by the processor, but for dropout."""
        self.recipe = recipe
        dataset = Dataset.of(recipe, text) if isinstance(text, str) else text
        self._codec = dataset.vocabulary
        self.vocabulary, self.merges = self._codec.tokens, self._codec.merges
        self.train_tokens, self.validation_tokens = dataset.train_N, dataset.validation_N
        self._check_lengths()

        self._seed = seed
        self._step = 0
        self._batch_generator = generator_of(seed, "batches")
        self._noise = generator_of(seed, "noise", self.device).get_state()
        model = recipe.model
        shape = Shape(
            vocabulary=len(self.vocabulary),
            context=model.context,
            layers=model.layers,
            heads=model.heads,
            width=model.width,
            dropout=model.dropout,
        )
        self._order: BlockOrder | None = None
        if recipe.order is Order.BLOCKS:
            key = _digest_of(seed, "blocks")[:ORDER_KEY_OCTETS]
            self._order = BlockOrder(key, len(self.train_tokens), model.context, recipe.training.batch)
        weights = generator_of(seed, "weights")
        if recipe.swift is not None:
            self.model = SwiftModel(shape, recipe.swift, weights, recipe.ngram)
            if recipe.counts is not None:
                self.model.counts = NgramCounts(self.train_tokens, shape.vocabulary, recipe.counts)
        else:
            self.model = GPT(shape, weights)
        self.model.to(self.device)
        self.optimizer = self._lay_out()
        self._borrower: Callable[[], object] | None = None

    # The loop.

    def step(self) -> StepReport:
        """Train on one batch.

        Raises:
            FloatingPointError: The loss or the gradient is not finite; nothing was updated.
        """
        passed = self.run_pass(self.draw_batch())
        self.update(passed)
        return passed.report

    def draw_batch(self) -> Batch:
        """Draw the windows of the next step, which moves the batch generator on where they are drawn at random."""
        T, B = self.recipe.model.context, self.recipe.training.batch
        if self._order is not None:
            starts_B = self._order.starts(self._step)
        else:
            highest = len(self.train_tokens) - T
            starts_B = torch.randint(highest, (B,), generator=self._batch_generator, device=HOST)
        places_BT1 = starts_B.unsqueeze(1) + torch.arange(T + 1, device=HOST)
        windows_BT1 = self.train_tokens[places_BT1].long().to(self.device)  # (B, T + 1)
        return Batch(tokens_BT=windows_BT1[:, :-1], targets_BT=windows_BT1[:, 1:])

    def run_pass(self, batch: Batch, witness: Witness | None = None) -> Pass:
        """Go forward and backward through the model; State stays as it is, and doing it again gives the same.

        The gradients are with the optimiser.

        Args:
            batch: What to learn from.
            witness: Who takes note of the gradients, or nobody.
        """
        for parameter in self.model.parameters():
            parameter.grad = None  # A pass that was broken off may have left some.
        generator = default_generator(self.device)  # Dropout draws from it: it is lent for this pass.
        others = generator.get_state()
        generator.set_state(self._noise)
        try:
            if self.optimizer.rows is not None:
                self.optimizer.rows.touch(batch.tokens_BT, witness.rows if witness is not None else None)
            loss = self._loss(batch)
            loss.backward()
            noise = generator.get_state()
        finally:
            generator.set_state(others)
        norm = self.optimizer.gather(witness)
        report = StepReport(
            step=self._step + 1,
            loss=self._mean(loss),
            gradient_norm=norm.item(),
            learning_rate=learning_rate(self.recipe, self._step),
        )
        return Pass(report=report, noise=noise)

    def update(self, passed: Pass, witness: Witness | None = None, *, twice: bool = False) -> None:
        """Take the gradients of a pass into the weights.

        Args:
            passed: The pass.
            witness: Who verifies State as the optimiser reads it and takes note of it as it is written, or nobody.
            twice: Whether to do the update twice and compare, with a witness.

        Raises:
            FloatingPointError: The loss or the gradient is not finite; nothing was updated.
            flight.jobs.guard.finding.StruckError: State was changed by nobody, or the update did not come out twice.
        """
        report = passed.report
        if not (math.isfinite(report.loss) and math.isfinite(report.gradient_norm)):
            raise FloatingPointError(
                f"training diverged at step {report.step}: expected a finite loss and gradient, "
                f"found {report.loss} and {report.gradient_norm}"
            )
        self.take_back()
        self.optimizer.update(self._step, report.learning_rate, report.gradient_norm, witness, twice=twice)
        self._noise = passed.noise
        self._step += 1

    def evaluate(self) -> float:
        """Give the mean loss over the whole validation split, in nats a token.

        The split is cut into windows that do not overlap, the last one as short as it comes, so that every character
        but the first is predicted once.
        """
        total_nats = 0.0
        self.model.eval()
        with torch.no_grad():
            for tokens_BT, targets_BT in self._validation_windows():
                loss = self.model.loss(tokens_BT.to(self.device), targets_BT.to(self.device))
                total_nats += loss.item() * targets_BT.numel()
        self.model.train()
        return total_nats / (len(self.validation_tokens) - 1)

    def sample(self, prompt: str | None = None, length_characters: int | None = None) -> str:
        """Let the model write; the same weights, seed and prompt give the same text, and training is not touched.

        Args:
            prompt: What it goes on from, the recipe's if None; characters outside the vocabulary are left out.
            length_characters: How much, as the recipe says if None.

        Returns:
            What it wrote, without the prompt.

        Raises:
            MisuseError: That is more than a sample report holds.
        """
        recipe = self.recipe.sample
        length = recipe.length_characters if length_characters is None else length_characters
        if not 1 <= length <= SAMPLE_CHARACTERS_MAX:
            raise MisuseError(f"sample: expected 1 to {SAMPLE_CHARACTERS_MAX} characters, found {length}")
        generator = generator_of(self._seed, "sample")
        prompt = recipe.prompt if prompt is None else prompt
        known = torch.from_numpy(self._codec.encode(prompt)).long()
        tokens_1T = (known if len(known) else torch.zeros(1, dtype=torch.long, device=HOST)).unsqueeze(0)
        start = tokens_1T.shape[1]
        self.model.eval()
        with torch.no_grad():
            for _ in range(length):
                logits_1TV = self.model(tokens_1T[:, -self.recipe.model.context :].to(self.device))
                chances_1V = F.softmax(logits_1TV[:, -1] / recipe.temperature, dim=-1).to(HOST)
                next_11 = torch.multinomial(chances_1V, 1, generator=generator)
                tokens_1T = torch.cat((tokens_1T, next_11), dim=1)
        self.model.train()
        return self._codec.decode(tokens_1T[0, start:].tolist())

    # What a job of several processes does in another way: see `flight.jobs.group_job`.

    ranks = 1
    """Processes that do it."""

    def any_rank(self, flag: bool) -> bool:
        """Tell whether any process says so."""
        return flag

    def gather(self) -> None:
        """Bring together what `state` and `whole_octets` give; one process has all of it at any time."""

    def whole_octets(self) -> dict[str, bytes]:
        """Give `octets`, with those of the other processes as of the last `gather`."""
        return self.octets()

    def _lay_out(self) -> AdamW:
        """Make the optimiser, which decides where the model lies in memory."""
        if self.recipe.muon is not None:
            assert isinstance(self.model, SwiftModel)  # The recipe was checked.
            return Muon(self.model, self.recipe.training, self.recipe.muon, self.recipe.ngram)
        return AdamW(self.model, self.recipe.training)

    def _loss(self, batch: Batch) -> Tensor:
        return self.model.loss(batch.tokens_BT, batch.targets_BT)

    def _mean(self, loss: Tensor) -> float:
        """Give the mean of the losses of all processes."""
        return loss.item()

    # What it is.

    @property
    def steps_done(self) -> int:
        """Steps done."""
        return self._step

    @property
    def draws_batches(self) -> bool:
        """Whether a generator is moved on for each batch; in the order of blocks the step alone says what is next."""
        return self._order is None

    @property
    def tokens_per_step(self) -> int:
        """Tokens that a step trains on."""
        return self.recipe.training.batch * self.recipe.model.context

    def data_digest(self) -> bytes:
        """Digest what is trained on, validated on and counted, as it lies in memory."""
        digest = xxhash.xxh3_128(tensor_octets(self.train_tokens))
        digest.update(tensor_octets(self.validation_tokens))
        if isinstance(self.model, SwiftModel) and self.model.counts is not None:
            for counted in self.model.counts.tensors().values():
                digest.update(tensor_octets(counted))
        return digest.digest()

    def constants(self) -> dict[str, Tensor]:
        """Give by name what the model computes by and nothing changes: the angles of positions, a mask."""
        return dict(self.model.named_buffers())

    def constants_digest(self) -> bytes:
        """Digest the constants, as they lie in memory."""
        digest = xxhash.xxh3_128()
        for constant in self.constants().values():
            digest.update(tensor_octets(constant.to(HOST)))
        return digest.digest()

    def weights(self) -> dict[str, Tensor]:
        """Give the weights by name; they are the job's own."""
        return {name: weight.detach() for name, weight in self.model.named_parameters()}

    def beside_weights(self) -> dict[str, Tensor]:
        """Give by name what the model predicts by beside its weights: the training text, if it is counted."""
        if self.recipe.counts is None:
            return {}
        return {COUNTED_TEXT: self.train_tokens.to(torch.uint8 if len(self.vocabulary) <= 256 else torch.int32)}

    def weights_sha256(self) -> str:
        """Digest the weights (see `flight.jobs.state.weights_sha256`)."""
        return weights_sha256(self.weights())

    def state(self) -> State:
        """Give everything that decides the future; the tensors are the job's own, not copies."""
        tensors = {MODEL + name: weight for name, weight in self.weights().items()}
        for block in self.optimizer.blocks:
            for name, moments in zip(block.parameters, block.moments, strict=True):
                tensors |= {f"{OPTIMIZER}{name}/{kind}": each for kind, each in zip(block.kinds, moments, strict=True)}
        if self.optimizer.rows is not None:
            tensors[f"{OPTIMIZER}{NAME}/{MEAN_SQUARE}"] = self.optimizer.rows.squares_R
        return State(tensors=tensors, octets=self.whole_octets())

    def octets(self) -> dict[str, bytes]:
        """Give the part of State that is not tensors: generators and step."""
        octets = {
            _BATCHES: _generator_octets(self._batch_generator.get_state()),
            NOISE: _generator_octets(self._noise),
            _STEP: self._step.to_bytes(_STEP_OCTETS, "little"),
        }
        return octets if self._order is None else {**octets, _BLOCKS: self._order.key}

    def load(self, state: State) -> None:
        """Go on from a state. All of it is checked before any of it is taken.

        The values are copied into the tensors that the job has: where a tensor lies in memory can change how a matrix
        library sums, so a state that was read from a file must not bring its own memory.

        Raises:
            MalformedError: It is not a state of this job: a name, dtype or shape differs, and which.
        """
        own = self.state()
        _check_alike(own, state)
        for name, device in ((_BATCHES, HOST), (NOISE, self.device)):
            _generator_state(name, state.octets[name], device)
        self.take_back()
        with torch.no_grad():
            for name, tensor in own.tensors.items():
                tensor.copy_(state.tensors[name])
        self.load_octets(state.octets)
        for parameter in self.model.parameters():
            parameter.grad = None

    def lend(self, copied: Callable[[], object]) -> None:
        """Let somebody copy the tensors of State beside the next pass, which does not change them.

        Args:
            copied: Returns once they are copied; it is called before any of them is changed.
        """
        self.take_back()
        self._borrower = copied

    def take_back(self) -> None:
        """Wait until nobody copies the tensors any more."""
        if self._borrower is not None:
            self._borrower()
            self._borrower = None

    @staticmethod
    def is_only_drawn(before: Mapping[str, bytes], drawn: Mapping[str, bytes]) -> bool:
        """Tell whether drawing a batch is all that can have changed `octets`."""
        return {**before, _BATCHES: b""} == {**drawn, _BATCHES: b""}

    def octets_after(self, drawn: Mapping[str, bytes], passed: Pass) -> dict[str, bytes]:
        """Give what `octets` must be after an update.

        Args:
            drawn: What they were once the batch was drawn.
            passed: The pass over that batch.
        """
        step = int.from_bytes(drawn[_STEP], "little") + 1
        return {
            **drawn,
            NOISE: _generator_octets(passed.noise),
            _STEP: step.to_bytes(_STEP_OCTETS, "little"),
        }

    def load_octets(self, octets: Mapping[str, bytes]) -> None:
        """Take generators and step from what `octets` gave.

        Raises:
            MalformedError: One is not the state of a generator.
        """
        self._batch_generator.set_state(_generator_state(_BATCHES, octets[_BATCHES], HOST))
        self._noise = _generator_state(NOISE, octets[NOISE], self.device)
        self._step = int.from_bytes(octets[_STEP], "little")
        if self._order is not None:
            self._order.key = octets[_BLOCKS]

    # Data.

    def _check_lengths(self) -> None:
        context = self.recipe.model.context
        for name, tokens, needed in (
            ("training", self.train_tokens, context + 1),
            ("validation", self.validation_tokens, 2),
        ):
            if len(tokens) < needed:
                raise MisuseError(
                    f"corpus: expected at least {needed} characters in the {name} split, found {len(tokens)}"
                )

    def _validation_windows(self) -> Iterator[tuple[Tensor, Tensor]]:
        tokens, T = self.validation_tokens.long(), self.recipe.model.context
        count = (len(tokens) - 1) // T
        inputs_NT, targets_NT = tokens[: count * T].view(count, T), tokens[1 : count * T + 1].view(count, T)
        windows = max(EVALUATION_TOKENS_MAX // T, 1)
        for first in range(0, count, windows):
            yield inputs_NT[first : first + windows], targets_NT[first : first + windows]
        rest = tokens[count * T :].unsqueeze(0)
        if rest.shape[1] > 1:
            yield rest[:, :-1], rest[:, 1:]


def generator_of(seed: int, purpose: str, device: torch.device = HOST) -> torch.Generator:
    """Make a generator of its own for each purpose, so that drawing for one does not shift another."""
    return torch.Generator(device).manual_seed(int.from_bytes(_digest_of(seed, purpose)[:8], "little") >> 1)


def _digest_of(seed: int, purpose: str) -> bytes:
    return hashlib.sha256(f"{seed}/{purpose}".encode()).digest()


def _generator_octets(state: Tensor) -> bytes:
    return state.numpy().tobytes()


def _generator_state(name: str, octets: bytes, device: torch.device) -> Tensor:
    state = torch.frombuffer(bytearray(octets), dtype=torch.uint8)
    try:
        torch.Generator(device).set_state(state)
    except RuntimeError as error:
        raise MalformedError(f"state {name!r}: expected the state of a generator: {error}") from None
    return state


def _check_alike(own: State, other: State) -> None:
    for kind, mine, theirs in (("tensors", own.tensors, other.tensors), ("octets", own.octets, other.octets)):
        if mine.keys() != theirs.keys():
            missing, foreign = sorted(mine.keys() - theirs.keys())[:3], sorted(theirs.keys() - mine.keys())[:3]
            raise MalformedError(f"state: expected the {kind} of this job, missing {missing}, foreign {foreign}")
    for name, tensor in own.tensors.items():
        found = other.tensors[name]
        if (found.dtype, found.shape) != (tensor.dtype, tensor.shape):
            expected = f"{tensor.dtype} {tuple(tensor.shape)}"
            raise MalformedError(f"state {name!r}: expected {expected}, found {found.dtype} {tuple(found.shape)}")
    for name, octets in own.octets.items():
        if len(other.octets[name]) != len(octets):
            raise MalformedError(f"state {name!r}: expected {len(octets)} octets, found {len(other.octets[name])}")
