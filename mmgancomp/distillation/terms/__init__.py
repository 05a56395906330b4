"""The loss terms, one idea to a module."""

from .adversarial import TeacherAdversarialLoss
from .attention import AttentionMapLoss
from .consistency import NormalisedConsistencyLoss
from .features import FeatureL1Loss
from .guided import TeacherGeneratedLoss
from .logits import (
    DiscriminatorKDLoss,
    DiscriminatorOutputLoss,
    TeacherLabelSmoothingLoss,
)
from .output import OutputL1Loss

__all__ = [
    'AttentionMapLoss', 'DiscriminatorKDLoss', 'DiscriminatorOutputLoss',
    'FeatureL1Loss', 'NormalisedConsistencyLoss', 'OutputL1Loss',
    'TeacherAdversarialLoss', 'TeacherGeneratedLoss',
    'TeacherLabelSmoothingLoss'
]
