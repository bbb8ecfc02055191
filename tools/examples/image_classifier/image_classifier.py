"""Retrain an image classifier on board, on the images that came up in the package.

The images are in ``images.safetensors`` beside this file: ``images`` (N, H, W) in octets and ``labels`` (N). The last
fifth of them is validated on. Everything that decides the future is in State: weights, momentum, the generator that
draws batches, and the step.

Shapes: B images in a batch, H by W pixels, C classes.
"""

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the name that everyone who reads torch code expects

from flight.jobs.package.protocol import Order, State, StepReport

BATCH = 32
LEARNING_RATE = 0.05
MOMENTUM = 0.9


class Classifier:
    """Two convolutions and a linear layer, trained by momentum; a job by `flight.jobs.package.protocol.Job`."""

    def __init__(self, order: Order) -> None:
        data = load_file(order.directory / "images.safetensors")
        images_NHW, self._labels_N = data["images"].float() / 255, data["labels"].long()
        self._images_N1HW = images_NHW.unsqueeze(1)
        self._train = len(images_NHW) * 4 // 5
        self._generator = torch.Generator().manual_seed(order.seed)
        self._step = 0
        _, height, width = images_NHW.shape
        classes = int(self._labels_N.max()) + 1
        self._model = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * (height // 4) * (width // 4), classes),
        )
        with torch.no_grad():  # From a generator of its own: what others drew before says nothing here.
            for weight in self._model.parameters():
                fan_in = weight[0].numel() if weight.dim() > 1 else weight.numel()
                weight.uniform_(-(fan_in**-0.5), fan_in**-0.5, generator=self._generator)
        self._momenta = {name: torch.zeros_like(weight) for name, weight in self._model.named_parameters()}

    def state(self) -> State:
        """Give everything that decides the future."""
        weights = {f"model/{name}": weight.detach() for name, weight in self._model.named_parameters()}
        momenta = {f"momentum/{name}": each for name, each in self._momenta.items()}
        octets = {"batches": bytes(self._generator.get_state().tolist()), "step": self._step.to_bytes(8, "little")}
        return State(tensors={**weights, **momenta}, octets=octets)

    def load(self, state: State) -> None:
        """Go on from a state."""
        with torch.no_grad():
            for name, weight in self._model.named_parameters():
                weight.copy_(state.tensors[f"model/{name}"])
                self._momenta[name].copy_(state.tensors[f"momentum/{name}"])
        self._generator.set_state(torch.tensor(list(state.octets["batches"]), dtype=torch.uint8))
        self._step = int.from_bytes(state.octets["step"], "little")

    def step(self) -> StepReport:
        """Train on one batch."""
        chosen_B = torch.randint(self._train, (BATCH,), generator=self._generator)
        loss = self._loss(self._images_N1HW[chosen_B], self._labels_N[chosen_B])
        self._model.zero_grad()
        loss.backward()
        squares = 0.0
        with torch.no_grad():
            for name, weight in self._model.named_parameters():
                assert weight.grad is not None
                squares += weight.grad.square().sum().item()
                self._momenta[name].mul_(MOMENTUM).add_(weight.grad)
                weight.sub_(self._momenta[name], alpha=LEARNING_RATE)
        self._step += 1
        return StepReport(step=self._step, loss=loss.item(), gradient_norm=squares**0.5, learning_rate=LEARNING_RATE)

    def evaluate(self) -> float:
        """Give the mean loss on the images that are never trained on."""
        with torch.no_grad():
            return self._loss(self._images_N1HW[self._train :], self._labels_N[self._train :]).item()

    def sample(self) -> str:
        """Say how many of those it knows."""
        with torch.no_grad():
            found_B = self._model(self._images_N1HW[self._train :]).argmax(dim=1)
        right = int((found_B == self._labels_N[self._train :]).sum())
        return f"{right} of {len(found_B)} images known"

    def _loss(self, images_B1HW: Tensor, labels_B: Tensor) -> Tensor:
        return F.cross_entropy(self._model(images_B1HW), labels_B)
