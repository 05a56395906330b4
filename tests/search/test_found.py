"""Whatever is done to stock generators can be done to what was found."""

from __future__ import annotations

import json

import pytest
import torch
from mmengine.config import Config

from mmgancomp import families
from mmgancomp.channels import ChannelPlan, channel_groups, kill, remove
from mmgancomp.errors import ConfigError, MMGanCompError
from mmgancomp.evaluation.profile_model import subjects
from mmgancomp.export.mmagic_model import write_mmagic
from mmgancomp.export.sparse import write_sparse
from mmgancomp.runtime.building import build_model
from mmgancomp.search import (
    NORMAL_OPERATIONS,
    PUBLISHED,
    DerivedDiscriminator,
    DerivedGenerator,
    SearchableDiscriminator,
)
from tests.cli.test_prune_command import Trained
from tests.support import cuts, exported, gated, runs, tiny

pytestmark = tiny.STOCK_WARNINGS


def file_of(folder):
    """What a search would have written."""
    path = folder / 'genotype.json'
    path.write_text(json.dumps(dict(
        schema=1, generator=PUBLISHED['alphagan_l'].plain())))
    return str(path)


def test_exports_need_no_file_of_the_search(tmp_path):
    path = file_of(tmp_path)
    config = tiny.config(tiny.FOUND, tmp_path,
                         **{'model.generator.genotype': path})
    chosen = subjects(
        config, exported.checkpoint(config, tmp_path / 'a.pth', .5))
    (tmp_path / 'genotype.json').unlink()
    written = write_mmagic(tmp_path / 'g.pth', config, chosen)
    model = build_model(Config.fromfile(written.config))
    loaded = torch.load(written.weights, weights_only=True)
    model.load_state_dict(loaded['state_dict'], strict=True)
    assert model.generator.genotype == PUBLISHED['alphagan_l']
    packed = write_sparse(tmp_path / 'g.safetensors', chosen)
    assert packed.bytes < written.bytes


@pytest.mark.slow
@pytest.mark.parametrize('criterion', ['readers', 'magnitude'])
def test_train_prune_train_on_resume(criterion, tmp_path, capsys):
    trained = Trained(tiny.FOUND, tmp_path, **{
        'model.ema_config': dict(
            type='ExponentialMovingAverage', interval=1, momentum=.1)})
    found = trained.prune(
        capsys, '--target', 'macs=0.5', '--multiple', '1', '--criterion',
        criterion, '--networks', 'all')
    for cost in found['networks'].values():
        assert .3 < cost['macs'] / cost['macs_before'] <= .5
        assert cost['difference_killed'] > 0
    plan = ChannelPlan.read(found['plan']).networks['generator'].kept
    assert 'noise2feat' in plan
    end = runs.train(
        trained.going_on(found, 'on', train_cfg=dict(max_iters=4)))
    generator = families.bare(end.model).generator
    assert generator.noise2feat.out_features == 16 * len(plan['noise2feat'])
    again = trained.going_on(found, 'again', train_cfg=dict(max_iters=4))
    again.load_from = None
    runs.train(runs.resume_from(again, tmp_path / 'on', 2))
    assert runs.differences(*(
        runs.training_state(runs.load(tmp_path / part / 'iter_4.pth'))
        for part in ('on', 'again'))) == []


@pytest.mark.slow
def test_gates_close_and_are_removed(tmp_path):
    diary = gated.Diary()
    runner = runs.train(
        gated.config(tiny.FOUND, tmp_path, gates=dict(
            optimizer=dict(type='SGD', lr=4.)), iterations=8), diary)
    gates = gated.all_gates(runner)
    assert len(gates) == 13 == diary.frozen[-1]
    slim = gated.slim_model(tmp_path)
    whole = families.bare(runner.model).generator
    noise = torch.randn(2, 16)
    with torch.no_grad():
        assert torch.allclose(slim.generator.eval()(noise),
                              whole.eval()(noise), atol=1e-5)
    assert sum(p.numel() for p in slim.generator.parameters()) < sum(
        p.numel() for p in whole.parameters())


@pytest.mark.slow
def test_channels_fade_out_during_a_run(tmp_path):
    model = tiny.model(tiny.FOUND)
    kept = cuts.plan(channel_groups(model.generator), 0)
    path = tmp_path / 'plan.json'
    path.write_text(json.dumps(dict(
        schema=1, networks=dict(generator=kept))))
    runner = runs.train(tiny.config(
        tiny.FOUND, tmp_path / 'run', default_hooks=dict(
            channel_kill=dict(type='mmgancomp.ChannelKillHook', networks=dict(
                generator=dict(plan=str(path), begin=1, end=3))))))
    state = runs.load(tmp_path / 'run' / 'slim.pth')['state_dict']
    whole = families.bare(runner.model).generator
    assert len(state['generator.noise2feat.bias']) == (
        16 * len(kept['noise2feat']))
    assert sum(v.numel() for k, v in state.items() if k.startswith(
        'generator.')) < sum(p.numel() for p in whole.parameters())


