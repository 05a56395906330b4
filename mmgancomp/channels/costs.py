"""What a plan saves, told from sizes alone: nothing is cut or run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from torch import nn

from .groups import Groups, Kept, removed

__all__ = ['macs_after', 'params_after']


def params_after(network: nn.Module, groups: Groups, kept: Kept) -> int:
    """Parameters that a network has once it is cut to a plan."""
    shrunk = _shrunk(network, groups, kept)
    return round(
        sum(weight.numel() * shrunk.get(name, 1.)
            for name, weight in network.named_parameters()))


def macs_after(network: nn.Module, groups: Groups, kept: Kept,
               shares: Mapping[str, int]) -> float:
    """Multiply-accumulates that a network costs once it is cut to a plan.

    A layer's are in proportion to the size of its weight, an attention
    block's products to its query-key and value channels. What has no weight,
    such as StyleGAN2's blur, counts as it is: an estimate from above.

    Args:
        network: The network.
        groups: Its groups.
        kept: The plan.
        shares: Module path → its own MACs now, without its children's.
    """
    shrunk = _shrunk(network, groups, kept)
    attention = {
        group.attention: (group.name, group.value)
        for group in groups.values() if group.attention
    }
    total = 0.
    for path, share in shares.items():
        part = 1.
        if path in attention:
            names = attention[path]
            before = [groups[name].width for name in names]
            after = [len(kept.get(name, range(groups[name].width)))
                     for name in names]
            part = sum(after) / sum(before)
        elif share:
            own = {
                f'{path}.{name}'.lstrip('.'): weight for name, weight in
                network.get_submodule(path).named_parameters(recurse=False)
            }
            if own:
                largest = max(own, key=lambda name: own[name].numel())
                part = shrunk.get(largest, 1.)
        total += share * part
    return total


def _shrunk(network: nn.Module, groups: Groups,
            kept: Kept) -> dict[str, float]:
    """Tensor → share of its entries that stays, where some go."""
    gone: dict[tuple[str, int], int] = defaultdict(int)
    for name, channels in removed(groups, kept).items():
        for slot in groups[name].slots:
            # No two groups own the same places, so counting is enough.
            gone[slot.tensor, slot.axis] += len(channels) * slot.block
    sizes = {name: t.shape for name, t in network.named_parameters()}
    shrunk: dict[str, float] = {}
    for (name, axis), dead in gone.items():
        if name in sizes:
            size = sizes[name][axis]
            shrunk[name] = shrunk.get(name, 1.) * (size - dead) / size
    return shrunk
