"""A reader of pickles that knows a few globals and hands out none.

What a pickle names is replaced by stand-ins: callables without attributes,
which a pickle can neither change nor look into. MMEngine's log history is
rebuilt from its numbers; the methods it was saved with are not read.
"""

from __future__ import annotations

import pickle
from collections import Counter, OrderedDict
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

__all__ = ['RefusedGlobal', 'restricted']

_OTHER_NAMES = {
    '__builtin__': 'builtins',
    'numpy._core.multiarray': 'numpy.core.multiarray',
}
_REBUILD = ('_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_parameter')
_STATISTICS = ('min', 'max', 'mean', 'current')


class RefusedGlobal(pickle.UnpicklingError):
    """A pickle asks for a global that it has no need of."""


class _StandIn:
    """A callable that a pickle cannot alter: no attributes, no state."""

    __slots__ = ('_call', )

    def __init__(self, call: Callable) -> None:
        object.__setattr__(self, '_call', call)

    def __setattr__(self, name: str, value: Any) -> None:
        raise RefusedGlobal(f'a change of {name}')

    def __call__(self, *args: Any) -> Any:
        return self._call(*args)


def _refuse(*args: Any) -> None:
    raise RefusedGlobal('a call of numpy.ndarray')


def _array(*args: Any) -> np.ndarray:
    """An empty array, which takes its content from the state that follows."""
    return np.ndarray((0, ), np.int8)


def _dtype(code: str, *args: Any) -> np.dtype:
    dtype = np.dtype(code)
    if dtype.kind not in 'biufcSU':
        raise RefusedGlobal(f'numpy.dtype({code!r})')
    return np.dtype(code, copy=True)


def _scalar(dtype: np.dtype, content: bytes) -> np.generic:
    return np.frombuffer(content, dtype, count=1)[0]


def _encode(text: str, encoding: str = 'latin1') -> bytes:
    if encoding != 'latin1':
        raise RefusedGlobal(f'_codecs.encode to {encoding}')
    return text.encode(encoding)


def _history_type() -> type:
    """A type for one file only: whatever a pickle does to it ends there."""
    from mmengine.logging import HistoryBuffer

    class Restored(HistoryBuffer):

        def __setstate__(self, state: dict) -> None:
            HistoryBuffer.__init__(self, state['_log_history'],
                                   state['_count_history'],
                                   int(state['max_length']))
            self.__class__ = HistoryBuffer

    return Restored


def _known(history: type) -> dict[tuple[str, str], Any]:

    def statistic(owner: Any, name: str) -> str:
        if owner is history and name in _STATISTICS:
            return name
        raise RefusedGlobal(f'getattr({owner!r}, {name!r})')

    calls = {
        ('builtins', 'getattr'): statistic,
        ('builtins', 'set'): set,
        ('builtins', 'frozenset'): frozenset,
        ('builtins', 'complex'): complex,
        ('builtins', 'bytearray'): bytearray,
        ('_codecs', 'encode'): _encode,
        # The milestones of a MultiStepLR. A class of Python, so not handed
        # out itself.
        ('collections', 'Counter'): Counter,
        ('numpy', 'ndarray'): _refuse,
        ('numpy', 'dtype'): _dtype,
        ('numpy.core.multiarray', '_reconstruct'): _array,
        ('numpy.core.multiarray', 'scalar'): _scalar,
    }
    calls |= {('torch._utils', name): getattr(torch._utils, name)
              for name in _REBUILD}
    known: dict[tuple[str, str], Any] = {
        name: _StandIn(call)
        for name, call in calls.items()
    }
    # Types of C, which nobody can change.
    known |= {('collections', 'OrderedDict'): OrderedDict,
              ('torch', 'Size'): torch.Size,
              ('torch', 'device'): torch.device,
              ('mmengine.logging.history_buffer', 'HistoryBuffer'): history}
    return known


def restricted() -> SimpleNamespace:
    """What ``torch.load`` takes as ``pickle_module``, for one file.

    Reading raises :class:`RefusedGlobal`, whose message is the global, at
    the first one that is not known.
    """
    known = _known(_history_type())

    class Unpickler(pickle.Unpickler):

        def find_class(self, module: str, name: str) -> Any:
            module = _OTHER_NAMES.get(module, module)
            if (module, name) in known:
                return known[module, name]
            dtype = vars(torch).get(name) if module == 'torch' else None
            if isinstance(dtype, torch.dtype):
                return dtype
            raise RefusedGlobal(f'{module}.{name}')

    def load(file: Any, **kwargs: Any) -> Any:
        return Unpickler(file, **kwargs).load()

    return SimpleNamespace(
        __name__='restricted', Unpickler=Unpickler, load=load)
