"""SEMA: a moving average that knows masks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.errors import ConfigError, check_options, closest
from mmgancomp.families import bare
from mmgancomp.families.average import StockAverage
from mmgancomp.registry import MODELS

from .masked import MaskedNetwork

__all__ = ['SEMA']

RULES = ('sema', 'masked')
KEY = 'model.ema_config'
OPTIONS = ('momentum', 'interval', 'device', 'update_buffers', 'rule')


@MODELS.register_module()
class SEMA(StockAverage):
    """Sparse exponential moving average of a generator (STU-GAN).

    MMagic builds it in place of its own average, of which it is a kind, with
    the same ``state_dict`` keys::

        model = dict(ema_config=dict(type='mmgancomp.SEMA', interval=1))

    With w a masked weight, m its mask and a its average, an update gives

    * a = 0 where m = 0,
    * a = w where m = 1 and a = 0: what has just grown does not start cold,
    * a = (1 − momentum) · a + momentum · w elsewhere.

    Everything else follows the last line. Without masks that is all there
    is: a plain average.

    Of the buffers, running statistics are averaged too, integers stay, and
    others are copied: the mean of two directions of spectral norm is no
    direction.

    Args:
        model: The network; MMagic passes it.
        momentum: Share of the new value, 1 − β of the paper.
        interval: Updates of the network between two of the average. Between
            them a weight that grows is 0 in the average.
        device: Where the average lives. Defaults to where the network does.
        update_buffers: Whether running statistics are averaged; False
            copies all buffers, as stock configs do.
        rule: ``'sema'``, or ``'masked'`` for the control, in which a grown
            weight's average starts from 0.

    Raises:
        ConfigError: If momentum, interval or rule cannot be.
    """

    def __init__(self,
                 model: nn.Module,
                 momentum: float = 0.001,
                 interval: int = 1,
                 device: torch.device | None = None,
                 update_buffers: bool = True,
                 rule: str = 'sema',
                 **unknown: Any) -> None:
        check_options(KEY, unknown, OPTIONS)
        _check(momentum, interval, rule)
        if not isinstance(update_buffers, bool):
            raise ConfigError.at(f'{KEY}.update_buffers', update_buffers,
                                 'write True or False')
        try:
            device = None if device is None else torch.device(device)
        except (RuntimeError, TypeError) as error:
            raise ConfigError.at(f'{KEY}.device', device,
                                 "write a torch device, such as 'cuda:0'"
                                 ) from error
        super().__init__(model, momentum, interval, device, update_buffers)
        self.rule = rule

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Move the average towards the network; counts the call.

        Args:
            model: The network, or a wrapper around it.
        """
        model = bare(model)
        if self.update_buffers:
            # Looked up now: moving the average to another device has given
            # its buffers new storage.
            self.avg_parameters = _averaged(self.module)
        masked = MaskedNetwork.of(model)
        acts = int(self.steps) and int(self.steps) % self.interval == 0
        grown = {}
        if masked is not None and acts and self.rule == 'sema':
            grown = self._empty(masked)
        super().update_parameters(model)
        if self.update_buffers:
            self._copy_buffers(model)
        if masked is not None:
            masked.apply_to_(self.module)
        weights = masked.weights if grown else {}
        for name, empty in grown.items():
            mean, weight = self.module.get_parameter(name), weights[name]
            mean.copy_(torch.where(empty, weight.to(mean.device), mean))

    def _empty(self, masked: MaskedNetwork) -> dict[str, Tensor]:
        """Where the average of a kept weight is exactly 0."""
        return {
            name: (mean == 0).logical_and_(mask.to(mean.device))
            for name, mask in masked.masks.items()
            for mean in [self.module.get_parameter(name)]
        }

    def _copy_buffers(self, model: nn.Module) -> None:
        source = dict(model.named_buffers())
        for name, own in self.module.named_buffers():
            if name not in self.avg_parameters and own.is_floating_point():
                own.copy_(source[name])


def _averaged(module: nn.Module) -> dict[str, Any]:
    """Parameters, running statistics, and integers for the first copy."""
    buffers = dict(module.named_buffers())
    return {
        name: value
        for name, value in module.state_dict().items()
        if name not in buffers or not value.is_floating_point()
        or name.rpartition('.')[2].startswith('running_')
    }


def _check(momentum: Any, interval: Any, rule: Any) -> None:
    if (isinstance(momentum, bool) or not isinstance(momentum, (int, float))
            or not 0 < momentum < 1):
        raise ConfigError.at(
            f'{KEY}.momentum', momentum,
            "write the new value's share, between 0 and 1: 0.001 for β = "
            '0.999')
    if type(interval) is not int or interval < 1:
        raise ConfigError.at(f'{KEY}.interval', interval,
                             'write a number of updates, at least 1')
    if rule not in RULES:
        raise ConfigError.at(
            f'{KEY}.rule', rule, 'no such rule (an average that ignores '
            'masks would not stay sparse); ' + closest(str(rule), RULES))
