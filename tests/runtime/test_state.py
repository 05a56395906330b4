"""What a run leaves behind, and what another run takes from it."""

import json

import pytest
import torch

from mmgancomp.errors import ConfigError
from mmgancomp.runtime.hooks import RunStateHook
from mmgancomp.runtime.record import read_record
from mmgancomp.runtime.state import RunState
from tests.support import runs, tiny

pytestmark = tiny.STOCK_WARNINGS

SPARSITY = dict(
    type='mmgancomp.SparsityHook',
    networks=dict(
        generator=dict(
            density=.25, schedule=dict(type='AGP', interval=1, end='end'))))


def config(folder, family='dcgan', **options):
    hooks = dict(sparsity=SPARSITY, **options.pop('default_hooks', {}))
    return tiny.config(family, folder, default_hooks=hooks, **options)


def test_the_checkpoint_is_stock_but_for_one_key(tmp_path):
    runner = runs.train(config(tmp_path / 'ours'))
    plain = tiny.config('dcgan', tmp_path / 'stock')
    runs.train(plain)
    ours = runs.load(tmp_path / 'ours' / 'iter_8.pth')
    stock = torch.load(tmp_path / 'stock' / 'iter_8.pth', weights_only=False)
    assert set(ours) - set(stock) == {'mmgancomp'}
    assert set(stock) <= set(ours)
    assert list(ours['state_dict']) == list(stock['state_dict'])
    assert ours['mmgancomp']['schema'] == 1
    assert ours['mmgancomp']['clocks'] == dict(generator=8, discriminator=8)
    kept = ours['mmgancomp']['message_hub']['train/loss_gen']['values']
    assert kept.tolist() == pytest.approx(
        runner.message_hub.get_scalar('train/loss_gen').data[0].tolist())


def test_a_run_without_masks_is_the_stock_run_bit_for_bit(tmp_path):
    states = []
    for name, hooks in (
        ('stock', {}),
        ('ours',
         dict(
             sparsity=dict(
                 type='mmgancomp.SparsityHook',
                 networks=dict(
                     generator=dict(density=1.),
                     discriminator=dict(density=1.)))))):
        runner = runs.train(
            tiny.config('sngan_proj', tmp_path / name, default_hooks=hooks))
        states.append({
            'model': dict(runner.model.state_dict()),
            'optimizer': runner.optim_wrapper.state_dict()
        })
    assert runs.differences(*states) == []


def test_the_record_counts_what_is_there(tmp_path):
    runner = runs.train(config(tmp_path))
    record = read_record(tmp_path)
    entry = record['models'][0]['networks']['generator']
    generator = runner.model.generator
    assert entry['params'] == sum(p.numel() for p in generator.parameters())
    assert entry['nonzero'] == sum(
        int(p.count_nonzero()) for p in generator.parameters())
    assert entry['kept'] == sum(layer['kept'] for layer in entry['layers'])
    assert entry['density'] == entry['kept'] / entry['maskable']
    assert entry['history'][0][0] == 0
    assert entry['history'][-1] == [8, entry['density']]
    assert record['run']['updates'] == dict(generator=8, discriminator=8)
    assert record['run']['seed'] == 2022
    assert 'density' not in record['models'][0]['networks']['discriminator']


def test_a_config_with_a_builder_only_names_the_state_hook(tmp_path):
    hooks = dict(compression=dict(type='mmgancomp.RunStateHook'))
    runner = runs.train(
        tiny.config('dcgan', tmp_path, default_hooks=hooks))
    assert sum(isinstance(h, RunStateHook) for h in runner.hooks) == 1
    assert 'mmgancomp' in runs.load(tmp_path / 'iter_8.pth')
    assert read_record(tmp_path)['models']


def test_there_is_one_state_per_run_and_it_is_found_again(tmp_path):
    runner = runs.train(
        config(
            tmp_path,
            default_hooks=dict(
                compression=dict(type='mmgancomp.RunStateHook'))))
    assert sum(isinstance(h, RunStateHook) for h in runner.hooks) == 1
    assert RunState.of(runner) is RunState.of(runner)


