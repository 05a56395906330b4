"""Weights and the config that builds them, for MMagic as others have it."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mmgancomp import families
from mmgancomp.channels.plan import ChannelPlan, NetworkPlan
from mmgancomp.channels.slimmed import TYPE, without_slimming
from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.families.macs import inference
from mmgancomp.files import write_whole
from mmgancomp.registry import SCOPE
from mmgancomp.runtime.building import build_model
from mmgancomp.runtime.structure import noted

if TYPE_CHECKING:
    from mmengine.config import Config

    from mmgancomp.evaluation.profile_model import Subject

__all__ = ['MMagicModel', 'config_path', 'write_mmagic']

TOLERANCE = 1e-4
_PART = 'generator'
# What a run needs and an evaluation does not.
_TRAINING = ('train_cfg', 'train_dataloader', 'optim_wrapper',
             'param_scheduler', 'auto_scale_lr', 'model_wrapper_cfg',
             'load_from', 'resume', 'work_dir', 'experiment_name')


@dataclass(frozen=True)
class MMagicModel:
    """What was written.

    Attributes:
        weights: The ``.pth`` file.
        config: The config beside it.
        bytes: Size of the weights' file.
        stock: Whether plain MMagic builds the model, without this package.
    """

    weights: Path
    config: Path
    bytes: int
    stock: bool


def config_path(path: str | Path) -> Path:
    """Where the config of a ``.pth`` file goes."""
    return Path(path).with_suffix('.py')


def write_mmagic(path: str | Path, config: Config,
                 subjects: Sequence[Subject]) -> MMagicModel:
    """Write the generators of a model for inference, and their config.

    A network that was made narrow becomes an ordinary stock config where the
    stock class can express its widths. What only training needs is left
    out. With an average, the live generator is the averaged one as well:
    both share their place in the file.

    Args:
        path: The ``.pth`` file.
        config: The config of the model.
        subjects: Its generators, with their weights loaded.

    Raises:
        ConfigError: The config has no generator where all families have it.
        MMGanCompError: What would be written gives other images.
    """
    from mmengine.config import Config
    plain = _for_inference(config.to_dict(), subjects[0].family)
    plain['model'] = _stock_model(plain, subjects)
    text = Config(plain).pretty_text
    read = Config.fromstring(text, '.py')
    try:
        model = build_model(read)
    except Exception as error:
        reason = (str(error).strip().splitlines() or ['no reason given'])[0]
        raise MMGanCompError(
            'the model cannot be built without what only training needs '
            f'({type(error).__name__}: {reason}); the attribute for_training '
            f'of family {subjects[0].family.name!r} says what that is'
        ) from error
    content = io.BytesIO()
    torch.save(dict(state_dict=_state(model, subjects)), content)
    content.seek(0)
    loaded = torch.load(content, weights_only=True)
    model.load_state_dict(loaded['state_dict'], strict=True)
    _check(model, subjects)
    write_whole(path, content.getvalue())
    write_whole(config_path(path), text)
    return MMagicModel(
        weights=Path(path),
        config=config_path(path),
        bytes=content.getbuffer().nbytes,
        stock=not any(_ours(kind) for kind in _types(plain['model'])))


def _ours(kind: Any) -> bool:
    return isinstance(kind, str) and kind.startswith(f'{SCOPE}.')


def _types(config: Any) -> Iterator[Any]:
    if isinstance(config, Mapping):
        yield config.get('type')
        config = list(config.values())
    if isinstance(config, list | tuple):
        for part in config:
            yield from _types(part)


def _for_inference(config: dict[str, Any],
                   family: families.Family) -> dict[str, Any]:
    """The config without what only training needs."""
    plain = {k: v for k, v in config.items() if k not in _TRAINING}
    plain['default_hooks'] = {
        name: hook
        for name, hook in (plain.get('default_hooks') or {}).items()
        if not (isinstance(hook, Mapping) and _ours(hook.get('type')))
    }
    plain['custom_hooks'] = [
        hook for hook in plain.get('custom_hooks') or []
        if not (isinstance(hook, Mapping) and _ours(hook.get('type')))
    ]
    model = plain['model'] = dict(plain['model'])
    model |= {k: v for k, v in family.for_training.items() if k in model}
    if not isinstance(model.get(_PART), Mapping):
        raise ConfigError.at(f'model.{_PART}', model.get(_PART),
                             'is no config of a network to export')
    average = model.get('ema_config')
    if average and _ours(average.get('type')):
        # How the average was kept is over; any class can hold the result.
        model['ema_config'] = dict(interval=average.get('interval', 1))
    return plain


def _stock_model(config: dict[str, Any],
                 subjects: Sequence[Subject]) -> dict[str, Any]:
    """The model's config, its generator a stock one where there is one."""
    model = config['model']
    entry = noted(subjects[0].module)
    network, _ = without_slimming(model[_PART])
    network = subjects[0].family.self_contained(
        {k: v for k, v in network.items() if k != 'pretrained'},
        subjects[0].module)
    if entry is None:
        return {**model, _PART: network}
    wanted = _shapes(subjects[0].module)
    for divisor in _divisors(config, network, entry, wanted):
        try:
            narrowed = families.narrow(network, divisor)
        except families.NotOffered:
            break
        # StyleGAN2's is a function of ours, and no stock class.
        if not isinstance(narrowed['type'], str):
            break
        candidate = {**model, _PART: narrowed}
        if _built_shapes(config, candidate) == wanted:
            return candidate
    slim = dict(type=TYPE, network=network)
    plan = NetworkPlan.of(entry, 'plan')
    if plan.kept:
        slim['plan'] = ChannelPlan({_PART: plan}).document()
    else:
        slim['divisor'] = plan.divisor
    return {**model, _PART: slim}


