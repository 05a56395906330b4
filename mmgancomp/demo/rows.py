"""The models of the demo: how each comes about, and from which config."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mmgancomp
from mmgancomp.errors import ConfigError

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = [
    'DENSE', 'NETWORK', 'ROWS', 'SLIM', 'Row', 'read_config', 'shown_config'
]

NETWORK = 'generator'
"""The network that is compressed."""

_DENSE_CONFIG = 'sngan-proj_digits-16x16.py'


@dataclass(frozen=True)
class Row:
    """One model of the demo.

    Attributes:
        name: Its name in tables and in the record, and its folder's.
        title: What is done to get it.
        config: The config it is evaluated with, below ``configs/demo``.
        seconds: About how long it takes on two idle cores.
        train: Whether the config is trained to get it.
        recipe: The config that says how it is pruned, or None: not at all.
        width: Share of the dense model's widths that was cut out of it to
            have this one, or None: nothing was.
        start: The row whose weights the training begins with, if it does
            not begin with random ones.
    """

    name: str
    title: str
    config: str
    seconds: int
    train: bool = True
    recipe: str | None = None
    width: float | None = None
    start: str = 'dense'


def _trained(name: str, title: str, seconds: int) -> Row:
    return Row(name, title, f'{name}_{_DENSE_CONFIG}', seconds)


def _pruned(name: str, title: str, seconds: int) -> Row:
    row = _trained(name, title, seconds)
    return replace(row, recipe=row.config)


DENSE = Row('dense', 'Train a stock SNGAN on handwritten digits',
            _DENSE_CONFIG, 140)

_FINETUNED = _pruned(
    'oneshot-finetuned-90', 'Remove the smallest 90 % of weights at once, '
    'then train on', 50)

SLIM = replace(
    _trained('half-channels-output-l1',
             'The same, then train on, each image tied to the dense model\'s',
             60),
    width=.5,
    start='half-channels')

ROWS = (
    DENSE,
    Row('oneshot-90',
        'Remove the smallest 90 % of weights at once, and stop there',
        _DENSE_CONFIG,
        4,
        train=False,
        recipe=_FINETUNED.config),
    _FINETUNED,
    _pruned('agp-90', 'Remove 90 % of weights bit by bit while training', 50),
    _pruned('agp-output-l1-90',
            'The same, each image tied to the dense model\'s', 55),
    _pruned('self-supervised-90',
            'The same, its scores tied to the dense model\'s', 65),
    Row('half-channels',
        'Cut half of the channels out, and stop there',
        SLIM.config,
        4,
        train=False,
        width=SLIM.width),
    SLIM,
    _trained('half-width-distilled',
             'Train half of the channels from nothing, with that teacher',
             75),
)
"""All rows, in the order in which they are made; each needs the first."""


def config_path(name: str) -> Path:
    """The file of a demo config, in an installation or in a checkout.

    Raises:
        ConfigError: If the installation lacks it.
    """
    package = Path(mmgancomp.__file__).resolve().parent
    for folder in (package / '.mim', package.parent):
        path = folder / 'configs' / 'demo' / name
        if path.is_file():
            return path.resolve()
    raise ConfigError.at('config', f'mmgancomp::demo/{name}',
                         'this installation lacks it; install it again')


def shown_config(name: str) -> str:
    """A config as the user can name it to our commands."""
    path = config_path(name)
    if path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return f'mmgancomp::demo/{name}'


def read_config(name: str, seed: int,
                overrides: Mapping[str, Any]) -> Config:
    """Read a demo config.

    Args:
        name: Its file name.
        seed: Seed of the run.
        overrides: Dotted keys and values, as ``--cfg-options`` has them.
    """
    from mmengine.config import Config

    # Applies the repairs, before any runner exists.
    import mmgancomp.registry  # noqa: F401
    config = Config.fromfile(config_path(name))
    config.merge_from_dict({'randomness.seed': seed, **overrides})
    return config
