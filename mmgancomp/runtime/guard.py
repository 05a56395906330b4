"""Ends a run that diverges."""

from __future__ import annotations

import inspect
import math
from typing import Any

from mmgancomp.errors import ConfigError, check_options, closest

__all__ = ['DivergenceGuard']


class DivergenceGuard:
    """Watches one validation metric, positive, lower being better.

    Its memory is saved with each checkpoint. A checkpoint is written before
    the validation of the same iteration: a run that is resumed from it
    judges from the next validation on.

    Args:
        metric: Its name as MMagic logs it, for example ``'FID-50k/fid'``.
        factor: The run has diverged when the metric exceeds the best value
            so far by this factor, or is no finite number.
        patience: … at this many validations in a row.
    """

    def __init__(self, metric: str, factor: float = 2.0,
                 patience: int = 1) -> None:
        self.metric, self.factor, self.patience = metric, factor, patience
        self._best = math.inf
        self._bad = 0
        self._key = 'stop.metric'

    @classmethod
    def build(cls, spec: Any, key: str) -> DivergenceGuard:
        """Build from a config, checking every value.

        Raises:
            ConfigError: If an option is missing, unknown or impossible.
        """
        known = list(inspect.signature(cls).parameters)
        if not isinstance(spec, dict):
            raise ConfigError.at(
                key, spec, "write dict(metric='FID-50k/fid', factor=2.0)")
        check_options(key, spec, known)
        if not isinstance(spec.get('metric'), str):
            raise ConfigError.at(
                f'{key}.metric', spec.get('metric'),
                'name the validation metric to watch, as it stands in the '
                "log: for example 'FID-50k/fid'")
        guard = cls(**spec)
        guard._key = f'{key}.metric'
        if (isinstance(guard.factor, bool)
                or not isinstance(guard.factor, (int, float))
                or not 1 < guard.factor < math.inf):
            raise ConfigError.at(f'{key}.factor', guard.factor,
                                 'write a number above 1')
        if type(guard.patience) is not int or guard.patience < 1:
            raise ConfigError.at(f'{key}.patience', guard.patience,
                                 'write a number of validations, from 1')
        return guard

    def judge(self, metrics: dict[str, float]) -> str | None:
        """Take one validation's metrics; say why to stop, or None.

        Raises:
            ConfigError: If the metric is not among them.
        """
        if self.metric not in metrics:
            raise ConfigError.at(self._key, self.metric,
                                 'the validation gives no such metric; ' +
                                 closest(self.metric, metrics))
        value = float(metrics[self.metric])
        if math.isfinite(value) and value <= self._best * self.factor:
            self._best, self._bad = min(self._best, value), 0
            return None
        self._bad += 1
        if self._bad < self.patience:
            return None
        return (f'{self.metric} is {value:.4g}, its best was '
                f'{self._best:.4g} (factor {self.factor:g}, '
                f'{self._bad} validations in a row)')

    def forget(self) -> None:
        """Begin anew: what comes is another training."""
        self._best, self._bad = math.inf, 0

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run must know."""
        return {'best': self._best, 'bad': self._bad}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take it back."""
        self._best, self._bad = state['best'], state['bad']
