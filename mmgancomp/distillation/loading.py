"""Build a teacher from a config and a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from mmgancomp import families
from mmgancomp.errors import ConfigError, closest
from mmgancomp.families.base import Network
from mmgancomp.families.calls import Call
from mmgancomp.runtime import rng
from mmgancomp.runtime.context import RunContext
from mmgancomp.runtime.weights import fault, weights_of

from .teacher import Teacher
from .twins import SHAPE, check_inputs, takes

__all__ = ['SNAPSHOT', 'LoadedTeacher']

SNAPSHOT = 'snapshot:'


class LoadedTeacher:
    """One teacher of a run: what it is made of, and when it is ready.

    Args:
        name: Its name.
        options: What the config says about it, checked for unknown keys.
        key: Its config key.
        context: The run.

    Attributes:
        teacher: The networks. Their weights are right once
            :attr:`ready` is true.
        ready: Whether the checkpoint has been read.

    Raises:
        ConfigError: If it cannot be built, or is no twin of the student.
    """

    def __init__(self, name: str, options: dict[str, Any], key: str,
                 context: RunContext) -> None:
        self.name, self.key = name, key
        self.checkpoint = options['checkpoint']
        self.ema = options.get('ema')
        self.ready = False
        self._digest = ''
        config = _config(options.get('config'), key, context)
        # Building draws initial weights; the run must draw the same numbers
        # with and without a teacher.
        with rng.isolated():
            self._model = _build(config, key, options.get('config'))
        self._kind = type(self._model).__name__
        self.family = families.of(self._model)
        self._first = options.get('noise') == 'first'
        self._foreign = self.family.name != context.family.name
        self.twins = self.family.networks(self._model)
        if not self._foreign:
            self._check_twin(context, context.networks)
        if self.ema and all(n.ema is None for n in self.twins.values()):
            raise ConfigError.at(
                f'{key}.ema', True, 'the teacher keeps no EMA of its '
                'generators; leave ema out')
        self.teacher = Teacher(
            name, {
                twin: self._chosen(network)
                for twin, network in self.twins.items()
            }, self.family, self._shorten if self._first else None)
        self._snapshots = (
            Path(context.config.work_dir) / 'snapshots'
            if context.config is not None and context.config.get('work_dir')
            else None)
        if self.source() == 'file' and not self._foreign:
            self.load()

    def _chosen(self, network: Network) -> nn.Module:
        if network.ema is None or self.ema is False:
            return network.module
        return network.ema

    def source(self) -> str:
        """``'snapshot'``, ``'address'`` or ``'file'``."""
        if self.checkpoint.startswith(SNAPSHOT):
            return 'snapshot'
        return 'address' if '://' in self.checkpoint else 'file'

    def needs(self, names: Iterable[str]) -> None:
        """Keep these networks alone, the rest gives its memory back."""
        self.teacher.keep(names)
        if self.ready:
            del self._model, self.twins

    # -- is it a twin ----------------------------------------------------

    def check_roles(self, context: RunContext, roles: set[str]) -> None:
        """Only a generator may be of another family than the student's.

        A teacher of another family is read now, the others are already.

        Args:
            context: The run.
            roles: Those of its networks that somebody runs.

        Raises:
            ConfigError: It is, and does not do.
        """
        if not self._foreign:
            return
        asked = {
            name: network
            for name, network in context.networks.items()
            if network.role in roles
        }
        if 'discriminator' in roles or not set(asked) <= set(self.twins):
            raise ConfigError.at(
                f'{self.key}.config', self._kind,
                f'the teacher is of family {self.family.name!r} and the '
                f'student, {type(context.model).__name__}, of '
                f'{context.family.name!r}; a teacher must be of the same '
                'family, unless terms ask for nothing but features of a '
                'generator that is called alike')
        self._check_twin(context, asked)
        if self.source() == 'file':
            self.load()

    def _check_twin(self, context: RunContext,
                    students: Mapping[str, Network]) -> None:
        for name, network in students.items():
            if name not in self.twins:
                raise ConfigError.at(
                    f'{self.key}.config', self._kind,
                    f'the teacher has no {name}, which the student has; '
                    f'{closest(name, self.twins)}')
            ours = takes(context.family, network.module)
            theirs = takes(self.family, self.twins[name].module)
            if self._first and SHAPE in ours:
                self._check_noise(ours, theirs)
            check_inputs(name, ours, theirs,
                         type(self.twins[name].module).__name__,
                         f'{self.key}.config')

    def _check_noise(self, ours: dict[str, Any],
                     theirs: dict[str, Any]) -> None:
        given, taken = ours[SHAPE], theirs[SHAPE]
        if len(given) != 1 or len(taken) != 1:
            return
        if taken[0] > given[0]:
            raise ConfigError.at(
                f'{self.key}.noise', 'first',
                f'the teacher takes {taken[0]} latents and the student has '
                f'{given[0]}; a teacher can leave some out, not make some')
        ours[SHAPE] = taken

    def _shorten(self, call: Call) -> tuple[tuple, dict[str, Any]]:
        """A call with as many of the latents as the teacher takes."""
        size = getattr(self.teacher.networks[call.network], 'noise_size',
                       None)
        if size is None:
            return call.args, call.kwargs
        return call.with_input(call.input[:, :size])

    # -- weights ---------------------------------------------------------

    def available(self) -> bool:
        """Whether the weights can be read now."""
        path = self.path() if self.source() == 'snapshot' else None
        return self.source() != 'snapshot' or bool(path and path.is_file())

    def path(self) -> Path | None:
        """The snapshot's file; None without a work folder."""
        name = self.checkpoint.removeprefix(SNAPSHOT)
        return self._snapshots and self._snapshots / f'{name}.pth'

    def load(self) -> None:
        """Read the checkpoint.

        Raises:
            ConfigError: If it cannot be read or is of another model.
        """
        state = self._read()
        key = f'{self.key}.checkpoint'
        own = self._model.state_dict()
        state = {k.removeprefix('module.'): v for k, v in state.items()}
        for entry, value in own.items():
            found = state.get(entry, value)
            wrong = fault(found, value)
            if not wrong and found.shape == value.shape:
                continue
            if self._taught(entry):
                raise ConfigError.at(
                    key, self.checkpoint,
                    f'name another checkpoint: in this one {entry} {wrong}'
                    if wrong else self._misfit(entry, value, found))
            del state[entry]
        try:
            # Through the model, so that each class may convert older names.
            missing = self._model.load_state_dict(
                state, strict=False).missing_keys
        except RuntimeError as error:
            raise ConfigError.at(
                key, self.checkpoint, 'name another checkpoint; this one '
                f'cannot be loaded: {str(error).splitlines()[-1].strip()}'
            ) from error
        for entry in missing:
            if self._taught(entry):
                raise ConfigError.at(key, self.checkpoint,
                                     self._misfit(entry, own[entry], None))
        self.teacher.freeze()
        self._digest = self.teacher.digest()
        self.ready = True

    def _taught(self, entry: str) -> bool:
        """Whether an entry of the state belongs to a network in use."""
        return any(
            entry.startswith(_prefix(self._model, module))
            for module in self.teacher.networks.values())

    def _misfit(self, entry: str, value: Any, found: Any) -> str:
        here = tuple(value.shape)
        what = 'missing' if found is None else str(tuple(found.shape))
        hint = ('; write ema=False to take the generator itself'
                if found is None and '_ema.' in entry else '')
        return (f'it is of another model than {self.key}.config: {entry} is '
                f'{what} there and {here} here{hint}')

    def _read(self) -> dict[str, Any]:
        from mmengine.runner.checkpoint import CheckpointLoader

        from mmgancomp.repairs.reading import CheckpointError, read_checkpoint
        key = f'{self.key}.checkpoint'
        path: Any = os.path.expanduser(self.checkpoint)
        if self.source() == 'snapshot':
            path = self.path()
            if path is None or not path.is_file():
                known = [] if path is None else sorted(
                    file.stem for file in path.parent.glob('*.pth'))
                raise ConfigError.at(
                    key, self.checkpoint,
                    'this run has made no such snapshot by the time that a '
                    'term needs it; '
                    f'{closest(self.checkpoint[len(SNAPSHOT):], known)}')
        elif self.source() == 'file' and not os.path.isfile(path):
            raise ConfigError.at(
                key, self.checkpoint, 'there is no such file (looked for '
                f'{os.path.abspath(path)})')
        try:
            content = (
                CheckpointLoader.load_checkpoint(self.checkpoint, 'cpu')
                if self.source() == 'address' else read_checkpoint(
                    path, map_location='cpu'))
        except (CheckpointError, OSError) as error:
            reason = str(error).removeprefix(f'{path}: ')
            raise ConfigError.at(
                key, self.checkpoint,
                f'name a checkpoint; this {reason}') from error
        return weights_of(content, key, self.checkpoint)

    def identity(self) -> str:
        """What a resumed run must share: the weights themselves."""
        return (self.checkpoint if self.source() == 'snapshot' else
                self._digest)


