"""One model of a record as one row of quantities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .load import Run

__all__ = ['Row', 'generators', 'rows_of']


@dataclass
class Row:
    """What a report says of one model; None where nothing was measured.

    Attributes:
        name: The model's name, with its run's where names would repeat.
        run: The run it belongs to.
        model: Its entry in the record.
        metrics: Metric name → value.
        params: Parameters of its generators.
        nonzero: Those that are not zero.
        kept: Kept ÷ maskable, over its generators.
        macs: Executed multiply-accumulates.
        paper_macs: The same as published tables count them.
        bytes: Plain file of the inference weights.
        packed: Packed file of the same.
        latency: ``median``, ``p10``, ``p90``, ``batch``, ``threads``.
        round: Round of a lottery, if any.
    """

    name: str
    run: Run
    model: Mapping[str, Any]
    metrics: dict[str, float] = field(default_factory=dict)
    params: int | None = None
    nonzero: int | None = None
    kept: float | None = None
    macs: int | None = None
    paper_macs: int | None = None
    bytes: int | None = None
    packed: int | None = None
    latency: Mapping[str, Any] = field(default_factory=dict)
    round: int | None = None

    @property
    def zeros(self) -> float | None:
        """Share of all parameters that are zero."""
        if self.nonzero is None or not self.params:
            return None
        return 1 - self.nonzero / self.params


def generators(model: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The generators of a model: what users of a GAN keep."""
    networks = model.get('networks') or {}
    found = {
        name: network
        for name, network in networks.items()
        if network.get('role', name.partition('.')[0].rstrip('s')) ==
        'generator'
    }
    return found or dict(networks)


def rows_of(runs: list[Run]) -> list[Row]:
    """All models of all runs; the model that others are held against first.

    That is the one marked ``reference``, else the first of the first run.
    """
    names = [_name(model) for run in runs for model in run.record['models']]
    rows = []
    for run in runs:
        for model in run.record['models']:
            name = _name(model)
            if names.count(name) > 1:
                name = f'{name} · {run.name}'
            rows.append(_row(name, run, model))
    rows.sort(key=lambda row: not row.model.get('reference', False))
    return rows


def _name(model: Mapping[str, Any]) -> str:
    """A run of rounds has a model for each, all of its own name."""
    if model.get('round') is None:
        return model['name']
    return f'{model["name"]} · round {model["round"]}'


def _row(name: str, run: Run, model: Mapping[str, Any]) -> Row:
    networks = list(generators(model).values())
    latency = model.get('latency_ms') or {}
    if not latency and len(networks) == 1:
        latency = networks[0].get('latency_ms') or {}
    macs = [network.get('macs') or {} for network in networks]
    maskable, kept = _sum(networks, 'maskable'), _sum(networks, 'kept')
    density = kept / maskable if kept is not None and maskable else None
    if density is None and len(networks) == 1:
        density = networks[0].get('density')
    return Row(
        name=name,
        run=run,
        model=model,
        metrics={
            key: value
            for key, value in (model.get('metrics') or {}).items()
            if value is not None
        },
        params=_sum(networks, 'params'),
        nonzero=_sum(networks, 'nonzero'),
        kept=density,
        macs=_sum(macs, 'executed'),
        paper_macs=_sum(macs, 'paper'),
        bytes=_own(model, networks, 'bytes'),
        packed=_own(model, networks, 'bytes_packed'),
        latency=latency if latency.get('median') is not None else {},
        round=model.get('round'))


def _sum(networks: list[Mapping[str, Any]], key: str) -> int | None:
    """A total, or None: a sum that leaves a network out would be wrong."""
    values = [network.get(key) for network in networks]
    return None if not values or None in values else sum(values)


def _own(model: Mapping[str, Any], networks: list[Mapping[str, Any]],
         key: str) -> int | None:
    value = model.get(key)
    return _sum(networks, key) if value is None else value
