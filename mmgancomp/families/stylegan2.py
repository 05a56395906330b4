"""StyleGAN2 and what is trained like it: StyleGAN3, MSPIE-StyleGAN2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from mmgancomp.errors import ConfigError
from mmgancomp.plugins import hookimpl

from . import losses, stylegan2_groups
from .base import Family, bare, inherits, seeded_forward
from .calls import Call, FeaturePoint
from .conventions import CostConvention, stylegan2_macs
from .gan import BaseGANFamily
from .graphs import Graph
from .groups import ChannelGroup
from .layers import MaskableWeight, raw_weight_name
from .narrowing import stock_class
from .plain_copy import plain_copy
from .sites import GateSite
from .stylegan2_graph import StyleGAN2Graph
from .stylegan2_width import narrow_discriminator, narrow_generator


class StyleGAN2Family(BaseGANFamily):
    """Modulated convolutions, logistic loss.

    Left out of the maskable weights by their nature: the constant input, the
    biases of ``to_rgb``, the strengths of the injected noise. The mapping
    network and the style modulation are linear layers.
    """

    name = 'stylegan2'
    schedules = ('StyleGAN2', 'MSPIEStyleGAN2')

    def claims(self, model: nn.Module) -> bool:
        return inherits(model, 'StyleGAN2')

    def narrow(self, config: Mapping[str, Any],
               divisor: int) -> dict[str, Any]:
        kind = stock_class(self, config, 'StyleGAN2Generator',
                           'StyleGAN2Discriminator')
        inside = [base.__name__ for base in kind.__mro__]
        build = (
            narrow_generator
            if 'StyleGAN2Generator' in inside else narrow_discriminator)
        return {**config, 'type': build, 'kind': kind, 'divisor': divisor}

    def channel_groups(self,
                       network: nn.Module) -> dict[str, ChannelGroup]:
        """See :meth:`Family.channel_groups`."""
        if inherits(network, 'StyleGAN2Generator'):
            return stylegan2_groups.generator(network).groups
        if inherits(network, 'StyleGAN2Discriminator'):
            return stylegan2_groups.discriminator(network).groups
        return super().channel_groups(network)

    def cost_conventions(self, network: nn.Module) -> list[CostConvention]:
        if not inherits(network, 'StyleGAN2Generator'):
            return []
        return [
            CostConvention('paper', 'DGL-GAN, Table 2',
                           stylegan2_macs(network))
        ]

    def adversarial_loss(self, model: nn.Module, logits: Tensor,
                         for_generator: bool, real: bool) -> Tensor:
        losses.check_unchanged(self, bare(model), 'gen_loss', 'disc_loss')
        return losses.logistic(logits, for_generator, real)

    def convolutions(self, network: nn.Module) -> list[MaskableWeight]:
        found = {
            weight.name: weight
            for weight in super().convolutions(network)
        }
        for path, module in network.named_modules():
            modulated = _modulated(path, module)
            if modulated is not None:
                found[modulated.name] = modulated
        return [
            found[name] for name, _ in network.named_parameters()
            if name in found
        ]

    def example_call(
            self,
            network: nn.Module,
            batch: int,
            generator: torch.Generator,
            size: int | None = None) -> tuple[tuple, dict[str, Any]]:
        """See :meth:`Family.example_call`.

        Raises:
            ConfigError: The discriminator's minibatch statistics cannot
                split the batch into groups.
        """
        group = getattr(
            getattr(network, 'mbstd_layer', None), 'group_size', batch)
        if batch > group and batch % group:
            raise ConfigError.at(
                'batch', batch, f'{type(network).__name__} takes at most '
                f'{group} images or a multiple of {group}')
        args, kwargs = super().example_call(network, batch, generator, size)
        # The discriminator leaves its condition to its mapping network.
        conditioned = getattr(network, 'mapping', network)
        condition = getattr(conditioned, 'cond_size', None) or 0
        if condition > 0:
            kwargs['label'] = torch.randn(
                batch, condition, generator=generator,
                device=generator.device).to(args[0].device)
        return args, kwargs

    def image_size(self, network: nn.Module) -> int:
        if inherits(network, 'StyleGAN2Discriminator'):
            # One layer from RGB, then blocks that halve down to 4 px.
            return 4 * 2**(len(network.convs) - 1)
        return super().image_size(network)

    def amp(self, config: Any) -> None:
        """Half precision in the four largest resolutions, as stock has it.

        The training step stays out of ``optim_context``: which blocks run in
        half precision is said to the networks. Values and loss scale are
        those of the stock config ``…fp16-partial-GD-no-scaler…``, whose
        ``loss_scale=512`` MMEngine refuses for being an int.

        Raises:
            ConfigError: A network that has no such setting.
        """
        for part in ('generator', 'discriminator'):
            network = config.model[part]
            kind = str(network.get('type')).rpartition('.')[2]
            # Stock configs use the older of the two registered names.
            if not kind.startswith(('StyleGAN2', 'StyleGANv2')):
                raise ConfigError.at(
                    f'model.{part}.type', network.get('type'),
                    '--amp knows the blocks of StyleGANv2Generator and '
                    'StyleGANv2Discriminator only; set num_fp16_scales=4 '
                    "where this network takes it, and type='AmpOptimWrapper'"
                    ' in optim_wrapper, and leave the flag out')
            if not network.get('fp16_enabled'):
                network.setdefault('num_fp16_scales', 4)
        for wrapper in config.optim_wrapper.values():
            if isinstance(wrapper, dict):
                wrapper.setdefault('loss_scale', 512.)

    def replayable(self, call: Call) -> bool:
        """See :meth:`Family.replayable`.

        Path-length regularisation leaves the latents to the generator:
        another one would draw others.
        """
        return call.input is not None

    def discriminator_penalty(self, model: nn.Module, network: nn.Module,
                              real: Tensor,
                              iteration: int) -> Tensor | None:
        """See :meth:`Family.discriminator_penalty`: lazy R1."""
        model = bare(model)
        if iteration % model.r1_interval:
            return None
        from mmagic.models.losses import r1_gradient_penalty_loss
        return model.r1_loss_weight * r1_gradient_penalty_loss(
            network, real, norm_mode=model.norm_mode)

    def gate_sites(self, network: nn.Module) -> list[GateSite]:
        """See :meth:`Family.gate_sites`: each styled convolution.

        Noise and bias come behind it, and whoever reads the channel divides
        by the norm of all that it reads. So a gate is at the readers'
        styles: what they scale the channel by, before they demodulate.
        """
        if not inherits(network, 'StyleGAN2Generator'):
            return super().gate_sites(network)
        layers = ['conv1', *(f'convs.{i}'
                             for i in range(len(network.convs)))]
        images = ['to_rgb1', *(f'to_rgbs.{i}'
                               for i in range(len(network.to_rgbs)))]
        sites = []
        for index, path in enumerate(layers):
            # Every second layer is also read by one that makes an image.
            readers = layers[index + 1:index + 2]
            if index % 2 == 0:
                readers.append(images[index // 2])
            after, *also = (f'{reader}.conv.style_modulation'
                            for reader in readers)
            sites.append(GateSite(f'{path}.conv', after, also=tuple(also)))
        return sites

    def feature_points(self, network: nn.Module) -> dict[str, FeaturePoint]:
        """See :meth:`Family.feature_points`.

        ``'64px'`` is, in the generator, the block that makes that
        resolution, before its ``to_rgb``; in the discriminator the block
        that takes it, down to ``'4px'``, the convolution before the linear
        layers.
        """
        if inherits(network, 'StyleGAN2Generator'):
            points = {'4px': FeaturePoint('conv1')}
            for index in range(1, len(network.convs), 2):
                size = 4 * 2**(index // 2 + 1)
                points[f'{size}px'] = FeaturePoint(f'convs.{index}')
            return points
        if inherits(network, 'StyleGAN2Discriminator'):
            size, points = self.image_size(network), {}
            for index in range(1, len(network.convs)):
                points[f'{size}px'] = FeaturePoint(f'convs.{index}')
                size //= 2
            return {**points, '4px': FeaturePoint('final_conv')}
        return super().feature_points(network)

    def graph(self, network: nn.Module, noise: str = 'fixed') -> Graph:
        """See :meth:`Family.graph`."""
        if not inherits(network, 'StyleGAN2Generator'):
            return super().graph(network, noise)
        if any(
                getattr(module, 'fp16_enabled', False)
                for module in network.modules()):
            raise ConfigError.at(
                'model.generator.num_fp16_scales',
                getattr(network, 'num_fp16_scales', None),
                'a graph is in full precision; give --cfg-options '
                'model.generator.num_fp16_scales=0 '
                'model.generator.fp16_enabled=False')
        args, kwargs = self.example_call(network, 1, torch.Generator())
        return StyleGAN2Graph(
            plain_copy(network), args, list(kwargs), noise)

    def fixed_noise(self, network: nn.Module) -> AbstractContextManager[None]:
        """See :meth:`Family.fixed_noise`.

        The StyleGAN2 generator injects the noise maps that it keeps as
        buffers, so that an exported graph draws nothing either. Latents must
        be given as tensors: asked to sample them, it still does.
        """
        if inherits(network, 'StyleGAN2Generator'):
            return _own_noise(network)
        if inherits(network, 'MSStyleGANv2Generator') or getattr(
                network, 'with_ada', False):
            return seeded_forward(network)
        return super().fixed_noise(network)


def _modulated(path: str, module: nn.Module) -> MaskableWeight | None:
    """The weight of a modulated convolution, whose axes are its own."""
    if inherits(module, 'ModulatedConv2d', 'ModulatedPEConv2d'):
        # (1, out, in, kh, kw): the first axis is broadcast over the batch.
        return MaskableWeight(
            f'{path}.{raw_weight_name(module)}', out_axis=1, in_axis=2)
    if inherits(module, 'SynthesisLayer'):
        return MaskableWeight(f'{path}.{raw_weight_name(module)}')
    return None


@contextmanager
def _own_noise(network: nn.Module) -> Iterator[None]:

    def before(module: nn.Module, args: tuple,
               kwargs: dict) -> tuple[tuple, dict]:
        return args, dict(kwargs, randomize_noise=False)

    handle = network.register_forward_pre_hook(before, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


_STYLEGAN2 = StyleGAN2Family()


@hookimpl
def mmgancomp_families() -> list[Family]:
    return [_STYLEGAN2]
