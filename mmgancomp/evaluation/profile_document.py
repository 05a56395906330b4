"""Profiles of whole models, alone or compared, in the record's schema."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmgancomp.families.macs import inference
from mmgancomp.runtime.record import SCHEMA, versions

from .profile import profile_network
from .profile_latency import forward, interleaved, ratio, spread, threads_set
from .profile_model import Subject

__all__ = ['document', 'model_names']


def document(models: Sequence[tuple[str, str, str | None, list[Subject]]],
             *,
             layers: bool = False,
             batch: int = 1,
             threads: int | None = None,
             rounds: int | None = None) -> dict[str, Any]:
    """Profile one model, or two side by side.

    Args:
        models: For each: name, config, checkpoint, networks. The second, if
            any, is what the first is compared with: their forwards are
            timed in turn.
        layers: Whether to give each layer's share.
        batch: Batch size for the latency.
        threads: Torch's threads while timing.
        rounds: How many forwards of each are timed.

    Returns:
        A document with the keys of ``compression.json``. Besides them each
        network says which ``weights`` were profiled, and ``comparison``
        holds the ratios of latencies, first ÷ second.
    """
    entries = [
        _entry(name, config, checkpoint, chosen, layers)
        for name, config, checkpoint, chosen in models
    ]
    found: dict[str, Any] = dict(schema=SCHEMA, config=models[0][1])
    found['run'] = dict(versions=versions(), device='cpu', dtype='float32')
    found['models'] = entries
    ratios = {}
    for row in _pairs([chosen for *_, chosen in models]):
        with threads_set(threads) as used:
            taken = _time(row, batch, rounds)
        for position, subject in row.items():
            entries[position]['networks'][subject.name]['latency_ms'] = dict(
                batch=batch, threads=used, **spread(taken[position]))
        if len(row) == 2:
            ratios[row[0].name] = ratio(taken[0], taken[1])
    for entry, (*_, chosen) in zip(entries, models):
        _summarise(entry, chosen)
    if len(entries) == 2:
        entries[1]['reference'] = True
        found['comparison'] = dict(
            of=entries[0]['name'],
            against=entries[1]['name'],
            latency_ratio=ratios)
    return found


def _entry(name: str, config: str, checkpoint: str | None,
           chosen: list[Subject], layers: bool) -> dict[str, Any]:
    entry: dict[str, Any] = dict(name=name, config=config)
    if checkpoint is not None:
        entry['checkpoint'] = checkpoint
    entry['networks'] = {
        subject.name: dict(
            role=subject.role,
            weights=subject.weights,
            **profile_network(
                subject.module,
                subject.call,
                masks=subject.masks,
                maskable=subject.maskable,
                conventions=subject.family.cost_conventions(subject.module),
                layers=layers,
                rounds=0))
        for subject in chosen
    }
    return entry


def _pairs(models: list[list[Subject]]) -> list[dict[int, Subject]]:
    """What is timed in turn: position of the model → its network.

    Networks of the same name belong together; the only network of each
    model does so whatever it is called.
    """
    if len(models) == 1:
        return [{0: subject} for subject in models[0]]
    ours, theirs = models
    if len(ours) == len(theirs) == 1:
        return [{0: ours[0], 1: theirs[0]}]
    named = {subject.name: subject for subject in theirs}
    rows = [{0: subject} for subject in ours]
    for row in rows:
        if row[0].name in named:
            row[1] = named.pop(row[0].name)
    return rows + [{1: subject} for subject in named.values()]


def _time(row: dict[int, Subject], batch: int,
          rounds: int | None) -> dict[int, list[float]]:
    calls = {
        str(position): forward(subject.module, subject.call, batch)
        for position, subject in row.items()
    }
    # Eval mode for all of them at once: they take turns.
    with contextlib.ExitStack() as stack:
        for subject in row.values():
            stack.enter_context(inference(subject.module))
        taken = interleaved(calls, rounds)
    return {int(position): values for position, values in taken.items()}


def _summarise(entry: dict[str, Any], chosen: list[Subject]) -> None:
    """Bytes and latency of the model: those of its generators."""
    generators = [
        entry['networks'][subject.name] for subject in chosen
        if subject.role == 'generator'
    ]
    if not generators:
        return
    for key in ('bytes', 'bytes_packed'):
        entry[key] = sum(network[key] for network in generators)
    if len(generators) == 1:
        entry['latency_ms'] = generators[0]['latency_ms']


def model_names(configs: Sequence[str],
                checkpoints: Sequence[str | None]) -> list[str]:
    """Short names that differ: the config's, else the checkpoint's too."""
    names = [Path(config.rpartition('::')[2]).stem for config in configs]
    if len(set(names)) < len(names):
        names = [
            f'{name} {_short(checkpoint)}'
            for name, checkpoint in zip(names, checkpoints)
        ]
    if len(set(names)) < len(names):
        names = [f'{name} ({i + 1})' for i, name in enumerate(names)]
    return names


def _short(checkpoint: str | None) -> str:
    if checkpoint is None:
        return 'as initialised'
    path = Path(checkpoint)
    return f'{path.parent.name}/{path.name}'
