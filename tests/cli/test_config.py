from __future__ import annotations

import argparse

import pytest
from mmengine.config import Config

from mmgancomp.cli import common
from mmgancomp.errors import ConfigError

STOCK = ('mmagic::sngan_proj/'
         'sngan-proj_woReLUinplace_lr2e-4-ndisc5-1xb64_cifar10-32x32.py')


@pytest.fixture
def config(tmp_path):

    def write(text):
        path = tmp_path / 'c.py'
        path.write_text(text)
        return str(path)

    return write


def test_values_are_read_as_mmagic_reads_them(config):
    path = config('a = dict(b=1, c=[1, 2])\nd = (1, 2)')
    read = common.load_config(
        path,
        ['a.b=0.5', 'a.c=[3,4]', 'd=(5,(6,x))', 'e=True', 'f=None', 'g=h=i'])
    assert read.a == dict(b=.5, c=[3, 4])
    assert read.d == (5, (6, 'x'))
    assert (read.e, read.f, read.g) == (True, None, 'h=i')


def test_new_entries_of_default_hooks_can_be_overridden(config):
    path = config(f"_base_ = {STOCK!r}\ndefault_hooks = dict(sparsity=dict("
                  "type='mmgancomp.SparsityHook', networks=dict("
                  'generator=dict(density=.5))))')
    key = 'default_hooks.sparsity.networks.generator.density'
    read = common.load_config(path, [f'{key}=0.1'])
    assert read.default_hooks.sparsity.networks.generator.density == .1
    assert 'checkpoint' in read.default_hooks


def test_a_shipped_config_by_package():
    assert common.load_config(STOCK).model.num_classes == 10


@pytest.mark.parametrize('name,said', [
    ('nowhere.py', 'there is no such file'),
    ('.', 'is a folder'),
    ('nopackage::a.py', "no package 'nopackage' is installed"),
    ('mmagic::a/b.py', 'there is no file .*mmagic/.mim/configs/a/b.py'),
])
def test_missing_configs(name, said):
    with pytest.raises(ConfigError, match=said) as error:
        common.load_config(name)
    assert repr(name) in str(error.value)


@pytest.mark.parametrize('text,said', [
    ('a = (', 'SyntaxError'),
    ('a = b', "NameError: name 'b' is not defined"),
    ("_base_ = 'other.py'", 'a file that it inherits .*other.py'),
])
def test_broken_configs(config, text, said):
    with pytest.raises(ConfigError, match=said):
        common.load_config(config(text))


@pytest.mark.parametrize('option,said', [
    ('a.7=1', 'cannot be merged'),
    ('a=[(1,2]', 'cannot be merged'),
])
def test_options_that_do_not_fit(config, option, said):
    with pytest.raises(ConfigError, match=said) as error:
        common.load_config(config('a = [1]'), [option])
    assert option in str(error.value)


@pytest.mark.parametrize('word', ['a', '=1', ''])
def test_options_without_key_or_value(word, capsys):
    parser = argparse.ArgumentParser()
    common.add_config_options(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(['--cfg-options', word])
    assert 'expected KEY=VALUE' in capsys.readouterr().err


@pytest.mark.parametrize('flag,own,expected', [
    ('here', 'there', 'here'),
    (None, 'there', 'there'),
    ('', None, 'work_dirs/name'),
    (None, None, 'work_dirs/name'),
])
def test_flag_beats_config_beats_name(flag, own, expected):
    config = Config(dict(work_dir=own))
    common.set_work_dir(config, flag, 'some/name.py')
    assert config.work_dir == expected


def test_checkpoints_elsewhere_are_not_looked_for(tmp_path):
    url = 'https://example.org/a.pth'
    assert common.existing_checkpoint('checkpoint', url) == url
    with pytest.raises(ConfigError, match='checkpoint = .*a.pth'):
        common.existing_checkpoint('checkpoint', str(tmp_path / 'a.pth'))


def test_commands_are_shown_in_the_form_in_which_they_were_given(monkeypatch):
    monkeypatch.setattr('sys.argv', ['tools/train.py'])
    shown = common.command_line('test', 'a b.py')
    assert shown == "python tools/test.py 'a b.py'"
    monkeypatch.setattr('sys.argv', ['/bin/mmgancomp'])
    assert common.command_line('test', 'c.py') == 'mmgancomp test c.py'


def test_hooks_of_ours_are_left_out_by_none(config):
    """MMEngine understands a None of its own hooks alone, and fails else."""
    path = config('default_hooks = dict(sparsity=dict(a=1), timer=None)')
    read = common.load_config(path, ['default_hooks.sparsity=None'])
    assert read.default_hooks.to_dict() == dict(timer=None)
