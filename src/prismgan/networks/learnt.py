"""What all feature networks share: they are frozen, and remember what they have just seen."""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

__all__ = ["LearntFeatures"]


class LearntFeatures(nn.Module, ABC):
    """A network that was trained on pictures, frozen: images to the maps of some of its layers.

    Several losses ask for the features of one output, and several tasks for those of one photo. So a frozen network
    remembers the maps of the last three tensors it was called with; see :class:`_Memory`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._memory = _Memory()

    @abstractmethod
    def maps(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]:
        """The maps, computed."""

    def forward(self, images: Float[Tensor, "B 3 H W"]) -> list[Float[Tensor, "B C h w"]]:
        """One map per level, finest first, of images in [-1, 1]; levels that an image is too small for are left out.

        The caller's autocast decides the precision. Whoever calls again with the same tensor may get the same maps,
        so they are not to be changed in place.
        """
        learns = any(parameter.requires_grad for parameter in self.parameters())
        return self.maps(images) if learns else self._memory.recall(images, self.maps)

    def frozen(self) -> LearntFeatures:
        """Itself, ready to be used in a loss: nothing learns, in the memory layout that convolutions are fast in."""
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self.eval().requires_grad_(False)


class _Memory:
    """What a function made of the last three tensors it was given: a step's photo outlasts a look at two scales.

    A result is given out again for the same tensor object, if that was not changed in place since and if gradients and
    autocast are switched as they were. Once a gradient flows back through a result it is forgotten: its graph may have
    been freed. So graphs live no longer than their backward pass, or, without one, than three further calls.
    """

    SIZE = 3

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def __deepcopy__(self, memo: object) -> _Memory:
        return _Memory()  # tensors with a graph cannot be copied, and a copy has no use for them

    def __reduce__(self) -> tuple[type[_Memory], tuple[()]]:
        return _Memory, ()

    def recall(self, key: Tensor, make: Callable[[Tensor], list[Tensor]]) -> list[Tensor]:
        """``make(key)``, or what that was before."""
        if key.is_inference():  # such tensors do not count their changes
            return make(key)
        kind = key.device.type
        state = (
            torch.is_grad_enabled(),
            key.requires_grad,
            torch.is_autocast_enabled(kind),
            torch.get_autocast_dtype(kind),
        )
        for entry in self._entries:
            if entry.key is key and entry.version == key._version and entry.state == state:
                self._entries.remove(entry)
                self._entries.append(entry)
                return list(entry.made)
        entry = _Entry(key, key._version, state, make(key))
        self._entries = [*self._entries[1 - self.SIZE :], entry]
        memory, made = weakref.ref(self), weakref.ref(entry)

        def forget(_: Tensor) -> None:
            alive = memory()
            if alive is not None:
                alive._entries = [other for other in alive._entries if other is not made()]

        for result in entry.made:
            if result.requires_grad:
                result.register_hook(forget)
        return list(entry.made)


@dataclass(frozen=True, eq=False)
class _Entry:
    key: Tensor
    version: int
    state: tuple[object, ...]
    made: list[Tensor]