def _divisors(config: dict[str, Any], network: dict[str, Any],
              entry: Mapping[str, Any],
              wanted: Mapping[str, torch.Size]) -> list[Any]:
    """By what all widths may have been divided, the likeliest first."""
    if 'divisor' in entry:
        return [entry['divisor']]
    full = _built_shapes(config, {**config['model'], _PART: network}) or {}
    ratios = Counter(
        Fraction(before, after) for name, shape in wanted.items()
        for before, after in zip(full.get(name, ()), shape) if before > after)
    return [ratio for ratio, _ in ratios.most_common()]


def _shapes(network: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in network.state_dict().items()}


def _built_shapes(config: dict[str, Any],
                  model: dict[str, Any]) -> dict[str, torch.Size] | None:
    """Shapes of the generator of a model; None if it cannot be built."""
    from mmengine.config import Config
    try:
        built = build_model(Config(deepcopy({**config, 'model': model})))
    except Exception:
        # A width that the stock class cannot have: it is not a stock config.
        return None
    return _shapes(next(iter(_generators(built).values())).module)


def _generators(model: nn.Module) -> dict[str, families.Network]:
    networks = families.of(model).networks(model)
    return {n: v for n, v in networks.items() if v.role == 'generator'}


def _state(model: nn.Module,
           subjects: Sequence[Subject]) -> dict[str, Tensor]:
    """The weights under the names that the exported model has."""
    state = {k: v.detach() for k, v in model.state_dict().items()}
    paths = {id(part): path for path, part in model.named_modules()}
    networks = _generators(model)
    for subject in subjects:
        network = networks[subject.name]
        own = {
            # A copy: of a part of a tensor, the whole would be saved.
            name: value.detach().cpu().clone()
            for name, value in subject.module.state_dict().items()
        }
        for module in filter(None, (network.module, network.ema)):
            path = paths[id(module)]
            state |= {f'{path}.{name}': v for name, v in own.items()}
    return state


def _check(model: nn.Module, subjects: Sequence[Subject]) -> None:
    networks = _generators(model)
    for subject in subjects:
        network = networks[subject.name]
        module = network.module if network.ema is None else network.ema
        with subject.family.fixed_noise(subject.module), \
                subject.family.fixed_noise(module), \
                inference(subject.module), inference(module):
            args, kwargs = subject.call(2)
            wanted = subject.module(*args, **kwargs)
            found = module(*args, **kwargs)
        scale = max(1., float(wanted.abs().max()))
        difference = float((wanted - found).abs().max()) / scale
        if not difference <= TOLERANCE:
            raise MMGanCompError(
                f'{subject.name}: the exported model gives other images '
                f'(difference {difference:.3g}); nothing was written')
