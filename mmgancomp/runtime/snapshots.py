"""Named states of a model during a run: ``theta0``, ``dense_final``, …"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.model import is_model_wrapper
from mmengine.runner.checkpoint import get_state_dict
from torch import Tensor, nn

from mmgancomp.errors import MMGanCompError, closest
from mmgancomp.families.base import Network
from mmgancomp.files import write_whole

from .plain import to_plain

__all__ = ['Snapshots']


class Snapshots:
    """Full states of a model's networks, one file each.

    Every entry of the model's ``state_dict`` is in it: weights, running
    statistics, vectors of spectral norm, the EMA copy. The file is an
    MMEngine checkpoint that opens with ``weights_only=True``.

    Args:
        model: The bare model.
        networks: Its networks by name.
        folder: Where the files go.
    """

    def __init__(self, model: nn.Module, networks: dict[str, Network],
                 folder: str | Path) -> None:
        self._model, self._networks = model, networks
        self._folder = Path(folder)

    def path(self, name: str) -> Path:
        """The file of a snapshot, whether it exists or not.

        Raises:
            MMGanCompError: If the name cannot be a file's.
        """
        if not re.fullmatch(r'[A-Za-z0-9][A-Za-z0-9_.-]*', name):
            raise MMGanCompError(
                f'{name!r} cannot name a snapshot: use letters, digits, '
                '"_", "." and "-"')
        return self._folder / f'{name}.pth'

    def names(self) -> list[str]:
        """Names of the snapshots that exist."""
        return sorted(p.stem for p in self._folder.glob('*.pth'))

    def save(self, name: str, **info: Any) -> Path:
        """Write the present state, whole or not at all, from rank 0.

        Args:
            name: Name of the snapshot; an older one of the name goes.
            info: Numbers and strings to keep with it.
        """
        path = self.path(name)
        if is_main_process():
            buffer = io.BytesIO()
            torch.save(
                {
                    # Under the names that the bare model gives them,
                    # whatever is wrapped.
                    'state_dict': {
                        k: v.detach().cpu()
                        for k, v in get_state_dict(self._model).items()
                    },
                    'mmgancomp_snapshot': to_plain({
                        'name': name,
                        **info
                    })
                }, buffer)
            write_whole(path, buffer.getvalue())
        barrier()
        return path

    def read(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """State and info of a snapshot, on the CPU.

        Raises:
            MMGanCompError: If there is none of that name, or it is damaged.
        """
        path = self.path(name)
        if not path.is_file():
            raise MMGanCompError(
                f'no snapshot {name!r}; {closest(name, self.names())}')
        try:
            content = torch.load(path, map_location='cpu', weights_only=True)
            return content['state_dict'], content['mmgancomp_snapshot']
        except Exception as error:
            raise MMGanCompError(
                f'{path} is not a snapshot, or is damaged') from error

    @torch.no_grad()
    def load(self, name: str,
             networks: Iterable[str] | None = None) -> dict[str, Any]:
        """Put networks back into the state of a snapshot, strictly.

        Args:
            name: The snapshot.
            networks: Names of networks; a network's EMA copy goes with it.
                Defaults to the whole model.

        Returns:
            The info that was saved with it.

        Raises:
            MMGanCompError: If there is no such snapshot or network, or if
                the snapshot is of another model; nothing is loaded then.
        """
        state, info = self.read(name)
        bare = dict(_bare_modules(self._model))
        prefixes = [''] if networks is None else [
            prefix for network in networks
            for prefix in self._prefixes(network, bare)
        ]
        own = get_state_dict(self._model)
        for prefix in prefixes:
            self._check(name, prefix, state, own)
        for key, value in own.items():
            if any(key.startswith(prefix) for prefix in prefixes):
                value.copy_(state[key])
        return info

    @torch.no_grad()
    def load_rest(self, name: str) -> dict[str, Any]:
        """Put back what belongs to no network: running means of losses.

        Returns:
            The info that was saved with the snapshot.
        """
        state, info = self.read(name)
        bare = dict(_bare_modules(self._model))
        owned = tuple(prefix for network in self._networks
                      for prefix in self._prefixes(network, bare))
        for key, value in get_state_dict(self._model).items():
            # The count of an average lies beside the averaged copy.
            if not key.startswith(owned) and not any(
                    prefix.startswith(f'{key.rpartition(".")[0]}.')
                    for prefix in owned if '.' in key):
                value.copy_(state[key])
        return info

    def check(self, name: str) -> dict[str, Any]:
        """Check that a snapshot is one of this model, loading nothing.

        Returns:
            The info that was saved with it.

        Raises:
            MMGanCompError: As :meth:`load`.
        """
        state, info = self.read(name)
        self._check(name, '', state, get_state_dict(self._model))
        return info

    def _prefixes(self, network: str,
                  bare: dict[str, nn.Module]) -> list[str]:
        if network not in self._networks:
            raise MMGanCompError(f'no network {network!r}; '
                                 f'{closest(network, self._networks)}')
        found = self._networks[network]
        return [
            prefix for prefix, module in bare.items()
            if module is found.module or module is found.ema
        ]

    def _check(self, name: str, prefix: str, state: dict[str, Tensor],
               own: dict[str, Tensor]) -> None:
        given = {k: v.shape for k, v in state.items() if k.startswith(prefix)}
        wanted = {k: v.shape for k, v in own.items() if k.startswith(prefix)}
        for key in dict.fromkeys([*wanted, *given]):
            if given.get(key) != wanted.get(key):
                raise MMGanCompError(
                    f'snapshot {name!r} is of another model: {key} is '
                    f'{_shape(wanted, key)} here and {_shape(given, key)} '
                    'there')


def _shape(shapes: dict[str, torch.Size], key: str) -> str:
    return str(tuple(shapes[key])) if key in shapes else 'missing'


def _bare_modules(module: nn.Module,
                  prefix: str = '') -> Iterator[tuple[str, nn.Module]]:
    """Modules by their stock prefix: as if nothing was wrapped."""
    if is_model_wrapper(module):
        module = module.module
    yield prefix, module
    for name, child in module._modules.items():
        if child is not None:
            yield from _bare_modules(child, f'{prefix}{name}.')
