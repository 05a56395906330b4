"""Architecture search by the duality gap (alphaGAN), on plain networks.

Nothing here needs MMagic or a Runner; the loop that searches during a run
lives in :mod:`mmgancomp.search.loop`.
"""

from . import operations  # noqa: F401
from .discriminator import DerivedDiscriminator, SearchableDiscriminator
from .edges import MixedEdge, architecture, entropy
from .genotype import PUBLISHED, Genotype, Space
from .networks import (
    DerivedGenerator,
    SearchableGenerator,
    generator_space,
)
from .registry import NORMAL_OPERATIONS, UP_OPERATIONS

__all__ = [
    'NORMAL_OPERATIONS', 'PUBLISHED', 'UP_OPERATIONS',
    'DerivedDiscriminator', 'DerivedGenerator', 'Genotype', 'MixedEdge',
    'SearchableDiscriminator', 'SearchableGenerator', 'Space', 'architecture',
    'entropy', 'generator_space'
]
