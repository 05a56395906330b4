"""Named states of a model during a run: ``theta0``, ``dense_final``, …"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import barrier, is_main_process
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
                    'state_dict': {
                        k: v.detach().cpu()
                        for k, v in self._model.state_dict().items()
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

    def load(self, name: str,
             networks: Iterable[str] | None = None) -> dict[str, Any]:
        """Put networks back into the state of a snapshot, strictly.

        Args:
            name: The snapshot.
            networks: Names of networks; a network's EMA copy goes with it.
                Defaults to the whole model.

        Returns:
            The info that was saved with it.
        """
        state, info = self.read(name)
        if networks is None:
            self._model.load_state_dict(state, strict=True)
            return info
        for network in (self._networks[n] for n in networks):
            modules = [network.module]
            if network.ema is not None:
                modules.append(network.ema)
            for module in modules:
                prefix = self._prefix(module)
                module.load_state_dict(
                    {
                        k.removeprefix(prefix): v
                        for k, v in state.items() if k.startswith(prefix)
                    },
                    strict=True)
        return info

    def _prefix(self, module: nn.Module) -> str:
        for path, candidate in self._model.named_modules():
            if candidate is module:
                return f'{path}.'
        raise MMGanCompError(
            f'{type(module).__name__} is no part of the model')
