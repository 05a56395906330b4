"""The versions that are checked when mmgancomp is imported."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
import warnings
from importlib import metadata

import pytest

from mmgancomp import requirements
from mmgancomp.requirements import REQUIREMENTS, check


@pytest.fixture
def versions(monkeypatch):
    """The installed versions as ``check`` sees them, free to be changed."""
    found = {r.name: r.tested for r in REQUIREMENTS}

    def version(name):
        if found[name] is None:
            raise metadata.PackageNotFoundError(name)
        return found[name]

    monkeypatch.setattr(requirements.metadata, 'version', version)
    return found


def test_tested_versions_pass_silently(versions):
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        check()


@pytest.mark.parametrize('name, version, wanted', [
    ('torch', '2.5.1', '>=2.6'),
    ('mmengine', '0.10.5', '>=0.10.6,<1.0'),
    ('mmengine', '1.0.0', '<1.0'),
    ('mmcv', '1.7.2', '>=2.0.0,<2.2.0'),
    ('mmcv', '2.2.0', '>=2.0.0,<2.2.0'),
    ('mmagic', '1.1.0', '>=1.2.0'),
    ('numpy', '2.0.0', '<2.0'),
])
def test_what_cannot_work_is_an_import_error(versions, name, version,
                                             wanted):
    versions[name] = version
    tested = next(r.tested for r in REQUIREMENTS if r.name == name)
    with pytest.raises(ImportError) as error:
        check()
    message = str(error.value)
    assert f'{name} {version}' in message
    assert wanted in message
    assert f"pip install '{name}=={tested}'" in message


def test_missing_library_is_named(versions):
    versions['mmagic'] = None
    with pytest.raises(ImportError, match='mmagic>=1.2.0.* not installed'):
        check()


def test_newer_than_tested_is_one_warning(versions):
    versions['torch'] = '2.12.0'
    versions['mmengine'] = '0.11.0'
    with pytest.warns(UserWarning) as caught:
        check()
    assert len(caught) == 1
    message = str(caught[0].message)
    assert 'torch 2.12.0 (tested: 2.11.0)' in message
    assert 'mmengine 0.11.0' in message
    assert 'numpy' not in message


def test_build_label_does_not_count_as_newer(versions):
    versions['torch'] = '2.11.0+cu130'
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        check()


def test_setup_cfg_has_the_same_bounds(root):
    config = configparser.ConfigParser()
    config.read(root / 'setup.cfg')
    declared = config['options']['install_requires'].splitlines()
    for requirement in REQUIREMENTS:
        assert f'{requirement.name}{requirement.wanted}' in declared


def test_constraints_pin_the_tested_versions(root):
    pins = (root / 'constraints.txt').read_text().splitlines()
    for requirement in REQUIREMENTS:
        assert f'{requirement.name}=={requirement.tested}' in pins


def test_constraints_pin_every_direct_dependency(root):
    config = configparser.ConfigParser()
    config.read(root / 'setup.cfg')
    declared = [config['options']['install_requires'],
                *config['options.extras_require'].values()]
    names = re.findall(r'^([A-Za-z][\w-]*)', '\n'.join(declared), re.M)
    assert len(names) > 20
    pins = (root / 'constraints.txt').read_text()
    for name in names:
        assert re.search(rf'^{name}==', pins, re.M | re.I), name


def test_import_is_light(root):
    script = ('import sys, mmgancomp; '
              'print([m for m in ("torch", "mmengine", "mmcv", "mmagic") '
              'if m in sys.modules], mmgancomp.__version__)')
    done = subprocess.run([sys.executable, '-c', script], cwd=root,
                          capture_output=True, text=True, check=True)
    assert re.fullmatch(r'\[\] \d+\.\d+\.\d+\n', done.stdout)
