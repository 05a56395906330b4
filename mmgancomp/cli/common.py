"""What the commands share: reading a config, and its ``--cfg-options``."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmgancomp.errors import ConfigError

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = [
    'add_config_options', 'add_launcher', 'command_line',
    'existing_checkpoint', 'is_main', 'load_config', 'set_work_dir'
]

# Those in tools/: who uses one of them is shown the others.
_SCRIPTS = ('train.py', 'test.py', 'profile.py', 'prune.py', 'report.py')


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Add ``--cfg-options``, spelt and read as MMagic does."""
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        type=_pair,
        metavar='KEY=VALUE',
        help='override entries of the config, for example '
        'default_hooks.sparsity.networks.generator.density=0.1; lists as '
        'key="[a,b]" or key=a,b, nested ones as key="[(a,b),(c,d)]", '
        'without white space')


def _pair(word: str) -> str:
    if not word.partition('=')[0] or '=' not in word:
        raise argparse.ArgumentTypeError(
            f'expected KEY=VALUE, but got {word!r}')
    return word


def add_launcher(parser: argparse.ArgumentParser) -> None:
    """Add ``--launcher`` and the rank that some launchers pass."""
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='what started the processes of a distributed run')
    parser.add_argument(
        '--local_rank',
        '--local-rank',
        type=int,
        default=0,
        help='index of this process on its machine; launchers set it')


def is_main() -> bool:
    """Whether this process is the one of its machine that speaks."""
    ranks = ('LOCAL_RANK', 'SLURM_LOCALID', 'OMPI_COMM_WORLD_LOCAL_RANK')
    given = (os.environ[name] for name in ranks if name in os.environ)
    return next(given, '0') == '0'


_STOCK_HOOKS = ('runtime_info', 'timer', 'sampler_seed', 'logger',
                'param_scheduler', 'checkpoint')
"""Names whose None MMEngine understands, and needs: they have defaults."""


def load_config(name: str, options: list[str] | None = None) -> Config:
    """Read a config and apply ``--cfg-options``.

    Importing the registry here, before any runner exists, also applies the
    repairs and makes ``_base_ = 'mmgancomp::…'`` known.

    Args:
        name: A path, or ``package::path`` for a config that an installed
            package ships, for example ``mmagic::dcgan/….py``.
        options: ``key=value`` words.

    Raises:
        ConfigError: The file is missing or is no config, or an option does
            not fit it.
    """
    path = _path_of(name)
    from mmengine.config import Config

    import mmgancomp.registry  # noqa: F401
    try:
        config = Config.fromfile(path)
    except FileNotFoundError as error:
        raise ConfigError(f'config = {name!r}: a file that it inherits '
                          f'cannot be found: {error}') from error
    except Exception as error:
        raise ConfigError(f'config = {name!r}: cannot be read: '
                          f'{type(error).__name__}: {error}') from error
    if options:
        try:
            config.merge_from_dict(_values(options))
        except Exception as error:
            raise ConfigError(
                f'--cfg-options {" ".join(options)}: cannot be merged into '
                f'{name}: {type(error).__name__}: {error}') from error
    _drop_hooks(config)
    return config


def _drop_hooks(config: Config) -> None:
    """Take out hooks that are None, whatever their name.

    ``default_hooks.sparsity=None`` is how a command line leaves one out, but
    MMEngine's runner fails at it unless the name is one of its own.
    """
    hooks = config.get('default_hooks') or {}
    for name in [n for n, hook in hooks.items() if hook is None]:
        if name not in _STOCK_HOOKS:
            del hooks[name]


def _path_of(name: str) -> str:
    path = name
    if '::' in name:
        package, _, inside = name.partition('::')
        spec = find_spec(package) if package.isidentifier() else None
        if spec is None or spec.origin is None:
            raise ConfigError.at('config', name,
                                 f'no package {package!r} is installed')
        root = Path(spec.origin).parent
        path = str(root / '.mim' / 'configs' / inside)
        if not os.path.isfile(path):
            raise ConfigError.at('config', name, f'there is no file {path}')
    if not os.path.exists(path):
        raise ConfigError.at(
            'config', name, 'there is no such file (looked for '
            f'{os.path.abspath(path)})')
    if os.path.isdir(path):
        raise ConfigError.at('config', name,
                             'is a folder; a config is a .py file')
    return path


def _values(options: list[str]) -> dict[str, Any]:
    """Read ``key=value`` words with MMEngine's own rules."""
    from mmengine.config import DictAction
    parser = argparse.ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=DictAction)
    return parser.parse_args(['--cfg-options', *options]).cfg_options


def set_work_dir(config: Config, flag: str | None, name: str) -> None:
    """Choose the work folder: the flag, else the config, else its name."""
    if flag:
        config.work_dir = flag
    elif config.get('work_dir') is None:
        config.work_dir = os.path.join('work_dirs', Path(name).stem)


def existing_checkpoint(key: str, path: str) -> str:
    """Return ``path`` unless it is a local file that does not exist.

    Addresses with a scheme (``https://…``) are left to MMEngine.
    """
    if '://' not in path and not os.path.isfile(path):
        raise ConfigError.at(
            key, path, 'there is no such file (looked for '
            f'{os.path.abspath(path)})')
    return path


def command_line(name: str, *words: str) -> str:
    """A command to show the user, in the form in which this one ran."""
    script = Path(sys.argv[0])
    if script.name in _SCRIPTS:
        shown = f'python {script.with_name(name)}.py'
    else:
        shown = f'mmgancomp {name}'
    return ' '.join([shown, *map(shlex.quote, words)])
