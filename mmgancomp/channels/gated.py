"""``mmgancomp.Gated``: builds an MMagic generator with learned gates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from mmgancomp import families
from mmgancomp.errors import ConfigError
from mmgancomp.families.narrowing import network_class
from mmgancomp.registry import MODELS, SCOPE

from .gates import DELTA, INITIAL
from .gating import add_gates, add_transitions
from .slimmed import check_agreement, check_names

__all__ = ['KINDS', 'Gated']

TYPE = f'{SCOPE}.Gated'
_OPTIONS = ('network', 'delta', 'initial', 'seed', 'gated', 'removed',
            'part')


@MODELS.register_module()
def Gated(network: Mapping[str, Any] | None = None,
          delta: float = DELTA,
          initial: Sequence[float] = INITIAL,
          seed: int = 0,
          gated: bool = True,
          removed: bool = False,
          part: str | None = None,
          **given: Any) -> nn.Module:
    """Build a generator whose channels have gates: PPCD-GAN, §3.2.

    What comes out is of the stock class. Its own parameters keep their
    names; ``gates.*`` and ``transitions.*`` are new. Where channels are
    added to a residual sum, a 1×1 convolution comes in between, initialised
    as the network's other ones. In a config::

        model = dict(generator=dict(
            _delete_=True,
            type='mmgancomp.Gated',
            network={{_base_.model.generator}}))
        default_hooks = dict(gates=dict(type='mmgancomp.GateHook'))
        optim_wrapper = dict(
            constructor='mmgancomp.CompressionOptimWrapperConstructor')

    Args:
        network: The config that stock has in this place, or one of
            ``mmgancomp.Slimmed``.
        delta: δ, the steepness of the gates; 1000 in the paper.
        initial: Lowest and highest number behind the gates of a layer at
            the start. The paper gives none; see
            :class:`~mmgancomp.channels.gates.Gate`.
        seed: Of their order.
        gated: False builds the network as stock has it: an ablation that is
            one option away.
        removed: Whether the gates are gone again: transition layers alone,
            and spectral norm computed into the weights. This is what a
            finished run's ``plan.json`` cuts and ``slim.pth`` fits.
        part: Where in the model this stands, for errors.
        **given: What the model hands to its networks, passed on.

    Raises:
        ConfigError: The network cannot be gated, or an option is wrong.
    """
    key = TYPE if part is None else f'model.{part}'
    _check(network, delta, initial, seed, key)
    for option, value in (('gated', gated), ('removed', removed)):
        if not isinstance(value, bool):
            raise ConfigError.at(f'{key}.{option}', value,
                                 'write True or False')
    check_names(network_class(network), given, key, _OPTIONS)
    check_agreement(network, given, key)
    built = MODELS.build(dict(network), default_args=dict(given) or None)
    if not gated:
        return built
    try:
        sites = families.gate_sites(built)
    except families.NotOffered as error:
        raise ConfigError.at(f'{key}.network.type', network['type'],
                             str(error)) from None
    if not removed:
        add_gates(built, sites, delta, (initial[0], initial[1]), seed)
    add_transitions(built, sites)
    if removed:
        families.without_spectral_norm(built)
    return built


KINDS = (TYPE, 'Gated', Gated)
"""What a config may write as the type of such a network."""


def _check(network: Any, delta: Any, initial: Any, seed: Any,
           key: str) -> None:
    if not isinstance(network, Mapping) or 'type' not in network:
        raise ConfigError.at(
            f'{key}.network', network,
            'give the config of the generator to gate, for example '
            '{{_base_.model.generator}}')
    if not _number(delta) or delta <= 0:
        raise ConfigError.at(f'{key}.delta', delta,
                             'write a number above 0, like 1000')
    if not isinstance(initial, Sequence) or len(initial) != 2 or not all(
            _number(value) for value in initial):
        raise ConfigError.at(f'{key}.initial', initial,
                             'write the lowest and the highest, like (0.01, '
                             '1.0)')
    if not initial[0] < initial[1]:
        raise ConfigError.at(
            f'{key}.initial', initial,
            'the first must be the lower one; channels that begin alike '
            'would all close in the same update')
    if type(seed) is not int:
        raise ConfigError.at(f'{key}.seed', seed, 'write a whole number')


def _number(value: Any) -> bool:
    return (isinstance(value, (int, float)) and not isinstance(value, bool)
            and math.isfinite(value))
