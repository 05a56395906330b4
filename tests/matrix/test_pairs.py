"""Any two of {DGL, features, AGP, DropAndGrow, Slimmed} train together.

The run resumes, and what comes out is exported in each kind.
"""

import itertools

import pytest
from mmengine.hooks import Hook

from mmgancomp import families
from mmgancomp.cli.main import main
from mmgancomp.sparsity import MaskedNetwork
from tests.support import lessons, runs, slim, teaching, tiny

pytestmark = tiny.STOCK_WARNINGS

MECHANISMS = ('DGL', 'features', 'AGP', 'DropAndGrow', 'Slimmed')
# One network has one schedule.
PAIRS = [pair for pair in itertools.combinations(MECHANISMS, 2)
         if pair != ('AGP', 'DropAndGrow')]
FAMILIES = ('sngan_proj', 'biggan', 'stylegan2', 'dcgan', 'cyclegan',
            'pix2pix', 'srgan')
ITERATIONS, POINT = 8, 4
SUFFIX = dict(mmagic='.pth', onnx='.onnx', sparse='.safetensors')
# Each mechanism once at least, where it takes the least time.
FAST = {('dcgan', ('DGL', 'AGP')), ('dcgan', ('features', 'DropAndGrow')),
        ('dcgan', ('AGP', 'Slimmed'))}

assert len(PAIRS) == 9 and all(pair in PAIRS for _, pair in FAST)
assert {m for _, pair in FAST for m in pair} == set(MECHANISMS)


def config(family, pair, folder, work_dir):
    """A tiny run with both of a pair."""
    hooks = {}
    terms = {}
    if 'DGL' in pair:
        terms['guide'] = dict(type='mmgancomp.TeacherAdversarialLoss')
    if 'features' in pair:
        points = lessons._facts(family)[1]['generator']
        terms['inter'] = dict(type='mmgancomp.FeatureL1Loss', layers=points)
    if terms:
        hooks['distillation'] = dict(
            type='mmgancomp.DistillationHook', generator=terms,
            teacher=teaching.teacher_of(family, folder, wider=True))
    masks = {'AGP', 'DropAndGrow'} & set(pair)
    if masks:
        model = tiny.model(family)
        names = [name for name, network in families.of(model).networks(
            model).items() if network.role == 'generator']
        hooks['sparsity'] = dict(
            type='mmgancomp.SparsityHook',
            networks={name: dict(
                density=0.4, schedule=dict(type=kind, interval=1))
                for kind in masks for name in names})
    hooks = hooks or dict(compression=dict(type='mmgancomp.RunStateHook'))
    make = slim.config if 'Slimmed' in pair else tiny.config
    return make(family, work_dir, iterations=ITERATIONS, checkpoint=POINT,
                default_hooks=hooks)


class Sizes(Hook):
    """Kept weights and parameters of the generators at the end."""

    def after_train(self, runner):
        model = families.base.bare(runner.model)
        networks = [n for n in families.of(model).networks(model).values()
                    if n.role == 'generator']
        self.masked = [MaskedNetwork.of(n.module) for n in networks]
        self.params = [sum(p.numel() for p in n.module.parameters())
                       for n in networks]


@pytest.mark.parametrize(('family', 'pair'), [
    pytest.param(
        family, pair, id=f'{family}-{"-".join(pair)}',
        marks=() if (family, pair) in FAST else pytest.mark.slow)
    for family in FAMILIES for pair in PAIRS
])
def test_a_pair_trains_resumes_and_exports(family, pair, tmp_path):
    watch, sizes = runs.Watch(), Sizes()
    whole, broken = tmp_path / 'whole', tmp_path / 'broken'
    seen = [watch, sizes]
    eye = None
    if {'DGL', 'features'} & set(pair):
        eye = teaching.Eye()
        seen.append(eye)
    built = config(family, pair, tmp_path, whole)
    runs.train(built, *seen)
    assert not watch.violations
    if eye:
        wanted = {'DGL': 'guide', 'features': 'inter'}
        assert set(eye.values) == {wanted[m] for m in pair if m in wanted}
        assert all(len(set(v)) > 1 for v in eye.values.values())
        assert all(max(g) > 0 for g in eye.gradients.values())
    masks = {'AGP', 'DropAndGrow'} & set(pair)
    for masked in sizes.masked:
        assert (masked is not None) is bool(masks)
        if masked is not None:
            assert masked.density == pytest.approx(.4, abs=.1)
    if 'Slimmed' in pair:
        model = tiny.model(family)
        wide = [sum(p.numel() for p in n.module.parameters())
                for n in families.of(model).networks(model).values()
                if n.role == 'generator']
        assert all(own < full for own, full in zip(sizes.params, wide))
    runs.train(runs.resume_from(
        config(family, pair, tmp_path, broken), whole, POINT))
    ends = [runs.training_state(runs.load(d / f'iter_{ITERATIONS}.pth'))
            for d in (whole, broken)]
    assert runs.differences(*ends) == []
    for kind, suffix in SUFFIX.items():
        # The command checks what it wrote against the network itself.
        assert main(['export', built.filename,
                     str(whole / f'iter_{ITERATIONS}.pth'), '--to', kind,
                     '--out', str(tmp_path / f'g{suffix}')]) == 0
    assert len(list(tmp_path.glob('g*.*'))) > len(SUFFIX)
