"""The student's features are to be the teacher's: G-inter and D-inter."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mmgancomp.errors import ConfigError

from ..connectors import (
    connector,
    example_features,
    family_of,
    find_point,
    read_layers,
)
from ..registry import LOSS_TERMS
from ..step import Step
from ..taps import full_precision
from ..term import Binding, LossTerm

__all__ = ['FeatureL1Loss']


@LOSS_TERMS.register_module()
class FeatureL1Loss(LossTerm):
    """γ · Σ mean |r(feature) − teacher's feature|: DGL-GAN, Eq. 7 and 8.

    In the generator's loss: features of the generators while they make this
    turn's images, the teacher's for the same latents. In the
    discriminator's: features of the discriminators for fakes and for reals,
    summed. r is a 1×1 convolution without bias where the widths differ,
    trained with the network. The mean is over all elements of a layer; layers
    and networks are summed.

    Args:
        layers: Feature points or module paths: a list of names, or a dict
            of the student's → the teacher's.
        loss_weight: γ, 0.2 as in the paper's Fig. 9.
        **options: See :class:`~mmgancomp.distillation.term.LossTerm`.
    """

    places = ('generator', 'discriminator')
    asks = {
        'generator': ('generator', ),
        'discriminator': ('discriminator', )
    }

    def __init__(self,
                 layers: Any = None,
                 loss_weight: float = 0.2,
                 **options: Any) -> None:
        super().__init__(loss_weight, **options)
        self.layers = layers
        self.connectors = nn.ModuleDict()
        self._pairs: dict[str, list[tuple[str, str]]] = {}

    def bind(self, binding: Binding) -> None:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        super().bind(binding)
        key = binding.key('layers')
        names = read_layers(self.layers, key)
        family, theirs = binding.family, family_of(binding)
        networks = {
            name: network
            for name, network in binding.students().items()
            if name in binding.teacher.networks
        }
        for order, (name, network) in enumerate(networks.items()):
            twin = binding.teacher.networks[name]
            pairs = [(find_point(family, network.module, here, key).path,
                      find_point(theirs, twin, there, key).path)
                     for here, there in names.items()]
            self._pairs[name] = pairs
            for path, other in pairs:
                binding.recorder.taps[name].add(path)
                binding.teacher.tap(name, other)
            own = example_features(family, network.module,
                                   [here for here, _ in pairs])
            others = example_features(theirs, twin,
                                      [there for _, there in pairs])
            for index, ((here, there), label) in enumerate(zip(pairs, names)):
                if here not in own or there not in others:
                    raise ConfigError.at(
                        key, label, 'this module returns no tensor, or is '
                        'not called; name one that makes a feature map')
                self.connectors[_slot(name, index)] = connector(
                    own[here], others[there],
                    binding.seed + 1000 * order + index, key, label)

    def forward(self, step: Step) -> Tensor:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        calls = (
            step.generated().values() if step.place == 'generator' else
            [*step.fakes().values(), *step.reals().values()])
        total: Any = 0.
        for call in calls:
            replay = step.replay(call, self.teacher)
            for index, (here, there) in enumerate(self._pairs[call.network]):
                match = self.connectors[_slot(call.network, index)]
                # Half-precision blocks hand over half-precision features.
                total = total + F.l1_loss(
                    full_precision(
                        match(full_precision(call.features[here]))),
                    full_precision(replay.features[there].detach()))
        return total

    def settings(self) -> dict[str, Any]:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        pairs = {name: dict(pairs) for name, pairs in self._pairs.items()}
        return {**super().settings(), 'layers': pairs}

    def describe(self) -> dict[str, Any]:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        return {
            **super().describe(), 'layers': {
                name: [{
                    'student': here,
                    'teacher': there,
                    'connector': sum(
                        p.numel() for p in self.connectors[_slot(
                            name, index)].parameters())
                } for index, (here, there) in enumerate(pairs)]
                for name, pairs in self._pairs.items()
            }
        }


def _slot(network: str, index: int) -> str:
    # A module's name must not hold a dot.
    return f'{network.replace(".", "-")}-{index}'
