"""The picture of the demo: the same digits by every model, one row each."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from mmengine.runner import CheckpointLoader
from torch import Tensor

from mmgancomp.evaluation.metrics import FixedLatents
from mmgancomp.files import write_whole
from mmgancomp.images import digits
from mmgancomp.runtime.building import build_model

if TYPE_CHECKING:
    from mmengine.config import Config

__all__ = ['LABELS', 'draw', 'generated', 'real']

LABELS = tuple(digit for digit in range(10) for _ in range(2))
"""What the columns show: two of each digit."""

_SEED = 1
_GAP, _ZOOM = 1, 4
_INK, _SOFT = '#1d2730', '#5b6873'


def real(size: int) -> np.ndarray:
    """Held-out real digits, one per column, as (columns, H, W) in 0-255."""
    images, labels = digits('test', size)
    taken: list[int] = []
    for label in LABELS:
        same = np.flatnonzero(labels == label)
        taken.append(next(i for i in same if i not in taken))
    return images[taken]


def generated(config: Config, checkpoint: Path) -> np.ndarray:
    """What a model makes of the fixed noise: (columns, H, W) in 0-255.

    Args:
        config: The model's config.
        checkpoint: Its weights; the EMA copy is asked, as by the metric.
    """
    model = build_model(config).eval()
    loaded = CheckpointLoader.load_checkpoint(
        str(checkpoint), map_location='cpu')
    model.load_state_dict(loaded['state_dict'], strict=True)
    noise = torch.randn((len(LABELS), model.noise_size),
                        generator=torch.Generator().manual_seed(_SEED))
    batches = FixedLatents(noise, torch.tensor(LABELS), 'ema', len(LABELS),
                           _SEED)
    with torch.no_grad():
        images = [
            _grey(sample.fake_img) for batch in batches
            for sample in model.test_step(batch)
        ]
    return np.stack(images)


def _grey(image: Tensor) -> np.ndarray:
    image = image.float().cpu().mean(0).round().clamp(0, 255)
    return image.to(torch.uint8).numpy()


def draw(path: Path, rows: Mapping[str, np.ndarray],
         notes: Sequence[str]) -> None:
    """Draw rows of digits with their names.

    Args:
        path: The PNG file.
        rows: Name → images (columns, H, W), values 0-255, of one size.
        notes: A line below the name of each row.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    strips = [_strip(images) for images in rows.values()]
    height, width = strips[0].shape
    left, top, between = 2.95, 0.5, 0.16
    inch = 100  # pixels
    tall, wide = height / inch, width / inch
    figure = Figure(
        figsize=(left + wide + .15,
                 top + len(strips) * (tall + between) + .05),
        dpi=inch,
        facecolor='white')
    FigureCanvasAgg(figure)
    total_wide, total_tall = figure.get_size_inches()
    for position, (strip, name, note) in enumerate(zip(strips, rows, notes)):
        bottom = total_tall - top - tall - position * (tall + between)
        axes = figure.add_axes(
            (left / total_wide, bottom / total_tall, wide / total_wide,
             tall / total_tall))
        axes.imshow(
            strip,
            cmap='gray',
            vmin=0,
            vmax=255,
            interpolation='nearest',
            aspect='auto')
        axes.set_axis_off()
        middle = (bottom + tall / 2) / total_tall
        figure.text(.15 / total_wide, middle + .12 / total_tall, name,
                    fontsize=13.5, fontweight='bold', color=_INK,
                    va='center')
        figure.text(.15 / total_wide, middle - .14 / total_tall, note,
                    fontsize=11.5, color=_SOFT, va='center')
    pair = wide / (len(LABELS) // 2)
    for digit in range(10):
        figure.text((left + (digit + .5) * pair) / total_wide,
                    1 - 0.27 / total_tall, str(digit), fontsize=14,
                    color=_SOFT, ha='center', va='center')
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', metadata={'Software': None})
    write_whole(path, buffer.getvalue())


def _strip(images: np.ndarray) -> np.ndarray:
    """Images side by side, enlarged, a white gap after each."""
    tiles = []
    for column, image in enumerate(images):
        large = image.repeat(_ZOOM, axis=0).repeat(_ZOOM, axis=1)
        # Pairs of a digit belong together.
        gap = _GAP * _ZOOM * (2 if column % 2 else 1)
        tiles.append(np.pad(large, ((0, 0), (0, gap)), constant_values=255))
    return np.concatenate(tiles, axis=1)
