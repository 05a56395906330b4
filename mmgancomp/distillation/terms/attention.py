"""Where the student looks is to be where the teacher does: PPCD-GAN."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from mmgancomp.errors import ConfigError
from mmgancomp.families.calls import FeaturePoint

from ..connectors import (
    example_features,
    family_of,
    find_point,
    points_of,
    read_layers,
)
from ..registry import LOSS_TERMS
from ..step import Step
from ..term import Binding, LossTerm

__all__ = ['AttentionMapLoss', 'attention_distance', 'attention_map']

NORMS = ('next', 'instance', 'none')
SIDES = ('before', 'after')


def attention_map(features: Tensor) -> Tensor:
    """Σ over channels of the squares, one row per sample, of length 1.

    In single precision at least: squares overflow in half. A map of zeros
    stays one.

    Args:
        features: (N, C, …).

    Returns:
        (N, positions).
    """
    if features.dtype in (torch.float16, torch.bfloat16):
        features = features.float()
    return F.normalize(
        features.square().sum(1).flatten(1), dim=1, eps=1e-12)


def attention_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """ℓ_CD = ‖F^T/‖F^T‖ − F^S/‖F^S‖‖, not squared, mean over the batch.

    Args:
        student: Features, (N, C, H, W).
        teacher: Likewise; C may be another number.
    """
    difference = attention_map(teacher) - attention_map(student)
    return torch.linalg.vector_norm(difference, dim=1).mean()


@LOSS_TERMS.register_module()
class AttentionMapLoss(LossTerm):
    """Class-aware attention-map distillation: PPCD-GAN, Eq. 4 and 6.

    Maps of energy over the image, of several layers, in the student's
    generator and in the teacher's for the same latents and labels. The
    teacher's features go through the class-conditional norm that they meet
    next, so that the map is that of the class. No connector is needed:
    widths may differ. Mean over layers, sum over generators.

    Args:
        layers: Feature points or module paths: a list of names, or a dict
            of the student's → the teacher's. By default, as in the paper,
            ``block2`` and all later blocks that both have.
        loss_weight: 1 in the paper (Eq. 8).
        teacher_norm: ``'next'``: the norm that the teacher applies next,
            with the arguments of that call, its statistics frozen.
            ``'instance'``: each channel of each sample normalised, nothing
            learned. ``'none'``. By default ``'next'`` where the teacher has
            classes, else ``'none'``.
        attention: Which side of self-attention is meant where a layer is
            followed by it, ``'before'`` or ``'after'``.
        **options: See :class:`~mmgancomp.distillation.term.LossTerm`.
    """

    asks = {'generator': ('generator', )}

    def __init__(self,
                 layers: Any = None,
                 loss_weight: float = 1.,
                 teacher_norm: str | None = None,
                 attention: str = 'before',
                 **options: Any) -> None:
        super().__init__(loss_weight, **options)
        if teacher_norm is not None and teacher_norm not in NORMS:
            raise ValueError(f'teacher_norm is one of {", ".join(NORMS)}')
        if attention not in SIDES:
            raise ValueError(f'attention is one of {", ".join(SIDES)}')
        self.layers = layers
        self.teacher_norm = teacher_norm
        self.attention = attention
        self._pairs: dict[str, list[tuple[str, str]]] = {}

    def bind(self, binding: Binding) -> None:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        super().bind(binding)
        for name, network in binding.students().items():
            twin = binding.teacher.networks.get(name)
            if twin is None:
                continue
            self._pairs[name] = self._connect(binding, name, network.module,
                                              twin)

    def _connect(self, binding: Binding, name: str, network: Any,
                 twin: Any) -> list[tuple[str, str]]:
        key = binding.key('layers')
        family, theirs = binding.family, family_of(binding)
        if self.teacher_norm is None:
            classes = getattr(twin, 'num_classes', None)
            self.teacher_norm = 'next' if classes else 'none'
        if self.layers is None:
            self.layers = _blocks(points_of(family, network),
                                  points_of(theirs, twin), key)
        pairs = []
        for here, there in read_layers(self.layers, key).items():
            own = self._side(find_point(family, network, here, key))
            other = self._side(find_point(theirs, twin, there, key))
            if self.teacher_norm == 'next' and other.norm is None:
                raise ConfigError.at(
                    binding.key('teacher_norm'), self.teacher_norm,
                    f'no norm is known to follow {there!r} of the teacher; '
                    "write 'instance' or 'none', or name another layer")
            binding.recorder.taps[name].add(own.path)
            norm = other.norm if self.teacher_norm == 'next' else None
            pairs.append((own.path,
                          binding.teacher.tap(name, other.path, norm)))
        ours = example_features(family, network, [own for own, _ in pairs])
        others = example_features(
            theirs, twin, [other.partition('|')[0] for _, other in pairs])
        for (own, other), label in zip(pairs, read_layers(self.layers, key)):
            _check_sizes(ours.get(own), others.get(other.partition('|')[0]),
                         label, key)
        return pairs

    def _side(self, point: FeaturePoint) -> FeaturePoint:
        if self.attention == 'after' and point.attention:
            return FeaturePoint(point.attention, point.norm)
        return point

    def forward(self, step: Step) -> Tensor:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        total: Any = 0.
        for call in step.generated().values():
            replay = step.replay(call, self.teacher)
            pairs = self._pairs[call.network]
            for here, there in pairs:
                features = replay.features[there].detach()
                if self.teacher_norm == 'instance':
                    features = F.instance_norm(features.float())
                total = total + attention_distance(
                    call.features[here], features) / len(pairs)
        return total

    def settings(self) -> dict[str, Any]:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        return {
            **super().settings(), 'layers':
            {name: dict(pairs) for name, pairs in self._pairs.items()},
            'teacher_norm': self.teacher_norm,
            'attention': self.attention
        }

    def describe(self) -> dict[str, Any]:
        """See :class:`~mmgancomp.distillation.term.LossTerm`."""
        return {
            **super().describe(), 'teacher_norm': self.teacher_norm,
            'attention': self.attention,
            'layers': {
                name: [{'student': here, 'teacher': there}
                       for here, there in pairs]
                for name, pairs in self._pairs.items()
            }
        }


def _blocks(own: dict[str, FeaturePoint], other: dict[str, FeaturePoint],
            key: str) -> list[str]:
    names = [
        name for name in own
        if name in other and name.startswith('block') and name != 'block1'
    ]
    if not names:
        raise ConfigError.at(
            key, None, 'name the layers: student and teacher have no '
            f'blocks in common from the second on; the student has '
            f'{", ".join(own)}, the teacher {", ".join(other)}')
    return names


def _check_sizes(own: Tensor | None, other: Tensor | None, label: str,
                 key: str) -> None:
    if own is None or other is None:
        raise ConfigError.at(
            key, label, 'this module returns no tensor, or is not called; '
            'name one that makes a feature map')
    if own.dim() < 3 or own.shape[2:] != other.shape[2:]:
        raise ConfigError.at(
            key, label, 'the maps must be of one size; the student has '
            f'{tuple(own.shape[2:])} there, the teacher '
            f'{tuple(other.shape[2:])}')
