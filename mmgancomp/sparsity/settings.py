"""Read the sparsity options of one network from a config."""

from __future__ import annotations

import fnmatch
import hashlib
from dataclasses import dataclass
from typing import Any

from torch import nn

from mmgancomp.errors import ConfigError, MMGanCompError, closest
from mmgancomp.families.base import Family
from mmgancomp.families.layers import MaskableWeight

from .allocation import Allocation
from .criterion import Criterion, Random
from .granularity import Granularity, NofM, build_granularity
from .masked import MaskedNetwork
from .registry import ALLOCATIONS, CRITERIA, SCHEDULES, build_named
from .schedule import Schedule

__all__ = ['Settings', 'read_settings', 'select_layers']

OPTIONS = ('density', 'schedule', 'criterion', 'allocation', 'granularity',
           'layers', 'score_source')
SOURCES = ('live', 'ema')


@dataclass
class Settings:
    """How one network is pruned; everything resolved."""

    density: float | None
    schedule: Schedule
    criterion: Criterion
    allocation: Allocation
    granularity: Granularity
    layers: list[MaskableWeight]
    score_source: str
    total: int


def read_settings(options: dict[str, Any], key: str, name: str,
                  network: nn.Module, family: Family, total: int, seed: int,
                  has_ema: bool) -> Settings:
    """Check the options of one network and fill in the schedule's defaults.

    Args:
        options: What the config says, see
            :class:`~mmgancomp.sparsity.hook.SparsityHook`.
        key: Its config key, for errors.
        name: The network's name.
        network: The bare network.
        family: Its family.
        total: Updates of this network in the run.
        seed: The run's seed.
        has_ema: Whether the model keeps an EMA copy of it.

    Raises:
        ConfigError: If an option is unknown, impossible or without effect.
    """
    for option in options:
        if option not in OPTIONS:
            raise ConfigError.at(f'{key}.{option}', options[option],
                                 f'no such option; '
                                 f'{closest(option, OPTIONS)}')
    schedule = build_named(SCHEDULES, options.get('schedule') or 'OneShot',
                           f'{key}.schedule')
    granularity = build_granularity(
        options.get('granularity', 'element'), f'{key}.granularity')
    density = _density(options.get('density'), schedule, granularity, key)
    layers = select_layers(network, family, options.get('layers'),
                           f'{key}.layers')
    allocation = build_named(
        ALLOCATIONS,
        options.get('allocation') or schedule.allocation,
        f'{key}.allocation')
    criterion = build_named(CRITERIA,
                            options.get('criterion') or schedule.criterion,
                            f'{key}.criterion')
    if isinstance(criterion, Random):
        criterion.seed = _seed(seed, name, criterion.seed)
    source = options.get('score_source') or 'live'
    if source not in SOURCES:
        raise ConfigError.at(f'{key}.score_source', source,
                             closest(str(source), SOURCES))
    if source == 'ema' and not has_ema:
        raise ConfigError.at(
            f'{key}.score_source', source,
            f'the model keeps no EMA of its {name}; write "live", or give '
            'the model an ema_config')
    _no_ignored_option(options, schedule, granularity, key)
    schedule.resolve(total, density, f'{key}.schedule')
    settings = Settings(density, schedule, criterion, allocation, granularity,
                        layers, source, total)
    _check_layers(settings, network, key)
    return settings


def _density(density: Any, schedule: Schedule, granularity: Granularity,
             key: str) -> float | None:
    if not schedule.wants_density:
        return density
    if density is None and isinstance(granularity, NofM):
        return granularity.density
    if (isinstance(density, bool) or not isinstance(density, (int, float))
            or not 0 < density <= 1):
        raise ConfigError.at(
            f'{key}.density', density,
            'write the share of weights to keep, above 0 and up to 1')
    if isinstance(granularity, NofM) and density != granularity.density:
        raise ConfigError.at(
            f'{key}.density', density,
            f'granularity {granularity.name!r} keeps exactly '
            f'{granularity.density:g}; write that, or leave density out')
    return float(density)


