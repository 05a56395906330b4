"""``mmgancomp features``: train the network behind digits-FID."""

from __future__ import annotations

from mmgancomp.evaluation.features_command import (
                                                   DESCRIPTION,
                                                   add_arguments,
                                                   run,
)

__all__ = ['DESCRIPTION', 'add_arguments', 'run']
