"""What a network costs: in parameters, operations, bytes and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from mmgancomp.families.conventions import CostConvention
from mmgancomp.families.layers import convolution_weights
from mmgancomp.families.macs import inference, macs

from .profile_cost import inference_bytes, layer_costs, weights
from .profile_latency import forward, interleaved, spread, threads_set

__all__ = ['Call', 'profile_network']

Call = Callable[[int], tuple[tuple, Mapping[str, Any]]]
"""Batch size → arguments and keyword arguments of a legal forward."""


def profile_network(network: nn.Module,
                    call: Call,
                    *,
                    masks: Mapping[str, Tensor] | None = None,
                    maskable: Sequence[str] | None = None,
                    conventions: Sequence[CostConvention] = (),
                    layers: bool = False,
                    batch: int = 1,
                    threads: int | None = None,
                    rounds: int | None = None) -> dict[str, Any]:
    """Count and time a torch network in eval mode, on the device it is on.

    Example:
        >>> import torch
        >>> net = torch.nn.Conv2d(3, 8, 3, padding=1)
        >>> found = profile_network(
        ...     net, lambda n: ((torch.zeros(n, 3, 4, 4), ), {}), rounds=0)
        >>> found['params'], found['macs']['executed']
        (224, 3456)

    Args:
        network: The network. Left as it was found.
        call: Makes the arguments of a forward for a batch size.
        masks: Parameter name → boolean mask. Without them, zeros stand for
            pruned weights.
        maskable: Names of the weights that a mask could cover. Defaults to
            those of every convolution.
        conventions: Counts of MACs by published conventions, to be shown
            beside the executed ones.
        layers: Whether to give each layer's share too.
        batch: Batch size for the latency; MACs are those of one sample.
        threads: Torch's threads while timing. Defaults to the current.
        rounds: How many forwards are timed; 0: none. Defaults to about
            three seconds' worth.

    Returns:
        A network's entry of ``compression.json``: ``params``, ``nonzero``,
        ``maskable``, ``kept``, ``density``, ``macs`` and, on request,
        ``layers``; besides them ``bytes``, ``bytes_packed`` (files of the
        inference weights, plain and packed) and ``latency_ms``. Where there
        are conventions, ``macs`` has one more entry for each, and
        ``conventions`` says whose they are.
    """
    if maskable is None:
        maskable = [layer.name for layer in convolution_weights(network)]
    found = weights(network, maskable, masks)
    args, kwargs = call(1)
    total, shares = macs(network, args, kwargs)
    found['macs'] = dict(executed=total)
    if conventions:
        found['macs'].update((way.name, way.macs) for way in conventions)
        found['conventions'] = {way.name: way.source for way in conventions}
    found.update(inference_bytes(network, maskable, masks))
    if rounds != 0:
        found['latency_ms'] = _latency(network, call, batch, threads, rounds)
    if layers:
        found['layers'] = layer_costs(network, shares, maskable, masks)
    return found


def _latency(network: nn.Module, call: Call, batch: int, threads: int | None,
             rounds: int | None) -> dict[str, Any]:
    with threads_set(threads) as used, inference(network):
        taken = interleaved({'it': forward(network, call, batch)}, rounds)
    return dict(batch=batch, threads=used, **spread(taken['it']))
