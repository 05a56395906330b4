"""``mmgancomp.Slimmed``: builds an MMagic network with fewer channels."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping
from typing import Any

from torch import nn

from mmgancomp import families
from mmgancomp.errors import ConfigError, check_options, closest
from mmgancomp.families.narrowing import network_class
from mmgancomp.registry import MODELS, SCOPE
from mmgancomp.runtime.structure import note

from .groups import Kept, check_kept
from .plan import ChannelPlan, NetworkPlan, check_divisor, content_key
from .slicing import cut

__all__ = ['Slimmed', 'check_agreement', 'check_names', 'without_slimming']

TYPE = f'{SCOPE}.Slimmed'
_OPTIONS = ('network', 'divisor', 'plan', 'part')


@MODELS.register_module()
def Slimmed(network: Mapping[str, Any] | None = None,
            divisor: int | None = None,
            plan: str | Mapping[str, Any] | None = None,
            part: str | None = None,
            **given: Any) -> nn.Module:
    """Build a stock network with fewer channels.

    What comes out is of the stock class, with the stock parameter names; it
    exists before optimizer, EMA and distributed wrappers do. In a config::

        model = dict(generator=dict(
            _delete_=True,
            type='mmgancomp.Slimmed',
            network={{_base_.model.generator}},
            divisor=2))

    Args:
        network: The config that stock has in this place.
        divisor: Each hidden width becomes ``max(1, width // divisor)``.
        plan: In place of a divisor a :class:`ChannelPlan`, as a JSON file or
            as its content. The network is built as stock has it and cut; the
            channels of its weights that stay are drawn with all others.
        part: Which entry of the plan, ``'generator'`` or
            ``'discriminator'``; may be left out if it has just one. With a
            divisor it only says where this entry stands, for errors.
        **given: What the model hands to its networks, as ``BaseGAN`` does
            with ``noise_size`` and ``num_classes``; passed on.

    Raises:
        ConfigError: The network cannot be narrowed, or not so far, or the
            plan is of another network.
    """
    key = TYPE if part is None else f'model.{part}'
    kind = _stock_class(network, key)
    check_names(kind, given, key)
    check_agreement(network, given, key)
    chosen = _chosen(divisor, plan, part, key)
    built = _build(network, chosen, given, key)
    if chosen.kept:
        _cut(built, chosen.kept, content_key(f'{key}.plan', plan))
    note(built, chosen.entry())
    return built


def without_slimming(config: Any) -> tuple[Any, bool]:
    """A config as stock would have it.

    Args:
        config: Any part of a config; left as it is.

    Returns:
        The config with every entry of type ``mmgancomp.Slimmed`` replaced
        by the network it narrows, and whether there was any.
    """
    if isinstance(config, Mapping):
        if config.get('type') in (TYPE, 'Slimmed', Slimmed):
            return config['network'], True
        parts = {k: without_slimming(v) for k, v in config.items()}
        plain = type(config)({k: v for k, (v, _) in parts.items()})
        return plain, any(found for _, found in parts.values())
    return config, False


def _stock_class(network: Any, key: str) -> Any:
    if not isinstance(network, Mapping) or 'type' not in network:
        raise ConfigError.at(
            f'{key}.network', network,
            'give the config of the network to narrow, for example '
            '{{_base_.model.generator}}')
    kind = network_class(network)
    if kind is None:
        raise ConfigError.at(f'{key}.network.type', network['type'],
                             'no such network is registered')
    if kind is Slimmed:
        raise ConfigError.at(
            f'{key}.network.type', network['type'],
            'is narrowed already; name the stock network, and the product '
            'of the divisors')
    return kind


def check_names(kind: Any,
                given: Mapping[str, Any],
                key: str,
                options: tuple[str, ...] = _OPTIONS) -> None:
    """Tell a misspelt option from what a model hands to its networks."""
    parameters = inspect.signature(kind).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    strange = {k: v for k, v in given.items() if k not in parameters}
    check_options(key, strange, options)


def check_agreement(network: Mapping[str, Any], given: Mapping[str, Any],
                    key: str) -> None:
    """What is said outside and inside of ``network`` must be the same."""
    for name, value in given.items():
        inside = network.get(name, value)
        if inside == value:
            continue
        if value is None:
            # The model looks at its networks' configs, not inside of them.
            raise ConfigError.at(
                f'model.{name}', None,
                f'write {inside!r}, as the narrowed network has it: the '
                'model does not see it there')
        raise ConfigError.at(
            f'{key}.{name}', value,
            f'the network says {inside!r}; options of the network belong '
            'into its config alone (is _delete_=True missing?)')


def _chosen(divisor: Any, plan: Any, part: str | None,
            key: str) -> NetworkPlan:
    if (divisor is None) == (plan is None):
        raise ConfigError.at(f'{key}.divisor', divisor,
                             'give either divisor=2, say, or plan=…')
    if plan is None:
        return NetworkPlan(check_divisor(f'{key}.divisor', divisor))
    source = f'{key}.plan'
    read = ChannelPlan.given(plan, source)
    if part is None and len(read.networks) == 1:
        part, = read.networks
    if part not in read.networks:
        raise ConfigError.at(
            f'{key}.part', part, 'say which entry of the plan is meant; ' +
            closest(part or '', read.networks))
    return read.networks[part]


def _cut(built: nn.Module, kept: Kept, key: str) -> None:
    try:
        groups = families.channel_groups(built)
    except families.NotOffered as error:
        raise ConfigError.at(key, type(built).__name__, str(error)) from None
    check_kept(groups, kept, key)
    cut(built, groups, kept, same_function=False)


def _build(network: Mapping[str, Any], chosen: NetworkPlan,
           given: Mapping[str, Any], key: str) -> nn.Module:
    narrowed = network
    if not chosen.kept:
        try:
            narrowed = families.narrow(network, chosen.divisor)
        except families.NotOffered as error:
            raise ConfigError.at(f'{key}.network.type', network['type'],
                                 str(error)) from None
    try:
        with warnings.catch_warnings():
            # Layers without channels are found below.
            warnings.filterwarnings('ignore', 'Initializing zero-element')
            built = MODELS.build(narrowed, default_args=dict(given) or None)
    except Exception as error:
        reason = (str(error).strip().splitlines() or ['no reason given'])[0]
        raise _too_narrow(network, chosen, key,
                          f'{type(error).__name__}: {reason}') from error
    for name, weight in built.named_parameters():
        if weight.numel() == 0:
            raise _too_narrow(network, chosen, key,
                              f'{name} would be {tuple(weight.shape)}')
    return built


def _too_narrow(network: Mapping[str, Any], chosen: NetworkPlan, key: str,
                reason: str) -> ConfigError:
    kind = network['type']
    name = kind if isinstance(kind, str) else kind.__name__
    return ConfigError.at(
        f'{key}.divisor', chosen.divisor,
        f'{name} cannot be built with its widths divided by '
        f'{chosen.divisor} ({reason}); choose a smaller divisor, or mend the '
        'config of the network')
