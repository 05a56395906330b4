"""What a wheel and an editable install carry for mim and MMEngine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import yaml

from mmgancomp.version import __version__


def tracked(root: Path, folder: str) -> set[str]:
    """Names of the files under ``folder``, without caches."""
    return {
        path.relative_to(root).as_posix()
        for path in (root / folder).rglob('*')
        if path.is_file() and '__pycache__' not in path.parts}


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
    """A copy of the checkout, so that building leaves nothing in ours."""
    root = Path(__file__).resolve().parents[2]
    copy = tmp_path_factory.mktemp('checkout')
    for name in ('setup.py', 'setup.cfg', 'pyproject.toml', 'MANIFEST.in',
                 'LICENSE', 'README.md', 'model-index.yml'):
        if (root / name).exists():
            shutil.copy(root / name, copy)
    for name in ('mmgancomp', 'configs', 'tools'):
        shutil.copytree(root / name, copy / name,
                        ignore=shutil.ignore_patterns('__pycache__', '.mim'))
    return copy


def pip(*arguments, cwd):
    subprocess.run(
        [sys.executable, '-m', 'pip', *arguments, '-q', '--no-deps',
         '--no-build-isolation', '--disable-pip-version-check'],
        cwd=cwd, check=True, capture_output=True, text=True)


@pytest.fixture(scope='module')
def wheel(checkout, tmp_path_factory):
    """A wheel of the checkout, opened."""
    folder = tmp_path_factory.mktemp('wheel')
    # An earlier build must not leave its files in this one.
    stale = checkout / 'build' / 'lib' / 'mmgancomp' / '.mim' / 'configs'
    stale.mkdir(parents=True)
    (stale / 'removed_since.py').write_text('')
    pip('wheel', '.', '-w', str(folder), cwd=checkout)
    with zipfile.ZipFile(next(folder.glob('*.whl'))) as opened:
        yield opened


def test_wheel_carries_configs_tools_and_index(wheel, checkout):
    names = {n for n in wheel.namelist() if '/.mim/' in n}
    expected = {
        f'mmgancomp/.mim/{name}' for folder in ('configs', 'tools')
        for name in tracked(checkout, folder)}
    assert len(expected) > 5
    assert names == expected | {'mmgancomp/.mim/model-index.yml'}


def test_wheel_carries_the_package_and_nothing_else(wheel, checkout):
    names = set(wheel.namelist())
    sources = {n for n in tracked(checkout, 'mmgancomp')
               if '/.mim/' not in n}
    assert 'mmgancomp/py.typed' in sources
    info = f'mmgancomp-{__version__}.dist-info/'
    rest = {n for n in names
            if '/.mim/' not in n and not n.startswith(info)}
    assert rest == sources
    assert wheel.read(info + 'top_level.txt') == b'mmgancomp\n'
    assert b'mmgancomp = mmgancomp.cli.main:main' in wheel.read(
        info + 'entry_points.txt')


def test_source_distribution_has_what_a_wheel_is_made_of(
        checkout, tmp_path):
    subprocess.run(
        [sys.executable, '-m', 'build', '--sdist', '--no-isolation',
         '--outdir', str(tmp_path), '.'],
        cwd=checkout, check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob('*.tar.gz'))) as opened:
        names = {n.partition('/')[2] for n in opened.getnames()}
    for folder in ('mmgancomp', 'configs', 'tools'):
        assert {n for n in tracked(checkout, folder)
                if '/.mim/' not in n} <= names
    assert {'setup.py', 'model-index.yml', 'LICENSE'} <= names
    assert not [n for n in names if '/.mim' in n]


@pytest.fixture(scope='module')
def editable(checkout, tmp_path_factory):
    """A folder into which the checkout is installed as editable."""
    folder = tmp_path_factory.mktemp('site')
    pip('install', '--target', str(folder), '-e', '.', cwd=checkout)
    return folder


def test_editable_install_links_to_the_checkout(editable, checkout):
    mim = checkout / 'mmgancomp' / '.mim'
    for name in ('configs', 'tools', 'model-index.yml'):
        assert (mim / name).is_symlink()
        assert (mim / name).resolve() == (checkout / name).resolve()
    assert not (editable / 'mmgancomp').exists()


@pytest.mark.parametrize('package', ['mim', 'mmengine'])
def test_editable_install_is_found(editable, checkout, package, tmp_path):
    script = (f'from {package}.utils import get_installed_path; '
              'print(get_installed_path("mmgancomp"))')
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', script], cwd=tmp_path,
        check=True, capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': str(editable)})
    assert Path(done.stdout.strip()) == checkout / 'mmgancomp'


def test_mim_starts_our_training_script(editable, checkout, tmp_path):
    """``mim train mmgancomp CONFIG`` by name finds config and script."""
    (checkout / 'configs' / 'config_of_this_test.py').write_text('')
    (checkout / 'tools' / 'train.py').write_text(
        'import sys; print("started with", sys.argv[1:])')
    script = ('from mim.commands.train import train; print(train('
              'package="mmgancomp", config="config_of_this_test.py", gpus=0))')
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', script], cwd=tmp_path,
        check=True, capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': str(editable)})
    config = str(checkout / 'configs' / 'config_of_this_test.py')
    assert f'started with [{config!r}, ' in done.stdout
    assert '(True,' in done.stdout


def test_model_index_names_every_metafile(root):
    index = yaml.safe_load((root / 'model-index.yml').read_text())
    found = {path.relative_to(root).as_posix()
             for path in (root / 'configs').glob('**/metafile.yml')}
    assert set(index['Import']) == found


def test_this_environment_has_its_links(root):
    """`make setup` left an editable install that mim can use."""
    mim = root / 'mmgancomp' / '.mim'
    for name in ('configs', 'tools', 'model-index.yml'):
        assert (mim / name).resolve() == root / name
