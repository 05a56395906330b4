"""CycleGAN."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from mmgancomp.plugins import hookimpl

from . import losses
from .base import Family, bare, inherits
from .translation import TranslationFamily


class CycleGANFamily(TranslationFamily):
    """Unpaired translation, with a history of fake images per domain."""

    name = 'cyclegan'
    loss = staticmethod(losses.least_squares)

    def claims(self, model: nn.Module) -> bool:
        return inherits(model, 'CycleGAN')

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
