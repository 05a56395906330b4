"""Pix2Pix."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmgancomp.plugins import hookimpl

from . import losses
from .base import Family, bare, inherits
from .calls import FeaturePoint, Objective, Scene
from .sites import GateSite, plain_layers
from .translation import TranslationFamily
from .translation_groups import unet_levels


class Pix2PixFamily(TranslationFamily):
    """Paired translation; the discriminator sees source and target at once.

    Its generator draws dropout in training mode, which is also how MMagic
    runs it in a test.
    """

    name = 'pix2pix'
    loss = staticmethod(losses.vanilla)

    def claims(self, model: nn.Module) -> bool:
        return inherits(model, 'Pix2Pix')

    def main_calls(self, model: nn.Module) -> dict[str, int]:
        """See :meth:`Family.main_calls`: one generator is trained."""
        return {f'generators.{bare(model)._default_domain}': 0}

    def judgements(self, model: nn.Module,
                   scene: Scene) -> dict[str, Tensor]:
        """See :meth:`Family.judgements`: of source and target as one."""
        (name, nth), = self.main_calls(model).items()
        judge = name.replace('generators', 'discriminators')
        pair = torch.cat([scene.given(name, nth), scene.made(name, nth)], 1)
        return {judge: scene.judged(judge, pair)}

    def generator_objectives(self, model: nn.Module,
                             scene: Scene) -> dict[str, Objective]:
        """See :meth:`Family.generator_objectives`: and L1 to the target."""
        losses.check_unchanged(self, bare(model), '_get_gen_loss',
                               question='generator_objectives')
        (name, nth), = self.main_calls(model).items()
        made = scene.made(name, nth)
        pair = scene.real(name.replace('generators', 'discriminators'))
        target = pair[:, -made.shape[1]:]
        return {
            **super().generator_objectives(model, scene), 'pixel':
            Objective(bare(model).pixel_loss_weight, F.l1_loss(made, target))
        }

    def gate_sites(self, network: nn.Module) -> list[GateSite]:
        """See :meth:`Family.gate_sites`: every layer but the one that
        makes the image.

        A gate on the way down also closes what is concatenated across.
        """
        if not inherits(network, 'UnetGenerator'):
            return super().gate_sites(network)
        points = self.feature_points(network)
        levels = len(points) // 2
        return plain_layers(
            network,
            *(points[f'down{i}'].path for i in range(1, levels + 1)),
            *(points[f'up{i}'].path for i in range(levels, 1, -1)))

    def feature_points(self, network: nn.Module) -> dict[str, FeaturePoint]:
        """See :meth:`Family.feature_points`.

        ``down1`` is the outermost convolution and ``up1`` the one across
        from it, before anything is concatenated.
        """
        if not inherits(network, 'UnetGenerator'):
            return super().feature_points(network)
        points: dict[str, FeaturePoint] = {}
        for level, (down, up) in enumerate(unet_levels(network), 1):
            points[f'down{level}'] = FeaturePoint(down)
            points[f'up{level}'] = FeaturePoint(up)
        return points


_PIX2PIX = Pix2PixFamily()


@hookimpl
def mmgancomp_families() -> list[Family]:
    return [_PIX2PIX]
