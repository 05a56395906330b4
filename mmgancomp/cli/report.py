"""``mmgancomp report RUN…``: finished runs as one HTML page."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        'runs',
        nargs='+',
        metavar='RUN',
        help='work folder of a run, or its compression.json')
    parser.add_argument(
        '--out',
        metavar='PATH',
        help='the page (default: report.html beside the first record)')
    parser.add_argument(
        '--title', help='heading of the page (default: from the configs)')


def run(args: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    from mmgancomp.report import write_report
    path = write_report(args.runs, args.out, title=args.title)
    print(f'Report  {path}')
    return 0
