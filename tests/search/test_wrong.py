"""A wrong genotype or size is one sentence, from a plan and from a run."""

from __future__ import annotations

import json

import pytest
from mmengine import Config

from mmgancomp.cli.main import main
from mmgancomp.cli.plan import plan
from mmgancomp.errors import ConfigError
from mmgancomp.search import PUBLISHED
from tests.support import runs
from tests.support.search import RETRAIN, tiny

CELLS = PUBLISHED['alphagan_s'].plain()
JUDGE = [dict(lift=['conv_1x1_first'], normal=['none']),
         *3 * [dict(normal=['conv_3x3_sn', 'identity'])]]
G, D = 'model.generator.genotype', 'model.discriminator.genotype'


def changed(**more):
    return [CELLS[0] | more, *CELLS[1:]]


GENOTYPES = {
    'no name': (None, 'alphagan_s'),
    'another name': ('alphagan_m', "did you mean 'alphagan_"),
    'a number': (3, 'one dict per cell'),
    'no cells': ([], 'one dict per cell'),
    'an operation that there is not': (
        changed(normal=['conv_9x9'] * 3), 'no such normal operation'),
    'operations of another kind': (
        changed(up=['conv_1x1'] * 2), 'no such up-sampling operation'),
    'too few edges': (changed(up=['deconv']), 'cell 1 must have 2 up'),
    'a skip too many': (changed(skip=['deconv']), 'cell 1 must have'),
    'a kind that there is not': (changed(ups=['deconv']), 'cell 1 must'),
    'no JSON': ('{folder}/damaged.json', 'is no genotype file'),
    'JSON of something else': ('{folder}/other.json', 'schema 1'),
    'a folder': ('{folder}', 'is no genotype file'),
    'a file without generator': (
        '{folder}/judge.json', 'no architecture of a generator'),
    'a file with a wrong cell': (
        '{folder}/wrong.json', 'no such normal operation'),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Laying out the config for the log takes longer than the error."""
    monkeypatch.setattr(Config, 'pretty_text', property(lambda self: ''))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'damaged.json').write_text('{"schema": 1, "gen')
    for name, content in dict(
            other=dict(schema=9), judge=dict(schema=1, discriminator=JUDGE),
            wrong=dict(schema=1, generator=changed(normal=['x'] * 3)),
            found=dict(schema=1, generator=CELLS)).items():
        (tmp_path / f'{name}.json').write_text(json.dumps(content))
    return tmp_path


def alike(config, key, says):
    """Both say the same, and say it before anything is trained."""
    with pytest.raises(ConfigError) as planned:
        plan(config)
    with pytest.raises(ConfigError) as trained:
        runs.train(config)
    for error in (planned, trained):
        message = str(error.value)
        assert message.startswith(f'{key} = '), message
        assert says in message
    assert str(planned.value) == str(trained.value)


@pytest.mark.parametrize('name', GENOTYPES)
def test_wrong_genotypes(name, folder):
    value, says = GENOTYPES[name]
    config = tiny(folder / 'run', path=RETRAIN)
    if isinstance(value, str):
        value = value.replace('{folder}', str(folder))
    config.model.generator.genotype = value
    # What is wrong inside of a file is told with its name.
    alike(config, f'{G} ({value})' if 'wrong.json' in str(value) else G, says)


JUDGES = {
    'no name': (None, 'genotype.json'),
    'a published generator': ('alphagan_s', "targets='both'"),
    'a file of a generator alone': ('{folder}/found.json', "targets='both'"),
    'too few cells': (JUDGE[:2], 'has 2 cells, where 4 belong'),
    'no lift': ([JUDGE[1], *JUDGE[1:]], 'cell 1 must have 1 lift'),
    'a lift that lifts nothing': (
        [dict(lift=['identity'], normal=['none']), *JUDGE[1:]],
        'number of channels'),
    'an operation that there is not': (
        [*JUDGE[:3], dict(normal=['none', 'non'])], "did you mean 'none'"),
}


@pytest.mark.parametrize('name', JUDGES)
def test_wrong_genotypes_of_a_discriminator(name, folder):
    value, says = JUDGES[name]
    config = tiny(folder / 'run', path=RETRAIN)
    config.model.generator.genotype = CELLS
    if isinstance(value, str):
        value = value.replace('{folder}', str(folder))
    config.model.discriminator = dict(
        type='mmgancomp.DerivedDiscriminator', input_scale=16,
        input_channels=1, base_channels=4, genotype=value)
    alike(config, D, says)


@pytest.mark.parametrize('slimmed', [False, True])
def test_a_generator_of_another_size_than_the_discriminator(slimmed, tmp_path):
    config = tiny(tmp_path, path=RETRAIN)
    config.model.generator.genotype = CELLS
    config.model.generator.bottom_width = 4
    if slimmed:
        for part in ('generator', 'discriminator'):
            network = config.model[part].to_dict()
            config.model.pop(part)
            config.model[part] = dict(
                type='mmgancomp.Slimmed', network=network, divisor=2)
    alike(config, 'model.generator.bottom_width', 'write 2')
    network = config.model.discriminator.get(
        'network', config.model.discriminator)
    network.input_scale = 20
    alike(config, 'model.generator.bottom_width', 'multiples of 8 px')


SEARCHES = {
    'architecture_dataloader': (None, 'like train_dataloader'),
    'variant': ('m', 'no such variant'),
    'grow': ([3, 1], 'rising'),
    'outer_steps': (0, 'at least 1'),
    'targets': ('both', 'SearchableDiscriminator'),
}


@pytest.mark.parametrize('name', SEARCHES)
def test_wrong_searches(name, tmp_path):
    value, says = SEARCHES[name]
    config = tiny(tmp_path)
    config.train_cfg[name] = value
    key = ('model.discriminator.type' if name == 'targets' else
           f'train_cfg.{name}')
    alike(config, key, says)


@pytest.mark.parametrize('name', ['dataset', 'sampler', 'batch_size'])
def test_a_second_dataloader_that_is_none(name, tmp_path):
    config = tiny(tmp_path)
    config.train_cfg.architecture_dataloader[name] = None
    alike(config, f'train_cfg.architecture_dataloader.{name}', f'{name}=')


def test_a_supernet_with_operations_that_there_are_not(tmp_path):
    config = tiny(tmp_path)
    config.model.generator.normal = ['conv_1x1', 'conv_3x3x3']
    alike(config, 'model.generator.normal', "did you mean 'conv_3x3'")


def test_a_misspelt_option_of_a_network(tmp_path, capsys, monkeypatch):
    """By the commands, which look at a config before MMEngine builds it."""
    monkeypatch.undo()
    config = tiny(tmp_path, path=RETRAIN)
    config.model.generator.bottom_with = 2
    config.dump(str(tmp_path / 'wrong.py'))
    for command in ('plan', 'train'):
        capsys.readouterr()
        assert main([command, str(tmp_path / 'wrong.py')]) == 2
        said = capsys.readouterr().err
        assert 'model.generator.bottom_with = 2' in said
        assert "did you mean 'bottom_width'?" in said


def test_masks_in_a_search(tmp_path):
    config = tiny(tmp_path)
    config.default_hooks.sparsity = dict(
        type='mmgancomp.SparsityHook', networks=dict(
            generator=dict(density=.5)))
    alike(config, 'default_hooks.sparsity', 'DerivedGenerator')
