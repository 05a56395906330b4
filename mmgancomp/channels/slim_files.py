"""What a run with gates leaves: a plan, slim weights and their config."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from mmengine.runner.checkpoint import get_state_dict
from torch import nn

from mmgancomp.families import Network
from mmgancomp.files import write_whole
from mmgancomp.registry import SCOPE

from .gate_removal import WithoutGates
from .plan import ChannelPlan, NetworkPlan
from .pruned import write

__all__ = ['CONFIG', 'PLAN', 'WEIGHTS', 'slim_config', 'slim_state',
           'write_slim']

PLAN, WEIGHTS, CONFIG = 'plan.json', 'slim.pth', 'slim.py'
ROLE = 'generator'


def write_slim(folder: Path, model: nn.Module, networks: list[Network],
               found: WithoutGates, config: Any) -> None:
    """Write ``plan.json``, ``slim.pth`` and ``slim.py``.

    Args:
        folder: Where to.
        model: The trained model, bare.
        networks: Its gated networks.
        found: What :func:`~mmgancomp.channels.gate_removal.without_gates`
            made of them, and then of their averages.
        config: The run's config.
    """
    write(folder, ChannelPlan({ROLE: NetworkPlan(kept=found.plan)}),
          slim_state(model, networks, found), {})
    write_whole(folder / CONFIG, slim_config(config, folder,
                                               bool(found.plan)).pretty_text)


def slim_state(model: nn.Module, networks: list[Network],
               found: WithoutGates) -> dict[str, torch.Tensor]:
    """Weights of the whole model, those networks in their slim form."""
    old = [n.module for n in networks]
    old += [n.ema for n in networks if n.ema is not None]
    # Under DDP every name carries an extra ".module."; here they are stock.
    state = {
        name: value.detach().cpu().clone()
        for name, value in get_state_dict(model).items()
    }
    for before, after in zip(old, found.networks):
        prefix = f'{_stock_path(model, before)}.'
        state = {k: v for k, v in state.items() if not k.startswith(prefix)}
        state |= {
            f'{prefix}{name}': value.detach().cpu().clone()
            for name, value in after.state_dict().items()
        }
    return state


def _stock_path(model: nn.Module, network: nn.Module) -> str:
    """Where a network is in the model, without distributed wrappers."""
    path = next(path for path, module in model.named_modules()
                if module is network)
    parts, current = [], model
    for part in path.split('.'):
        if not (is_model_wrapper(current) and part == 'module'):
            parts.append(part)
        current = getattr(current, part)
    return '.'.join(parts)


def slim_config(config: Any, folder: Path, cut: bool) -> Any:
    """The run's config, with what builds the slim generator.

    Args:
        config: The run's config; left as it is.
        folder: Where the plan and the weights lie.
        cut: Whether anything was cut.
    """
    slim = deepcopy(config)
    open_ = dict(
        type=f'{SCOPE}.Gated',
        network=slim.model.generator.network,
        removed=True)
    slim.model.generator = open_ if not cut else dict(
        type=f'{SCOPE}.Slimmed',
        network=open_,
        plan=str(folder / PLAN),
        part=ROLE)
    hooks = slim.get('default_hooks') or {}
    for name in ('gates', 'distillation', 'stages'):
        hooks.pop(name, None)
    hooks['compression'] = dict(type=f'{SCOPE}.RunStateHook')
    slim.load_from, slim.resume = str(folder / WEIGHTS), False
    return slim

