"""The masks of one network: what they cover, how they are made and kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.errors import MMGanCompError
from mmgancomp.families.layers import MaskableWeight, convolution_weights

from .allocation import Allocation
from .counts import removed_count
from .criterion import Criterion
from .granularity import Granularity, NofM, build_granularity
from .packed import pack_mask, unpack_mask
from .pruning import global_masks, layer_masks
from .registry import ALLOCATIONS, CRITERIA, build_named

__all__ = ['MaskedNetwork', 'digest_of', 'dims_of']

_ATTRIBUTE = '_mmgancomp_masks'
# A float's zero is all bits clear, so masking is a bitwise "and": exact for
# infinities and NaN too, never a negative zero, and as fast as a product.
_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class MaskedNetwork:
    """Owns the masks of one network and holds its pruned weights at zero.

    The network is not changed in any other way: no wrapper, no buffer, no
    extra ``state_dict`` key, and nothing of ours in its forward pass.

    Example:
        >>> import torch
        >>> from mmgancomp.sparsity import MaskedNetwork
        >>> net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3))
        >>> masked = MaskedNetwork(net)
        >>> masked.prune(density=0.25, criterion='magnitude')
        >>> masked.survivors, int(net[0].weight.count_nonzero())
        (54, 54)

    Args:
        network: Any torch network.
        layers: The weights that masks cover. Defaults to those of every
            convolution, plain and transposed (raw ones under spectral norm).
        granularity: ``'element'``, ``'row'``, ``'kernel'``, ``'filter'`` or
            ``'n:m'``.

    Raises:
        MMGanCompError: If there is nothing to mask.
    """

    def __init__(self,
                 network: nn.Module,
                 layers: Iterable[MaskableWeight] | None = None,
                 granularity: str | Granularity = 'element') -> None:
        if layers is None:
            layers = convolution_weights(network)
        self.layers = list(layers)
        if not self.layers:
            raise MMGanCompError(
                f'{type(network).__name__} has no convolution to mask: '
                'pass the weights as layers=')
        self.granularity = build_granularity(granularity)
        self.network = network
        self.masks: dict[str, Tensor] = {
            name: torch.ones_like(parameter, dtype=torch.bool)
            for name, parameter in self.weights.items()
        }
        self._bits: dict[str, Tensor] = {}
        # Found again by `of`; no module, no buffer: not in the state_dict.
        network.__dict__[_ATTRIBUTE] = self

    @staticmethod
    def of(network: nn.Module) -> MaskedNetwork | None:
        """The masks of this network, or None if it has none."""
        return network.__dict__.get(_ATTRIBUTE)

    def __deepcopy__(self, memo: dict) -> None:
        """A copy of a network has no masks of its own."""

    def __reduce__(self) -> tuple:
        # A network pickled whole leaves its masks behind, for the same
        # reason, and opens without this package.
        return type(None), ()

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        """The covered parameters by name, in layer order."""
        return _named(self.network, self.layers)

    @property
    def maskable(self) -> int:
        """How many weights the masks cover."""
        return sum(mask.numel() for mask in self.masks.values())

    @property
    def survivors(self) -> int:
        """How many of them are kept."""
        return sum(int(m.count_nonzero()) for m in self.masks.values())

    @property
    def density(self) -> float:
        """Kept ÷ maskable."""
        return self.survivors / self.maskable

    def prune(self,
              density: float | None = None,
              criterion: str | Mapping[str, Any] | Criterion = 'magnitude',
              allocation: str | Allocation = 'global',
              source: nn.Module | None = None,
              rounding: str = 'removed') -> None:
        """Shrink the masks to a density and zero what they no longer keep.

        Masks only shrink: a weight that is gone stays gone. The count is
        exact for elements; groups are removed as long as the total does not
        exceed the exact count.

        Args:
            density: Kept share of the maskable weights, in (0, 1]. May be
                left out for an n:m granularity, which has only one.
            criterion: Name, ``dict(type=…)`` or object: what goes first.
            allocation: ``'global'``, ``'uniform'``, ``'erk'`` or object.
            source: Network of the same layers whose weights are ranked,
                for example the EMA copy. Defaults to the network itself.
            rounding: See :func:`~mmgancomp.sparsity.counts.removed_count`.

        Raises:
            MMGanCompError: If the density is impossible, or nothing at all
                would be kept. A density above what is left is none: the
                masks then stay as they are.
        """
        criterion = build_named(CRITERIA, criterion, 'criterion', Criterion)
        allocation = build_named(ALLOCATIONS, allocation, 'allocation',
                                 Allocation)
        weights = _named(source or self.network, self.layers)
        layers = list(zip(self.layers, weights.values(), self.masks.values()))
        if isinstance(self.granularity, NofM):
            self._check_pattern(density)
            masks = [
                self.granularity.mask(
                    criterion.score(layer.name, weight).masked_fill(~old, -1),
                    layer).logical_and_(old) for layer, weight, old in layers
            ]
        else:
            if (density is None or isinstance(density, bool)
                    or not 0 < density <= 1):
                raise MMGanCompError(
                    f'density = {density!r}: give a number in (0, 1]')
            shares = allocation.densities(
                [dims_of(layer, weight) for layer, weight, _ in layers],
                density)
            rule = allocation.rounding or rounding
            if shares is None:
                masks = global_masks(
                    layers, criterion, self.granularity,
                    removed_count(self.maskable, density, rule))
            else:
                masks = layer_masks(layers, criterion, self.granularity,
                                    shares, rule)
        if not any(bool(mask.any()) for mask in masks):
            raise MMGanCompError(
                f'density = {density!r}: that keeps none of the '
                f'{self.maskable:,} weights')
        self.set_masks(dict(zip(self.masks, masks)))

    def _check_pattern(self, density: float | None) -> None:
        only = self.granularity.density
        if density is not None and abs(density - only) > 1e-9:
            raise MMGanCompError(
                f'density = {density!r}: granularity '
                f'{self.granularity.name!r} keeps exactly {only:g}')
        shapes = {n: w.shape for n, w in self.weights.items()}
        for layer in self.layers:
            why = self.granularity.check(layer, shapes[layer.name])
            if why:
                raise MMGanCompError(
                    f'granularity {self.granularity.name!r} does not fit '
                    f'{layer.name}: {why}; leave that layer out')

    def remove(self,
               count: int,
               criterion: str | Mapping[str, Any] | Criterion = 'magnitude',
               source: nn.Module | None = None) -> None:
        """Remove ``count`` more weights, ranked over all layers together.

        Raises:
            MMGanCompError: If fewer are left.
        """
        if not 0 <= count <= self.survivors:
            raise MMGanCompError(
                f'count = {count!r}: {self.survivors:,} weights are left')
        criterion = build_named(CRITERIA, criterion, 'criterion', Criterion)
        weights = _named(source or self.network, self.layers)
        layers = list(zip(self.layers, weights.values(), self.masks.values()))
        gone = self.maskable - self.survivors
        self.set_masks(
            dict(
                zip(
                    self.masks,
                    global_masks(layers, criterion, self.granularity,
                                 gone + count))))

    def set_masks(self, masks: Mapping[str, Tensor]) -> None:
        """Replace the masks by given ones and apply them.

        Raises:
            MMGanCompError: If names or shapes are not those of the layers.
        """
        for name, own in self.masks.items():
            if name not in masks:
                raise MMGanCompError(f'no mask for {name} among those given')
            if masks[name].shape != own.shape:
                raise MMGanCompError(
                    f'the mask for {name} has shape '
                    f'{tuple(masks[name].shape)}, the weight '
                    f'{tuple(own.shape)}')
        extra = sorted(set(masks) - set(self.masks))
        if extra:
            raise MMGanCompError(
                f'a mask for {extra[0]} is given, which is not a masked '
                'layer here')
        for name, own in self.masks.items():
            self.masks[name] = masks[name].to(
                device=own.device, dtype=torch.bool)
        # Whoever masks at every update makes bits of the new masks then; for
        # once they would cost more memory than they save time.
        self._bits.clear()
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.masked_fill_(
                    self.masks[name].to(weight.device).logical_not(), 0)

    def _bit_mask(self, name: str, like: Tensor) -> Tensor:
        kind = _BITS[like.element_size()]
        bits = self._bits.get(name)
        if bits is None or bits.dtype != kind or bits.device != like.device:
            bits = self.masks[name].to(like.device, kind).neg_()
            self._bits[name] = bits
        return bits

    def _zero_(self, name: str, tensor: Tensor) -> None:
        if tensor.device.type == 'cpu':
            bits = self._bit_mask(name, tensor)
            tensor.view(bits.dtype).bitwise_and_(bits)
        else:
            # An accelerator fills by a boolean mask as fast, and its memory
            # is too dear for a mask as large as the weights.
            mask = self.masks[name].to(tensor.device)
            tensor.masked_fill_(mask.logical_not(), 0)

    @torch.no_grad()
    def apply_(self) -> None:
        """Zero the pruned weights in place."""
        for name, weight in self.weights.items():
            self._zero_(name, weight.detach())

    @torch.no_grad()
    def apply_to_(self, network: nn.Module) -> None:
        """Zero the same weights in a copy of the network, e.g. its EMA."""
        for name, weight in _named(network, self.layers).items():
            self._zero_(name, weight.detach())

    @torch.no_grad()
    def mask_gradients_(self) -> None:
        """Zero the gradients of pruned weights in place."""
        for name, weight in self.weights.items():
            if weight.grad is not None:
                self._zero_(name, weight.grad)

    @torch.no_grad()
    def mask_moments_(self, optimizer: torch.optim.Optimizer) -> None:
        """Zero what the optimizer remembers of pruned weights."""
        for name, weight in self.weights.items():
            for value in optimizer.state.get(weight, {}).values():
                if (isinstance(value, Tensor)
                        and value.shape == weight.shape):
                    self._zero_(name, value)

    def digest(self) -> str:
        """A short fingerprint of all masks: equal masks, equal digest."""
        return digest_of(self.masks)

    def state_dict(self) -> dict[str, Any]:
        """Packed masks and their shapes: tensors, lists and strings only."""
        return {
            name: {
                'bits': pack_mask(mask),
                'shape': list(mask.shape)
            }
            for name, mask in self.masks.items()
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take masks back that :meth:`state_dict` gave, and apply them."""
        self.set_masks({
            name: unpack_mask(packed['bits'], packed['shape'])
            for name, packed in state.items()
        })

    def __repr__(self) -> str:
        return (f'MaskedNetwork({type(self.network).__name__}, '
                f'{len(self.layers)} layers, kept {self.survivors:,} of '
                f'{self.maskable:,}, {self.granularity.name})')


def digest_of(masks: Mapping[str, Tensor]) -> str:
    """A short fingerprint of masks by name, in whatever order they come."""
    total = hashlib.blake2b(digest_size=8)
    for name, mask in sorted(masks.items()):
        total.update(name.encode())
        total.update(pack_mask(mask).numpy().tobytes())
    return total.hexdigest()


def _named(network: nn.Module,
           layers: Iterable[MaskableWeight]) -> dict[str, nn.Parameter]:
    # Looked up each time: a network that is moved or reloaded may hold new
    # tensors, and a stale reference would mask nothing without a word.
    return {
        layer.name: network.get_parameter(layer.name)
        for layer in layers
    }


def dims_of(layer: MaskableWeight, weight: Tensor) -> tuple[int, ...]:
    """(out, in, *kernel), without axes that belong to neither."""
    kernel = weight.shape[weight.dim() - layer.kernel_dims:]
    return (weight.shape[layer.out_axis], weight.shape[layer.in_axis],
            *kernel)
