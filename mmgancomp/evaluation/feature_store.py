"""Where the trained feature network is kept, and when it is trained anew."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from mmgancomp.errors import ConfigError
from mmgancomp.files import write_whole

from .features import (
    STANDARD,
    FeatureNetwork,
    Recipe,
    accuracy_of,
    train_feature_network,
)

__all__ = ['StoredFeatures', 'cache_path', 'load_features']

FORMAT = 'mmgancomp-digits-features'

_loaded: dict[tuple[str, str], StoredFeatures] = {}


@dataclass(frozen=True)
class StoredFeatures:
    """A trained feature network and where it comes from.

    Attributes:
        network: In eval mode, without gradients.
        accuracy: Share of the held-out digits it names correctly, 0-1.
        path: Its file, or None if that could not be written.
        seconds: What training took just now; 0 if it was there already.
    """

    network: FeatureNetwork
    accuracy: float
    path: Path | None
    seconds: float


def cache_path(recipe: Recipe = STANDARD) -> Path:
    """The file of a recipe below ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    root = os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache'
    name = f'digits_{recipe.size}px_seed{recipe.seed}.safetensors'
    return Path(root) / 'mmgancomp' / 'features' / name


def load_features(recipe: Recipe = STANDARD,
                  path: str | Path | None = None) -> StoredFeatures:
    """The feature network of a recipe: from its file, or trained now.

    A file with the digest of another recipe or of other images is replaced.

    Args:
        recipe: What to train.
        path: A file of your own instead of the cache. It must be absent or
            a file of feature networks.

    Raises:
        ConfigError: If ``path`` is some other file, or cannot be written.
            A cache that cannot be written only costs the next training.
    """
    file = Path(path) if path is not None else cache_path(recipe)
    digest = recipe.digest()
    key = (str(file), digest)
    if key in _loaded and file.exists():
        return _loaded[key]
    stored = _read(file, recipe, digest, strict=path is not None)
    if stored is None:
        stored = _train(file, recipe, digest, strict=path is not None)
    _loaded[key] = stored
    return stored


def _read(file: Path, recipe: Recipe, digest: str,
          strict: bool) -> StoredFeatures | None:
    """What the file holds if it fits the recipe, else None."""
    if not file.exists():
        return None
    try:
        with safe_open(file, 'pt') as content:
            metadata = content.metadata() or {}
            tensors = {name: content.get_tensor(name)
                       for name in content.keys()}
    except (OSError, SafetensorError):
        metadata, tensors = {}, {}
    if metadata.get('format') != FORMAT:
        if strict:
            raise ConfigError.at(
                'feature_path', str(file),
                'this file holds no feature network; give the name of a new '
                'file, it would be overwritten')
        return None
    if metadata.get('digest') != digest:
        return None
    network = FeatureNetwork(recipe.size)
    try:
        network.load_state_dict(tensors)
        accuracy = float(metadata['accuracy'])
    except (LookupError, RuntimeError, ValueError):
        return None
    network.eval().requires_grad_(False)
    return StoredFeatures(network, accuracy, file, 0.)


def _train(file: Path, recipe: Recipe, digest: str,
           strict: bool) -> StoredFeatures:
    start = time.perf_counter()
    network = train_feature_network(recipe)
    seconds = time.perf_counter() - start
    accuracy = accuracy_of(network)
    metadata = dict(
        format=FORMAT,
        digest=digest,
        accuracy=repr(accuracy),
        size=str(recipe.size),
        seed=str(recipe.seed))
    try:
        write_whole(file, save(network.state_dict(), metadata))
    except OSError as error:
        if strict:
            raise ConfigError.at('feature_path', str(file),
                                 f'cannot be written: {error}') from error
        logging.getLogger(__name__).warning(
            'the digits feature network could not be kept in %s (%s); it '
            'will be trained again next time', file, error)
        return StoredFeatures(network, accuracy, None, seconds)
    return StoredFeatures(network, accuracy, file, seconds)
