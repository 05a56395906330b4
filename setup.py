"""Build mmgancomp; the metadata is in setup.cfg.

What is done here and not there: OpenMMLab's ``mim`` and MMEngine's
``package::config`` notation look for configs, tools and the model index of
a package under ``<package>/.mim``. A wheel gets copies of them there. An
editable install gets links, so that an edited config counts at once.
"""

import os
import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel

ROOT = Path(__file__).resolve().parent
PACKAGE = 'mmgancomp'
EXTRAS = ('configs', 'tools', 'model-index.yml')


def remove(path):
    """Remove a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def copy_extras(folder):
    """Copy the extras into ``folder``, in place of older copies."""
    remove(folder)
    folder.mkdir(parents=True)
    for name in EXTRAS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source,
                folder / name,
                ignore=shutil.ignore_patterns('__pycache__', '*.py[cod]'))
        elif source.exists():
            shutil.copy2(source, folder / name)


def link_extras(folder):
    """Link the extras into ``folder``; copy them where links are refused."""
    remove(folder)
    folder.mkdir(parents=True)
    try:
        for name in EXTRAS:
            target = os.path.relpath(ROOT / name, folder)
            (folder / name).symlink_to(target, (ROOT / name).is_dir())
    except OSError:
        copy_extras(folder)


class BuildPy(build_py):
    """Adds ``.mim`` to what a wheel carries."""

    def run(self):
        super().run()
        if not self.editable_mode:
            copy_extras(Path(self.build_lib, PACKAGE, '.mim'))


class EditableWheel(editable_wheel):
    """Adds ``.mim`` to the checkout, and says where the checkout is.

    mim and MMEngine find a package as «the folder of its metadata» joined
    with the first line of ``top_level.txt``. For an editable install the
    metadata is in site-packages and the package is not, so that line holds
    the package's own path: joining an absolute path gives that path.
    """

    def run(self):
        link_extras(ROOT / PACKAGE / '.mim')
        if self.dist_info_dir is None:
            command = self.reinitialize_command('dist_info')
            command.output_dir = self.dist_dir
            command.ensure_finalized()
            command.run()
            self.dist_info_dir = command.dist_info_dir
        top_level = Path(self.dist_info_dir, 'top_level.txt')
        top_level.write_text(f'{ROOT / PACKAGE}\n{PACKAGE}\n')
        super().run()


setup(cmdclass={'build_py': BuildPy, 'editable_wheel': EditableWheel})
