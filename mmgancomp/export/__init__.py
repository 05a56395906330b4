"""Generators as files for others: packed, as a graph, as plain MMagic.

Nothing here needs a Runner.
"""

from .sparse import SparseNetwork, read_sparse

__all__ = ['SparseNetwork', 'read_sparse']