def _prefix(model: nn.Module, module: nn.Module) -> str:
    return next(f'{path}.' for path, found in model.named_modules()
                if found is module)


def _config(given: Any, key: str, context: RunContext) -> Any:
    from mmengine.config import Config
    key = f'{key}.config'
    if given is None:
        if context.config is None or context.config.get('model') is None:
            raise ConfigError.at(key, None, "write the teacher's config")
        return context.config
    if isinstance(given, dict):
        config = Config(given) if 'model' in given else Config(
            dict(model=given))
    elif not isinstance(given, str):
        raise ConfigError.at(
            key, given, "write a config file, 'mmagic::…', or a dict with "
            'the model')
    else:
        try:
            # A `_base_` may lie in an installed package.
            config = (
                Config.fromstring(f'_base_ = {given!r}\n', '.py')
                if '::' in given else Config.fromfile(
                    os.path.expanduser(given)))
        except Exception as error:
            reason = (str(error).strip().splitlines() or [''])[0]
            raise ConfigError.at(
                key, given, 'cannot be read as a config '
                f'({type(error).__name__}: {reason})') from error
    if config.get('model') is None:
        raise ConfigError.at(key, given, 'this config has no model')
    return config


def _build(config: Any, key: str, given: Any) -> nn.Module:
    from mmengine.registry import DefaultScope

    from mmgancomp.registry import MODELS
    settings = config.model.copy()
    if config.get('data_preprocessor') is not None:
        settings.setdefault('data_preprocessor', config.data_preprocessor)
    try:
        with DefaultScope.overwrite_default_scope(
                config.get('default_scope') or 'mmagic'):
            return MODELS.build(settings)
    except ConfigError:
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [''])[0]
        raise ConfigError.at(
            f'{key}.config', given, 'its model cannot be built '
            f'({type(error).__name__}: {reason})') from error
