"""Room in memory for one copy of a State, made once, so that taking the copy is all that there is to wait for.

The copy is in the memory of the processor, wherever State is: it is digested and written from there.
"""

import torch
from torch import Tensor

from flight.jobs.compute_device import HOST
from flight.jobs.state import State


class StateCopy:
    """A copy of State that can be taken again and again.

    Whole storages are copied, not tensors: where hundreds of tensors share a few blocks of memory, it is a few copies.

    Args:
        state: Of the job; its tensors are the job's own and stay where they are.
    """

    def __init__(self, state: State) -> None:
        wholes = (_whole(tensor) for tensor in state.tensors.values())
        self._sources = {whole.data_ptr(): whole for whole in wholes}
        self._places = {key: _room_for(whole) for key, whole in self._sources.items()}
        self._device = next(iter(self._sources.values())).device
        self._stream = torch.cuda.Stream(self._device) if self._device.type != HOST.type else None
        """In which octets come from another device, beside its work."""
        self._tensors = {name: self.place_of(tensor) for name, tensor in state.tensors.items()}

    def take(self) -> None:
        """Copy the tensors of State as they are now; nothing may change them meanwhile."""
        if self._stream is None:
            self._copy()
            return
        # After what was asked of the device so far: the update of the step before may still be at work there.
        self._stream.wait_stream(torch.cuda.default_stream(self._device))
        with torch.cuda.stream(self._stream):
            self._copy()
        self._stream.synchronize()

    def _copy(self) -> None:
        for key, whole in self._sources.items():
            self._places[key].copy_(whole, non_blocking=True)

    def state(self, octets: dict[str, bytes]) -> State:
        """Give the copy, which stays as it is until the next is taken.

        Args:
            octets: Of State, as they were when it was taken.
        """
        return State(tensors=self._tensors, octets=dict(octets))

    def place_of(self, tensor: Tensor) -> Tensor:
        """Give where the copy of a tensor lies that shares its memory with State."""
        place = self._places[_whole(tensor).data_ptr()]
        return torch.empty(0, dtype=tensor.dtype, device=HOST).set_(
            place.untyped_storage(), tensor.storage_offset(), tensor.shape, tensor.stride()
        )


def _room_for(whole: Tensor) -> Tensor:
    if whole.device.type == HOST.type:
        return whole.clone()  # Not an empty tensor: its pages are there before the first copy is waited for.
    return torch.empty_like(whole, device=HOST, pin_memory=True)


def _whole(tensor: Tensor) -> Tensor:
    """Give all octets of the memory that a tensor is a view of."""
    storage = tensor.untyped_storage()
    return torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(storage, 0, (storage.nbytes(),), (1,))
