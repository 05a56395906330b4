"""Teachers: what a stock training step showed to the student, they see too.

Nothing here needs MMagic or a Runner; the hook that adds terms to a run's
losses lives in :mod:`mmgancomp.distillation.hook`.
"""

from .recorder import Recorder
from .registry import LOSS_TERMS
from .step import Step
from .teacher import Teacher
from .term import Binding, LossTerm
from .terms import (
    AttentionMapLoss,
    DiscriminatorKDLoss,
    DiscriminatorOutputLoss,
    FeatureL1Loss,
    NormalisedConsistencyLoss,
    OutputL1Loss,
    TeacherAdversarialLoss,
    TeacherGeneratedLoss,
    TeacherLabelSmoothingLoss,
)

__all__ = [
    'LOSS_TERMS', 'AttentionMapLoss', 'Binding', 'DiscriminatorKDLoss',
    'DiscriminatorOutputLoss', 'FeatureL1Loss', 'LossTerm',
    'NormalisedConsistencyLoss', 'OutputL1Loss', 'Recorder', 'Step',
    'Teacher', 'TeacherAdversarialLoss', 'TeacherGeneratedLoss',
    'TeacherLabelSmoothingLoss'
]
