"""``mmgancomp features``: train the network behind digits-FID."""

from __future__ import annotations

import argparse

__all__ = ['DESCRIPTION', 'add_arguments', 'run']

DESCRIPTION = (
    'Train the digits feature network that digits-FID compares images with, '
    'on the training split only, unless its file is there already. Metrics '
    'do this by themselves; the command shows what they use. Takes about '
    'five seconds at 16 pixels, twelve at 32.')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.add_argument(
        '--out',
        metavar='PATH',
        help='file of the network; default: in the cache, '
        '${XDG_CACHE_HOME:-~/.cache}/mmgancomp/features/')
    parser.add_argument(
        '--size',
        type=int,
        default=16,
        choices=(16, 32),
        help='side of the images in pixels (default: %(default)s)')
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='seed of the network (default: %(default)s, what metrics use)')


def run(args: argparse.Namespace) -> int:
    """Train or load, and print accuracy, time and file."""
    # Late, so that --help does not wait for torch.
    from .digits_fid import digits_reference
    from .feature_store import load_features
    from .features import Recipe

    stored = load_features(Recipe(size=args.size, seed=args.seed), args.out)
    floor = digits_reference(args.size, args.seed, args.out).floor
    how = (f'trained in {stored.seconds:.1f} s'
           if stored.seconds else 'was there already')
    print(f'digits feature network, {args.size} px, seed {args.seed}: {how}')
    print(f'held-out accuracy: {100 * stored.accuracy:.2f} %')
    print(f'digits-FID of held-out real images (floor): {floor:.3f}')
    print(f'file: {stored.path or "could not be written"}')
    return 0
