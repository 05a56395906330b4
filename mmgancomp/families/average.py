"""The averaged copy that MMagic keeps of a generator.

Not imported with the room: it imports MMagic.
"""

from __future__ import annotations

from mmagic.models.base_models.average_model import ExponentialMovingAverage

__all__ = ['StockAverage']

StockAverage = ExponentialMovingAverage
"""What a model builds from ``ema_config`` when it names no type."""
