from __future__ import annotations

import subprocess
import sys

import mmengine
import pytest
from mmengine.config import Config

from mmgancomp import registry

NAMES = registry.__all__


@pytest.mark.parametrize('name', NAMES)
def test_registries_are_children_of_the_stock_ones(name):
    from mmagic import registry as stock
    ours, parent = getattr(registry, name), getattr(stock, name)
    if name == 'MODEL_WRAPPERS':
        # Asked at the root, which looks only at its own children.
        parent = parent.parent
    assert ours.parent is parent
    assert parent.children['mmgancomp'] is ours
    assert ours.scope == 'mmgancomp'


def test_a_prefixed_type_is_found_from_the_stock_registry():
    from mmagic.registry import MODELS

    @registry.MODELS.register_module()
    class OnlyForThisTest:
        pass

    try:
        built = MODELS.build(dict(type='mmgancomp.OnlyForThisTest'))
        assert type(built) is OnlyForThisTest
    finally:
        del registry.MODELS.module_dict['OnlyForThisTest']


@pytest.mark.parametrize('name', NAMES)
def test_every_location_can_be_imported(name):
    """Else MMEngine fails at the first lookup, with a message not ours."""
    getattr(registry, name).import_from_location()


def test_base_configs_of_this_package_are_known(tmp_path, monkeypatch):
    """``_base_ = 'mmgancomp::…'`` relies on a table inside MMEngine."""
    base = tmp_path / 'package' / '.mim' / 'configs' / 'demo' / 'base.py'
    base.parent.mkdir(parents=True)
    base.write_text('depth = 3\n')
    (base.parents[2] / 'model-index.yml').write_text('Import: []\n')
    heir = tmp_path / 'heir.py'
    heir.write_text("_base_ = 'mmgancomp::demo/base.py'\nwidth = 4\n")
    asked = []

    def installed_path(package: str) -> str:
        asked.append(package)
        return str(tmp_path / 'package')

    monkeypatch.setattr(mmengine.config.config, 'get_installed_path',
                        installed_path)
    config = Config.fromfile(heir)
    assert (config.depth, config.width) == (3, 4)
    assert asked == ['mmgancomp']
    monkeypatch.delitem(mmengine.config.utils.MODULE2PACKAGE, 'mmgancomp')
    with pytest.raises(AssertionError, match='mmgancomp'):
        Config.fromfile(heir)


def test_importing_the_registry_mends_and_registers_plugins():
    program = '''
from mmgancomp import plugins, repairs
done = []
repairs.install = lambda: done.append('repairs')
class Plugin:
    @plugins.hookimpl
    def mmgancomp_register(self):
        from mmgancomp.registry import MODELS
        done.append(MODELS.scope)
plugins.manager().register(Plugin())
import mmgancomp.registry
print(done)
'''
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', program],
                          capture_output=True,
                          text=True,
                          check=True)
    assert done.stdout.splitlines()[-1] == "['repairs', 'mmgancomp']"
