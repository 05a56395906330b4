"""One update of a global magnitude mask, against concatenate and sort.

The rival is the rule as one would write it down: put all magnitudes into
one vector, sort it, cut. Both must give the same masks, bit for bit.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.sparsity import MaskedNetwork
from mmgancomp.sparsity.counts import removed_count

from .timing import alternate, spread

__all__ = ['measure']

DENSITY = 0.1


def network(millions: int) -> nn.Module:
    """Convolutions as in a large GAN, about so many million weights."""
    torch.manual_seed(0)
    block = 512 * 512 * 9
    return nn.Sequential(*[
        nn.Conv2d(512, 512, 3, bias=False)
        for _ in range(round(millions * 1e6 / block))
    ])


def concatenate_and_sort(weights: list[Tensor]) -> list[Tensor]:
    """The rival: all magnitudes in one vector, in stable order."""
    flat = torch.cat([w.detach().abs().flatten() for w in weights])
    removed = removed_count(flat.numel(), DENSITY)
    mask = torch.ones_like(flat, dtype=torch.bool)
    mask[flat.sort(stable=True).indices[:removed]] = False
    return [
        part.view(w.shape)
        for part, w in zip(mask.split([w.numel() for w in weights]), weights)
    ]


def measure(millions: int = 30, repeats: int = 3) -> dict[str, Any]:
    """Time both on one core and assert that their masks are equal."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        net = network(millions)
        weights = [p.detach().clone() for p in net.parameters()]
        masked = MaskedNetwork(net)

        def ours() -> list[Tensor]:
            for mask in masked.masks.values():
                mask.fill_(True)
            with torch.no_grad():
                for p, w in zip(net.parameters(), weights):
                    p.copy_(w)
            masked.prune(DENSITY)
            return list(masked.masks.values())

        def rival() -> list[Tensor]:
            return concatenate_and_sort(weights)

        for a, b in zip(ours(), rival(), strict=True):
            if not torch.equal(a, b):
                raise AssertionError('the two masks differ')
        seconds = alternate({'ours': ours, 'sort': rival}, repeats)
    finally:
        torch.set_num_threads(threads)
    return {
        'weights': masked.maskable,
        'density': DENSITY,
        'threads': 1,
        'ours_ms': spread(seconds['ours']),
        'concatenate_and_sort_ms': spread(seconds['sort']),
        'sort_over_ours': round(
            min(seconds['sort']) / min(seconds['ours']), 2),
        'equal_masks': True
    }
