"""Registries of scope ``mmgancomp``, children of MMagic's.

MMEngine imports this module when it meets a type that begins with
``mmgancomp.``. That import is what makes a config enough: it mends what
stock MMagic gets wrong (:mod:`mmgancomp.repairs`), lets plugins register
their components, and makes ``_base_ = 'mmgancomp::…'`` known.
"""

from __future__ import annotations

from mmagic import registry as stock
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.registry import MODEL_WRAPPERS as ROOT_MODEL_WRAPPERS
from mmengine.registry import Registry

from mmgancomp import plugins, repairs

__all__ = [
    'DATASETS', 'HOOKS', 'LOOPS', 'METRICS', 'MODELS', 'MODEL_WRAPPERS',
    'OPTIM_WRAPPERS', 'OPTIM_WRAPPER_CONSTRUCTORS'
]

SCOPE = 'mmgancomp'

# MMEngine knows the packages that may stand before `::` in a config from a
# table. A package in that table whose registry names no location is asked
# for `<package>.utils`; this module as the location of an empty registry
# prevents that, and is imported already.
MODULE2PACKAGE.setdefault(SCOPE, SCOPE)
_NOTHING = [__name__]


def _child(parent: Registry, locations: list[str]) -> Registry:
    # After a failed import (a plugin's error) the second one finds it there.
    child = parent.children.get(SCOPE)
    if child is not None:
        return child
    return Registry(
        parent.name,
        parent=parent,
        scope=SCOPE,
        locations=[*locations, *parent._locations] or _NOTHING)


MODELS = _child(stock.MODELS, [
    f'{SCOPE}.sparsity.sema', f'{SCOPE}.channels.slimmed',
    f'{SCOPE}.channels.gated',
    f'{SCOPE}.search.models'
])
HOOKS = _child(stock.HOOKS, [
    f'{SCOPE}.sparsity.hook', f'{SCOPE}.distillation.hook',
    f'{SCOPE}.channels.hook', f'{SCOPE}.channels.gate_hook',
    f'{SCOPE}.runtime.hooks', f'{SCOPE}.runtime.stages',
    f'{SCOPE}.runtime.adversarial'
])
LOOPS = _child(stock.LOOPS, [
    f'{SCOPE}.sparsity.lottery', f'{SCOPE}.search.loop'
])
DATASETS = _child(stock.DATASETS, [f'{SCOPE}.datasets'])
METRICS = _child(stock.METRICS, [f'{SCOPE}.evaluation.metrics'])
# Runner.wrap_model asks the root registry, which looks no deeper than its
# own children.
MODEL_WRAPPERS = _child(ROOT_MODEL_WRAPPERS, [f'{SCOPE}.repairs.ddp'])
OPTIM_WRAPPERS = _child(stock.OPTIM_WRAPPERS, [f'{SCOPE}.runtime.companion'])
OPTIM_WRAPPER_CONSTRUCTORS = _child(stock.OPTIM_WRAPPER_CONSTRUCTORS,
                                    [f'{SCOPE}.runtime.constructor'])

# A stock type in a config that is inherited as `mmgancomp::…` carries our
# scope, and a parent is asked only for what it has imported already.
for _stock in list(vars(stock).values()):
    if (isinstance(_stock, Registry) and _stock.scope == 'mmagic'
            and _stock is not stock.MODEL_WRAPPERS):
        _child(_stock, [])

repairs.install()
plugins.register_components()