def test_the_derived_discriminator_is_the_one_that_was_found():
    """With the supernet's weights: the sum of one candidate per edge."""
    torch.manual_seed(0)
    supernet = SearchableDiscriminator(8, base_channels=4)
    genotype = supernet.genotype()
    derived = DerivedDiscriminator(genotype.plain(), 8, base_channels=4)
    assert derived.genotype == genotype
    state = {}
    for name, value in supernet.state_dict().items():
        before, mark, rest = name.partition('.operations.')
        option, _, inside = rest.partition('.')
        if not mark:
            state[name] = value
        elif option == supernet.get_submodule(before).best:
            state[f'{before}.{inside}'] = value
    derived.load_state_dict({k: v for k, v in state.items()
                             if not k.endswith('alpha')})
    from mmgancomp.search.edges import choose
    choose(supernet, genotype)
    images = torch.randn(2, 3, 8, 8)
    assert torch.equal(derived.eval()(images), supernet.eval()(images))
    assert sum(p.numel() for p in derived.parameters()) < sum(
        p.numel() for p in supernet.parameters())


class Scaled(torch.nn.Module):
    """An operation of a plugin that is no chain of layers."""

    def __init__(self, inside, outside, affine):
        super().__init__()
        self.one = torch.nn.Conv2d(inside, outside, 1)
        self.two = torch.nn.Conv2d(inside, outside, 1)

    def forward(self, x):
        return self.one(x) * self.two(x).sigmoid()


class Wired(Scaled):

    def wire(self, wiring, path, node):
        return wiring.tie(wiring.layer(f'{path}.one', node),
                          wiring.layer(f'{path}.two', node))


def test_an_operation_says_where_its_channels_go():
    cell = dict(up=['deconv'] * 2, normal=['scaled', 'wired', 'wired'])
    names = dict(scaled=Scaled, wired=Wired)
    for name, kind in names.items():
        NORMAL_OPERATIONS.register_module(name, module=kind)
    try:
        network = DerivedGenerator([cell], 4, 6, 2)
        with pytest.raises(MMGanCompError, match='Scaled.*wire'):
            channel_groups(network)
        network = DerivedGenerator(
            [cell | dict(normal=['wired'] * 3)], 4, 6, 2)
        groups = channel_groups(network)
        assert 'cells.0.normal.0.one' in groups
        plan = cuts.plan(groups, 3)
        small = remove(kill(network, plan), plan)
        assert small.cells[0].normal[0].two.out_channels == 4
    finally:
        for name in names:
            del NORMAL_OPERATIONS.module_dict[name]


def test_weights_of_another_architecture_are_refused():
    model = tiny.model(tiny.FOUND)
    own, state = model.generator, model.state_dict()
    other = DerivedGenerator('alphagan_l', 16, 8, 4)
    model.load_state_dict(state)
    with pytest.raises(ConfigError, match='another architecture'):
        own.load_state_dict(other.state_dict(), strict=False)
    wrong = state | {f'generator.{k}': v
                     for k, v in other.state_dict().items()}
    with pytest.raises(ConfigError, match='generator.cells.0'):
        model.load_state_dict(wrong, strict=False)
    # Same names, another kernel.
    cells = PUBLISHED['alphagan_s'].plain()
    cells[0]['normal'][0] = 'conv_3x3'
    with pytest.raises(ConfigError, match='of kernel 3×3 among them'):
        own.load_state_dict(
            DerivedGenerator(cells, 16, 8, 4).state_dict(), strict=False)
    # Narrower or for larger images is the same architecture.
    own.load_state_dict({k: v for k, v in DerivedGenerator(
        'alphagan_s', 16, 8, 6).state_dict().items()
        if not k.startswith('noise2feat')}, strict=False)


def test_a_run_does_not_go_on_with_another_architecture():
    """Also where edges without weights are all that differs."""
    model = tiny.model(tiny.FOUND)
    family = families.of(model)
    state = family.state(model)
    family.load_state(model, state)
    cells = state['genotypes']['generator']
    cells[0]['up'][0] = 'nearest'
    with pytest.raises(ConfigError, match='up nearest deconv'):
        family.load_state(model, state)
    # Checkpoints of before have none.
    family.load_state(model, {})
