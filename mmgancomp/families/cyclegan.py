"""CycleGAN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmgancomp.plugins import hookimpl

from . import losses
from .base import Family, bare, inherits
from .calls import FeaturePoint, Objective, Scene
from .sites import GateSite, plain_layers
from .translation import TranslationFamily


class CycleGANFamily(TranslationFamily):
    """Unpaired translation, with a history of fake images per domain."""

    name = 'cyclegan'
    loss = staticmethod(losses.least_squares)

    def claims(self, model: nn.Module) -> bool:
        return inherits(model, 'CycleGAN')

    def main_calls(self, model: nn.Module) -> dict[str, int]:
        """See :meth:`Family.main_calls`.

        For each target domain in turn the training step translates and
        translates back, so that the second domain's generator goes back
        before it goes forth.
        """
        return {
            f'generators.{domain}': index
            for index, domain in enumerate(bare(model)._reachable_domains)
        }

    def judgements(self, model: nn.Module,
                   scene: Scene) -> dict[str, Tensor]:
        return {
            name.replace('generators', 'discriminators'): scene.judged(
                name.replace('generators', 'discriminators'),
                scene.made(name, nth))
            for name, nth in self.main_calls(model).items()
        }

    def generator_objectives(self, model: nn.Module,
                             scene: Scene) -> dict[str, Objective]:
        """See :meth:`Family.generator_objectives`.

        Per domain: adversarial, cycle and identity, weighted as
        ``loss_config`` has it.
        """
        losses.check_unchanged(self, bare(model), '_get_gen_loss',
                               question='generator_objectives')
        terms = super().generator_objectives(model, scene)
        weights = bare(model).loss_config
        main = self.main_calls(model)
        for name, nth in main.items():
            domain = name.partition('.')[2]
            other, = set(main) - {name}
            real = scene.real(f'discriminators.{domain}')
            back = scene.made(name, 1 - nth, scene.made(other, main[other]))
            terms[f'cycle_{domain}'] = Objective(
                weights['cycle_loss_weight'], F.l1_loss(back, real))
            if weights['id_loss_weight']:
                terms[f'identity_{domain}'] = Objective(
                    weights['id_loss_weight'],
                    F.l1_loss(scene.made(name, 2), real))
        return terms

    def gate_sites(self, network: nn.Module) -> list[GateSite]:
        """See :meth:`Family.gate_sites`.

        Both convolutions of each block, and every layer before and after
        them but the last two that write the blocks' sum and the image.
        """
        if not inherits(network, 'ResnetGenerator'):
            return super().gate_sites(network)
        layers = list(network.model)
        blocks = [
            inherits(layer, 'ResidualBlockWithDropout') for layer in layers
        ]
        sites: list[GateSite] = []
        for index, (layer, block) in enumerate(zip(layers, blocks)):
            path = f'model.{index}'
            if block:
                # Dropout may lie between the two.
                first, *_, last = (
                    f'{path}.block.{i}' for i, part in enumerate(layer.block)
                    if hasattr(part, 'conv'))
                sites += plain_layers(network, first)
                sites += plain_layers(network, last, joins=True)
            elif index + 1 < len(layers) and not blocks[index + 1]:
                sites += plain_layers(network, path)
        return sites

    def feature_points(self, network: nn.Module) -> dict[str, FeaturePoint]:
        """See :meth:`Family.feature_points`.

        Of the ResNet: ``down1`` and so on, ``block1`` and so on, ``up1`` and
        so on, the first convolution and the last left out.
        """
        if not inherits(network, 'ResnetGenerator'):
            return super().feature_points(network)
        points: dict[str, FeaturePoint] = {}
        counts = dict.fromkeys(('down', 'block', 'up'), 0)
        layers = list(network.model)
        for index, layer in enumerate(layers[1:-1], 1):
            if inherits(layer, 'ResidualBlockWithDropout'):
                kind = 'block'
            else:
                kind = 'up' if counts['block'] else 'down'
            counts[kind] += 1
            points[f'{kind}{counts[kind]}'] = FeaturePoint(f'model.{index}')
        return points

    def state(self, model: nn.Module) -> dict[str, Any]:
        """See :meth:`Family.state`: the image buffers, (n, C, H, W) each."""
        buffers = bare(model).image_buffers
        return {
            'image_buffers': {
                domain: torch.cat(buffer.image_buffer).detach().cpu()
                for domain, buffer in buffers.items()
                if getattr(buffer, 'image_buffer', None)
            }
        }

    def load_state(self, model: nn.Module, state: Mapping[str, Any]) -> None:
        model = bare(model)
        device = next(model.parameters()).device
        stored = state.get('image_buffers', {})
        for domain, buffer in model.image_buffers.items():
            if buffer.buffer_size > 0:
                images = stored.get(domain, ())
                buffer.image_buffer = [
                    image[None].to(device, copy=True) for image in images
                ]
                buffer.img_num = len(images)


_CYCLEGAN = CycleGANFamily()


@hookimpl
def mmgancomp_families() -> list[Family]:
    return [_CYCLEGAN]