@pytest.mark.parametrize('family', ['sngan_proj', 'pix2pix'])
@pytest.mark.parametrize(
    'point', [3, pytest.param(5, marks=pytest.mark.slow)])
def test_resume_between_two_updates_is_exact(family, point, tmp_path):
    """Half-accumulated gradients and the phase of accumulation return."""
    model = tiny.model(family)
    keys = (['generator', 'discriminator']
            if family == 'sngan_proj' else ['generators', 'discriminators'])
    del model
    wrappers = {key: dict(accumulative_counts=2) for key in keys}

    def build(name):
        return config(
            tmp_path / name, family, iterations=16, checkpoint=1,
            optim_wrapper=wrappers)

    runs.train(build('whole'))
    runs.train(
        runs.resume_from(build('resumed'), tmp_path / 'whole', point))
    ends = [
        runs.training_state(runs.load(tmp_path / n / 'iter_16.pth'))
        for n in ('whole', 'resumed')
    ]
    assert runs.differences(*ends) == []


def test_validation_between_checkpoint_and_next_step_changes_nothing(
        tmp_path):
    validation = dict(
        val_cfg=dict(type='MultiValLoop'),
        val_dataloader=dict(
            batch_size=4,
            num_workers=0,
            persistent_workers=False,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=tiny.config('dcgan', tmp_path).train_dataloader.dataset),
        val_evaluator=dict(
            type='Evaluator',
            metrics=[
                dict(
                    type='MS_SSIM',
                    prefix='ms-ssim',
                    fake_nums=4,
                    sample_model='orig')
            ]),
        train_cfg=dict(val_interval=2))
    runs.train(config(tmp_path / 'with', **validation))
    runs.train(config(tmp_path / 'without'))
    ends = [
        runs.training_state(runs.load(tmp_path / n / 'iter_8.pth'))
        for n in ('with', 'without')
    ]
    assert runs.differences(*ends) == []
    metrics = read_record(tmp_path / 'with')['models'][0]['metrics']
    assert 'ms-ssim/avg' in metrics


def test_load_from_starts_a_new_run_from_the_weights(tmp_path):
    runs.train(config(tmp_path / 'first'))
    second = config(tmp_path / 'second')
    second.load_from = str(tmp_path / 'first' / 'iter_8.pth')
    runner = runs.train(second)
    assert RunState.of(runner).resumed is False
    assert RunState.of(runner).updates('generator').clock == 8
    history = json.loads((tmp_path / 'second' / 'compression.json').read_text(
    ))['models'][0]['networks']['generator']['history']
    assert history[0][0] == 0


def test_resuming_a_foreign_checkpoint_says_what_to_do(tmp_path):
    runs.train(tiny.config('dcgan', tmp_path / 'stock'))
    ours = runs.resume_from(config(tmp_path / 'ours'), tmp_path / 'stock', 4)
    with pytest.raises(ConfigError, match='use load_from'):
        runs.train(ours)


def test_resuming_without_optimizer_state_is_refused(tmp_path):
    without = dict(checkpoint=dict(save_optimizer=False))
    runs.train(config(tmp_path / 'first', default_hooks=without))
    again = runs.resume_from(
        config(tmp_path / 'again'), tmp_path / 'first', 4)
    with pytest.raises(ConfigError, match='no optimizer state'):
        runs.train(again)


def test_another_draw_is_another_run(tmp_path):
    def build(name, seed):
        options = dict(
            density=.25,
            criterion=dict(type='random', seed=seed))
        return tiny.config(
            'dcgan',
            tmp_path / name,
            default_hooks=dict(
                sparsity=dict(
                    type='mmgancomp.SparsityHook',
                    networks=dict(generator=options))))

    runs.train(build('first', 0))
    again = runs.resume_from(build('again', 1), tmp_path / 'first', 4)
    with pytest.raises(ConfigError, match='criterion.seed'):
        runs.train(again)