def _no_ignored_option(options: dict[str, Any], schedule: Schedule,
                       granularity: Granularity, key: str) -> None:
    if isinstance(granularity, NofM):
        if options.get('allocation') is not None:
            raise ConfigError.at(
                f'{key}.allocation', options['allocation'],
                f'granularity {granularity.name!r} fixes the density of '
                'every layer; leave allocation out')
        if not schedule.any_pattern:
            raise ConfigError.at(
                f'{key}.granularity', granularity.name,
                f'{type(schedule).__name__} passes through densities that '
                "the pattern doesn't have; use schedule='OneShot'")
    if not schedule.wants_density:
        for option in ('criterion', 'allocation', 'score_source'):
            if options.get(option) is not None:
                raise ConfigError.at(
                    f'{key}.{option}', options[option],
                    f'{type(schedule).__name__} takes its masks as they are; '
                    'leave this out')


def _check_layers(settings: Settings, network: nn.Module, key: str) -> None:
    for layer in settings.layers:
        why = settings.granularity.check(
            layer,
            network.get_parameter(layer.name).shape)
        if why:
            raise ConfigError.at(
                f'{key}.granularity', settings.granularity.name,
                f'{layer.name} cannot be cut so: {why}; leave it out with '
                f'layers=dict(exclude=[{layer.name!r}])')


def select_layers(network: nn.Module, family: Family, spec: Any,
                  key: str) -> list[MaskableWeight]:
    """The weights to mask.

    Args:
        network: The bare network.
        family: Knows which of its weights are convolutions.
        spec: None for all convolutions, or a dict of ``include`` and
            ``exclude``, each a list of globs on parameter names. An
            ``include`` glob means the convolutions it matches; one that
            matches no convolution may name linear weights.
        key: The config key, for errors.

    Raises:
        ConfigError: If a glob matches nothing, or nothing is left.
    """
    convolutions = family.convolutions(network)
    linears = family.linears(network)
    order = [name for name, _ in network.named_parameters()]
    if spec is None:
        chosen = {layer.name: layer for layer in convolutions}
    else:
        if not isinstance(spec, dict) or set(spec) - {'include', 'exclude'}:
            raise ConfigError.at(
                key, spec, "write dict(include=['glob', …], exclude=[…]), "
                'globs on parameter names')
        include = _globs(spec, 'include', key)
        chosen = {} if include else {
            layer.name: layer
            for layer in convolutions
        }
        for glob in include:
            found = _match(glob, convolutions) or _match(glob, linears)
            if not found:
                raise ConfigError.at(
                    f'{key}.include', glob, 'matches no maskable weight; ' +
                    closest(glob, [w.name for w in convolutions + linears]))
            chosen.update({layer.name: layer for layer in found})
        for glob in _globs(spec, 'exclude', key):
            found = _match(glob, list(chosen.values()))
            if not found:
                raise ConfigError.at(f'{key}.exclude', glob,
                                     'matches no weight that is included; ' +
                                     closest(glob, chosen))
            for layer in found:
                del chosen[layer.name]
    if not chosen:
        raise ConfigError.at(key, spec, 'no weight is left to mask')
    return sorted(chosen.values(), key=lambda layer: order.index(layer.name))


def _globs(spec: dict[str, Any], part: str, key: str) -> list[str]:
    globs = spec.get(part) or []
    if isinstance(globs, str):
        globs = [globs]
    if not all(isinstance(glob, str) for glob in globs):
        raise ConfigError.at(f'{key}.{part}', globs, 'write a list of globs')
    return list(globs)


def _match(glob: str,
           layers: list[MaskableWeight]) -> list[MaskableWeight]:
    return [w for w in layers if fnmatch.fnmatchcase(w.name, glob)]


def _seed(run: int, name: str, own: int) -> int:
    text = f'{run}/{name}/{own}'.encode()
    return int.from_bytes(
        hashlib.blake2b(text, digest_size=6).digest(), 'big')


def build_masked(settings: Settings, network: nn.Module,
                 key: str) -> MaskedNetwork:
    """The masked network that the settings describe, nothing pruned yet."""
    masked = MaskedNetwork(network, settings.layers, settings.granularity)
    try:
        settings.schedule.fits(masked)
    except ConfigError:
        raise
    except MMGanCompError as error:
        raise ConfigError.at(key, None, str(error)) from error
    return masked
