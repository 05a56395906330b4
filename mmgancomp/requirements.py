"""Which versions of the libraries we build on can work, and which we tried.

Looked up in the installed metadata, so that nothing heavy is imported just
to find out that it is the wrong one.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata

from packaging.version import Version

__all__ = ['REQUIREMENTS', 'Requirement', 'check']


@dataclass(frozen=True)
class Requirement:
    """The versions of one library that we can work with.

    Attributes:
        name: Name of the distribution.
        minimum: The oldest version that can work.
        below: The first version that cannot work, None if none is known.
        tested: The version that our tests run with.
        reason: What the bounds come from.
    """

    name: str
    minimum: str
    below: str | None
    tested: str
    reason: str

    @property
    def wanted(self) -> str:
        """The bounds as pip writes them: ``>=2.0.0,<2.2.0``."""
        upper = f',<{self.below}' if self.below else ''
        return f'>={self.minimum}{upper}'


# setup.cfg repeats these bounds; tests/packaging compares the two.
REQUIREMENTS = (
    Requirement('torch', '2.6', None, '2.11.0',
                'the first that opens checkpoints weights-only unasked'),
    Requirement('mmengine', '0.10.6', '1.0', '0.10.7',
                'older ones cannot be imported with torch 2.6, and MMagic '
                '1.2 refuses 1.0'),
    Requirement('mmcv', '2.0.0', '2.2.0', '2.1.0',
                'MMagic 1.2 refuses others'),
    Requirement('mmagic', '1.2.0', '2.0', '1.2.0',
                'the networks and the repairs are those of MMagic 1.2'),
    Requirement('numpy', '1.24', '2.0', '1.26.4',
                'MMagic uses np.bool8, which numpy 2 no longer has'),
)


def check(requirements: Iterable[Requirement] = REQUIREMENTS) -> None:
    """Compare what is installed with what can work.

    Raises:
        ImportError: A library is missing, too old or too new. The message
            names what was found, wanted and tested, and the command that
            mends it.

    Warns:
        UserWarning: Libraries are newer than the versions that we tested;
            one warning for all of them.
    """
    untested = []
    for requirement in requirements:
        found = _installed(requirement)
        # Without the local part: 2.11.0+cu130 is no newer than 2.11.0.
        version = Version(found).public
        if not _fits(Version(version), requirement):
            raise ImportError(
                f'mmgancomp cannot work with {requirement.name} {found}: '
                f'wanted {requirement.wanted} ({requirement.reason}), '
                f'tested with {requirement.tested}. {_remedy(requirement)}')
        if Version(version) > Version(requirement.tested):
            untested.append(f'{requirement.name} {found} '
                            f'(tested: {requirement.tested})')
    if untested:
        warnings.warn(
            'newer than what mmgancomp was tested with: ' +
            ', '.join(untested),
            stacklevel=2)


def _fits(version: Version, requirement: Requirement) -> bool:
    if version < Version(requirement.minimum):
        return False
    return not requirement.below or version < Version(requirement.below)


def _installed(requirement: Requirement) -> str:
    try:
        return metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        raise ImportError(
            f'mmgancomp needs {requirement.name}{requirement.wanted}, which '
            f'is not installed; tested with {requirement.tested}. '
            f'{_remedy(requirement)}') from None


def _remedy(requirement: Requirement) -> str:
    return (f"To mend it: pip install '{requirement.name}"
            f"=={requirement.tested}'")
