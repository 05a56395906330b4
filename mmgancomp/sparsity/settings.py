"""Read the sparsity options of one network from a config."""

from __future__ import annotations

import fnmatch
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from mmgancomp.errors import ConfigError, check_options, closest
from mmgancomp.families.base import Family
from mmgancomp.families.layers import MaskableWeight

from .allocation import Allocation
from .counts import removed_count
from .criterion import Criterion, Random
from .granularity import Granularity, NofM, build_granularity
from .masked import MaskedNetwork
from .registry import ALLOCATIONS, CRITERIA, SCHEDULES, build_named
from .schedule import Schedule

__all__ = ['Settings', 'build_masked', 'read_settings', 'select_layers']

OPTIONS = ('density', 'schedule', 'criterion', 'allocation', 'granularity',
           'layers', 'score_source')
SOURCES = ('live', 'ema')

Key = Callable[[str], str]


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


def read_settings(options: dict[str, Any], key: Key, name: str,
                  network: nn.Module, family: Family, total: int, seed: int,
                  has_ema: bool, rounds: int = 0) -> Settings:
    """Check the options of one network and fill in the schedule's defaults.

    Args:
        options: What the config says, see
            :class:`~mmgancomp.sparsity.hook.SparsityHook`.
        key: Option → its config key, for errors.
        name: The network's name.
        network: The bare network.
        family: Its family.
        total: Updates of this network in the run.
        seed: The run's seed.
        has_ema: Whether the model keeps an EMA copy of it.
        rounds: How often the run prunes and starts again.

    Raises:
        ConfigError: If an option is unknown, impossible or without effect.
    """
    check_options(key, options, OPTIONS)
    given = {k: v for k, v in options.items() if v is not None}
    schedule = build_named(SCHEDULES, given.get('schedule', 'OneShot'),
                           key('schedule'), Schedule)
    granularity = build_granularity(
        given.get('granularity', 'element'), key('granularity'))
    density = _density(options.get('density'), schedule, granularity, key)
    layers = select_layers(network, family, options.get('layers'),
                           key('layers'))
    allocation = build_named(ALLOCATIONS,
                             given.get('allocation', schedule.allocation),
                             key('allocation'), Allocation)
    criterion = build_named(CRITERIA,
                            given.get('criterion', schedule.criterion),
                            key('criterion'), Criterion)
    if isinstance(criterion, Random):
        criterion.seed = _seed(seed, name, criterion.seed)
    source = given.get('score_source', 'live')
    if source not in SOURCES:
        raise ConfigError.at(key('score_source'), source,
                             f'no such source; '
                             f'{closest(str(source), SOURCES)}')
    if source == 'ema' and not has_ema:
        raise ConfigError.at(
            key('score_source'), source,
            f'the model keeps no EMA of its {name}; write "live", or give '
            'the model an ema_config')
    _no_ignored_option(given, schedule, granularity, key)
    schedule.bind(name, _seed(seed, name, 0), rounds)
    schedule.resolve(total, density, key('schedule'))
    settings = Settings(density, schedule, criterion, allocation, granularity,
                        layers, source, total)
    _check_layers(settings, network, key)
    return settings


def _density(density: Any, schedule: Schedule, granularity: Granularity,
             key: Key) -> float | None:
    if not schedule.wants_density:
        return density
    if density is None and isinstance(granularity, NofM):
        return granularity.density
    if density is None and not schedule.needs_density:
        return None
    if (isinstance(density, bool) or not isinstance(density, (int, float))
            or not 0 < density <= 1):
        raise ConfigError.at(
            key('density'), density,
            'write the share of weights to keep, a number above 0 and up to '
            '1; 0.1 keeps every tenth')
    if isinstance(granularity, NofM) and density != granularity.density:
        raise ConfigError.at(
            key('density'), density,
            f'granularity {granularity.name!r} keeps exactly '
            f'{granularity.density:g}; write that, or leave density out')
    return float(density)


def _no_ignored_option(given: dict[str, Any], schedule: Schedule,
                       granularity: Granularity, key: Key) -> None:
    if not schedule.wants_density:
        for option in ('criterion', 'allocation', 'granularity',
                       'score_source'):
            if option in given:
                raise ConfigError.at(
                    key(option), given[option],
                    f'{type(schedule).__name__} takes its masks as they are; '
                    f'leave {option} out')
    if isinstance(granularity, NofM):
        if 'allocation' in given:
            raise ConfigError.at(
                key('allocation'), given['allocation'],
                f'granularity {granularity.name!r} fixes the density of '
                'every layer; leave allocation out')
        if not schedule.any_pattern:
            raise ConfigError.at(
                key('granularity'), granularity.name,
                f'{type(schedule).__name__} passes through densities that '
                "the pattern doesn't have; use schedule='OneShot'")


def _check_layers(settings: Settings, network: nn.Module, key: Key) -> None:
    whys = {
        layer.name:
        settings.granularity.check(layer,
                                   network.get_parameter(layer.name).shape)
        for layer in settings.layers
    }
    # All of them: leaving out one by one would take a run of the command
    # for each.
    unfit = [name for name, why in whys.items() if why]
    if unfit:
        raise ConfigError.at(
            key('granularity'), settings.granularity.name,
            f'{unfit[0]} cannot be cut so: {whys[unfit[0]]}; leave such '
            f'layers out with layers=dict(exclude={unfit})')


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
    chosen = {layer.name: layer for layer in convolutions}
    if spec is not None:
        if not isinstance(spec, dict):
            raise ConfigError.at(
                key, spec, "write dict(include=['glob', …], exclude=[…]), "
                'globs on parameter names')
        check_options(key, spec, ('include', 'exclude'))
        if spec.get('include') is not None:
            chosen = {}
        for glob in _globs(spec, 'include', key):
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
        raise ConfigError.at(
            key, spec, 'no weight is left to mask; include more, or exclude '
            'less; ' + closest('', [w.name for w in convolutions]))
    return sorted(chosen.values(), key=lambda layer: order.index(layer.name))


def _globs(spec: dict[str, Any], part: str, key: str) -> list[str]:
    globs = spec.get(part)
    if globs is None:
        return []
    if isinstance(globs, str):
        return [globs]
    if not isinstance(globs, (list, tuple)) or not all(
            isinstance(glob, str) for glob in globs):
        raise ConfigError.at(f'{key}.{part}', globs,
                             "write a list of globs, like ['conv_blocks.*']")
    return list(globs)


def _match(glob: str,
           layers: list[MaskableWeight]) -> list[MaskableWeight]:
    return [w for w in layers if fnmatch.fnmatchcase(w.name, glob)]


def _seed(run: int, name: str, own: int) -> int:
    text = f'{run}/{name}/{own}'.encode()
    return int.from_bytes(
        hashlib.blake2b(text, digest_size=6).digest(), 'big')


def build_masked(settings: Settings, network: nn.Module,
                 key: Key) -> MaskedNetwork:
    """The masked network that the settings describe, nothing pruned yet.

    Raises:
        ConfigError: If no weight at all would be kept, or if what the
            schedule brings along is of another network.
    """
    masked = MaskedNetwork(network, settings.layers, settings.granularity)
    settings.schedule.fits(masked)
    if settings.density is not None and removed_count(
            masked.maskable, settings.density,
            settings.schedule.rounding) >= masked.maskable:
        raise ConfigError.at(
            key('density'), settings.density,
            f'none of {masked.maskable:,} weights would be kept; write at '
            f'least {1 / masked.maskable:.1g}')
    return masked
