#!/usr/bin/env python
"""Remove channels: the same as `mmgancomp prune`."""

import os
import sys

# Not from here: these names would hide Python's own test and profile.
here = os.path.dirname(os.path.realpath(__file__))
others = [path for path in sys.path if os.path.realpath(path) != here]
sys.path[:] = [os.path.dirname(here), *others]

from mmgancomp.cli.main import tool  # noqa: E402

if __name__ == '__main__':
    sys.exit(tool('prune'))
