from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mmgancomp import hookimpl, plugins
from mmgancomp.errors import ConfigError


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put distributions on the path, and a fresh manager in place."""
    monkeypatch.setattr(plugins, '_loaded', None)
    monkeypatch.syspath_prepend(tmp_path)
    modules = set()

    def add(distribution: str, name: str, source: str,
            module: str | None = None) -> None:
        module = module or f'plugin_{name}'
        modules.add(module)
        (tmp_path / f'{module}.py').write_text(source)
        info = tmp_path / f'{distribution}-0.5.dist-info'
        info.mkdir()
        (info / 'METADATA').write_text(
            f'Metadata-Version: 2.1\nName: {distribution}\nVersion: 0.5\n')
        (info / 'entry_points.txt').write_text(
            f'[mmgancomp]\n{name} = {module}\n')

    yield add
    for module in modules:
        sys.modules.pop(module, None)


def row(name: str) -> plugins.PluginInfo:
    return {info.name: info for info in plugins.listing()}[name]


def implementing(hook: str, body: str = 'return []') -> str:
    return ('from mmgancomp import hookimpl\n'
            f'@hookimpl\ndef {hook}:\n    {body}\n')


def test_built_in_families_come_by_the_road_of_strangers():
    manager = plugins.manager()
    built_in = [
        info for info in plugins.listing() if info.name in plugins.BUILT_IN
    ]
    assert [info.name for info in built_in] == list(plugins.BUILT_IN)
    for info in built_in:
        assert info.status == 'loaded'
        assert info.hooks == ('mmgancomp_families', )
        assert Path(info.origin).is_file()
        module = sys.modules[plugins.BUILT_IN[info.name]]
        assert manager.get_plugin(info.name) is module


def test_the_manager_is_made_once():
    assert plugins.manager() is plugins.manager()


def test_entry_point_is_loaded_and_listed(install):
    install('some-dist', 'sections',
            implementing('mmgancomp_report_sections(record)',
                         "return [f'<p>{record}</p>']"))
    assert row('sections') == plugins.PluginInfo(
        'sections', 'some-dist 0.5', ('mmgancomp_report_sections', ),
        'loaded', '')
    hook = plugins.manager().hook
    assert hook.mmgancomp_report_sections(record=3) == [['<p>3</p>']]


def test_later_plugins_are_asked_first(install):
    install('some-dist', 'more',
            implementing('mmgancomp_families()', "return ['mine']"))
    answers = plugins.manager().hook.mmgancomp_families()
    assert answers[0] == ['mine']
    assert answers[-1][0].name == 'plain'


@pytest.mark.parametrize('source, reason', [
    ('import no_such_module_anywhere', 'ModuleNotFoundError'),
    ('1 / 0', 'ZeroDivisionError'),
    ('def broken(:', 'SyntaxError'),
])
def test_broken_entry_point_is_named_and_left_out(install, source, reason):
    install('bad-dist', 'bad', source)
    install('good-dist', 'good', implementing('mmgancomp_commands()'))
    with pytest.warns(UserWarning, match=f"'bad' of bad-dist 0.5.*{reason}"):
        plugins.manager()
    assert row('bad').status == 'broken'
    assert row('bad').origin == 'bad-dist 0.5'
    assert reason in row('bad').error
    assert row('good').status == 'loaded'


def test_second_plugin_of_a_name_is_broken_not_ignored(install):
    install('first-dist', 'same', implementing('mmgancomp_commands()'))
    install('second-dist', 'same', implementing('mmgancomp_commands()'),
            module='plugin_same_2')
    with pytest.warns(UserWarning, match='has a plugin of this name'):
        infos = plugins.listing()
    same = [info for info in infos if info.name == 'same']
    assert sorted(info.status for info in same) == ['broken', 'loaded']
    assert {info.origin for info in same} == {
        'first-dist 0.5', 'second-dist 0.5'
    }


@pytest.mark.parametrize('definition, complaint', [
    ('mmgancomp_famlies()', "unknown hook 'mmgancomp_famlies'"),
    ('mmgancomp_report_sections(recrod)', 'recrod'),
])
def test_wrong_hook_is_an_error_that_names_the_plugin(
        install, definition, complaint):
    install('odd-dist', 'odd', implementing(definition))
    with pytest.raises(ConfigError) as caught:
        plugins.manager()
    message = str(caught.value)
    assert "plugin 'odd' of odd-dist 0.5" in message
    assert complaint in message
    assert 'mmgancomp_families, mmgancomp_register' in message
    assert 'MMGANCOMP_BLOCK_PLUGINS=odd' in message
    # Asking again gives the same answer, not a half-made manager.
    with pytest.raises(ConfigError, match='odd-dist'):
        plugins.manager()


def test_plugins_are_blocked_by_name(install, monkeypatch):
    install('odd-dist', 'odd', implementing('mmgancomp_famlies()'))
    monkeypatch.setenv(plugins.BLOCK, 'odd, mmgancomp.biggan')
    assert row('odd').status == 'blocked'
    assert row('odd').hooks == ()
    assert row('mmgancomp.biggan').status == 'blocked'
    families = plugins.manager().hook.mmgancomp_families()
    assert 'biggan' not in [family.name for found in families
                            for family in found]


def test_blocking_what_is_not_there_is_said(install, monkeypatch):
    monkeypatch.setenv(plugins.BLOCK, 'mmgancomp.bigan')
    with pytest.warns(UserWarning, match="'mmgancomp.biggan'"):
        plugins.manager()


def test_a_plugin_may_import_the_registry_while_it_is_loaded(install):
    """Its components are then registered once all plugins are there."""
    install(
        'eager-dist', 'eager',
        'import mmgancomp.registry\nfrom mmgancomp import hookimpl\n'
        'from mmgancomp import plugins\ncalls = []\n'
        'plugins.register_components()\n'
        '@hookimpl\ndef mmgancomp_register():\n    calls.append(1)\n')
    plugins.manager()
    assert sys.modules['plugin_eager'].calls == [1]


def test_hookimpl_is_what_the_top_package_exports():
    assert hookimpl is plugins.hookimpl
