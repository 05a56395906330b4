"""DigitsFID inside MMagic's own loops, on tiny stock models."""

import itertools

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

from mmgancomp.errors import ConfigError
from mmgancomp.evaluation.digits_fid import digits_fid, digits_reference
from mmgancomp.evaluation.metrics import DigitsFID
from mmgancomp.registry import METRICS

# What stock networks and MMEngine's runner warn about.
pytestmark = [
    pytest.mark.filterwarnings(f'ignore:{warning}') for warning in (
        'Unnecessary conv bias before batch',
        'The prefix is not set in metric class',
        '`torch.jit.load` is deprecated')
]

LINES = """
_base_ = [
    'mmagic::{stock}',
    '{root}/configs/_base_/datasets/digits_16.py']
model = {model}
train_dataloader = dict(_delete_=True, **_base_.train_data)
val_dataloader = test_dataloader = dict(_delete_=True, **_base_.test_data)
val_evaluator = test_evaluator = dict(
    _delete_=True, type='Evaluator', metrics={metrics})
default_hooks = dict(
    checkpoint=dict(_delete_=True, type='CheckpointHook', interval=100,
                    by_epoch=False))
custom_hooks = []
train_cfg = dict(max_iters=2, val_interval=1)
env_cfg = dict(cudnn_benchmark=False, dist_cfg=dict(backend='gloo'))
randomness = dict(seed=0)
log_level = 'ERROR'
"""

SNGAN = ('sngan_proj/'
         'sngan-proj_woReLUinplace_lr2e-4-ndisc5-1xb64_cifar10-32x32.py')
CONDITIONAL = dict(
    noise_size=8,
    data_preprocessor=dict(output_channel_order=None),
    generator=dict(
        output_scale=16,
        out_channels=1,
        base_channels=8,
        channels_cfg=[1, 1],
        noise_size=8),
    discriminator=dict(
        input_scale=16,
        input_channels=1,
        base_channels=8,
        channels_cfg=[1, 1],
        downsample_cfg=[True, False]),
    discriminator_steps=1,
    ema_config=dict(interval=1, momentum=0.1, start_iter=0))

DCGAN = 'dcgan/dcgan_1xb128-300kiters_celeba-cropped-64.py'
UNCONDITIONAL = dict(
    noise_size=8,
    generator=dict(output_scale=16, out_channels=1, base_channels=16),
    discriminator=dict(input_scale=16, in_channels=1, base_channels=8))


@pytest.fixture
def runner(root, tmp_path):
    """A function that builds a Runner of a tiny stock model."""
    number = itertools.count()

    def build(*metrics, stock=SNGAN, model=CONDITIONAL, **changes):
        metrics = [
            dict(type='mmgancomp.DigitsFID', fake_nums=100) | metric
            for metric in metrics or [{}]
        ]
        file = tmp_path / 'tiny.py'
        file.write_text(
            LINES.format(
                stock=stock, root=root, model=model, metrics=metrics))
        config = Config.fromfile(file)
        config.merge_from_dict(changes)
        config.work_dir = str(tmp_path / 'work')
        # Without it, the name is the time in seconds, and may be taken.
        config.experiment_name = f'{tmp_path.name}-{next(number)}'
        return Runner.from_cfg(config)

    return build


@pytest.fixture
def scores():
    """Metrics of the runner's latest validation or test, by short name."""

    def read(runner, loop='val'):
        logged = runner.message_hub.log_scalars
        return {
            name[len(loop) + 1:]: scalar.current()
            for name, scalar in logged.items()
            if name.startswith(f'{loop}/digits-fid')
        }

    return read


def validate(runner):
    """What the validation loop measures, as its hooks get it."""
    found = {}
    call_hook = runner.call_hook

    def listen(name, **kwargs):
        found.update(kwargs.get('metrics', {}))
        call_hook(name, **kwargs)

    runner.call_hook = listen
    runner.val_loop.run()
    runner.call_hook = call_hook
    return found


def images_of(generator, count=100, seed=0, size=8):
    """The images that the metric should ask a conditional model for."""
    noise = torch.randn((count, size),
                        generator=torch.Generator().manual_seed(seed))
    labels = torch.arange(count) % 10
    generator.eval()
    with torch.no_grad():
        return generator(noise, label=labels, return_noise=False), labels


def test_trains_and_validates_a_conditional_stock_model(runner, scores):
    run = runner()
    run.train()
    found = scores(run)
    assert set(found) == {
        'digits-fid/fid', 'digits-fid/floor', 'digits-fid/agreement'
    }
    assert found['digits-fid/fid'] > 10 * found['digits-fid/floor']
    # The floor does not depend on the model.
    assert found['digits-fid/floor'] == digits_reference(16).floor


def test_equals_the_plain_function_on_the_same_images(runner):
    run = runner(dict(sample_model='ema'), dict(
        sample_model='orig', prefix='raw'))
    run.train()
    found = validate(run)
    for prefix, generator in (('digits-fid', run.model.generator_ema.module),
                              ('raw', run.model.generator)):
        wanted = digits_fid(*images_of(generator))
        for name, value in wanted.items():
            assert found[f'{prefix}/{name}'] == pytest.approx(
                value, rel=1e-3), (prefix, name)
    assert found['raw/fid'] != found['digits-fid/fid']


def test_same_model_same_bits_and_nothing_disturbed(runner):
    run = runner()
    run.train()
    torch.manual_seed(123)
    state = torch.get_rng_state()
    weights = {k: v.clone() for k, v in run.model.state_dict().items()}
    first = validate(run)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(5)
    assert validate(run) == first
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(tensor, weights[name]), name


def test_training_is_the_same_with_and_without_validation(runner):
    often = runner(train_cfg=dict(max_iters=3, val_interval=1))
    often.train()
    never = runner(train_cfg=dict(max_iters=3, val_interval=100))
    never.train()
    for name, tensor in often.model.state_dict().items():
        assert torch.equal(tensor, never.model.state_dict()[name]), name


def test_batch_size_of_the_data_does_not_matter(runner, scores):
    found = []
    for batch in (200, 7):
        run = runner(val_dataloader=dict(batch_size=batch))
        run.train()
        found.append(scores(run))
    assert found[0] == found[1]


def test_unconditional_stock_model(runner, scores):
    run = runner(
        dict(sample_model='orig', fake_nums=64),
        stock=DCGAN,
        model=UNCONDITIONAL)
    run.train()
    assert set(scores(run)) == {'digits-fid/fid', 'digits-fid/floor'}


def test_test_loop(runner):
    run = runner()
    found = {}
    call_hook = run.call_hook
    run.call_hook = lambda name, **kwargs: (found.update(
        kwargs.get('metrics', {})), call_hook(name, **kwargs))
    run.test()
    assert found['digits-fid/fid'] > 1


def test_each_digit_is_asked_for_equally_often():
    metric = DigitsFID(fake_nums=100)
    assert torch.bincount(metric._labels(10)).tolist() == [10] * 10
    assert metric._labels(None) is None and metric._labels(0) is None


def test_processes_share_the_images(monkeypatch):
    """Two ranks together ask for what one process asks for."""

    class Model:
        noise_size, num_classes = 4, 10

    def batches(rank, world):
        monkeypatch.setattr('mmgancomp.evaluation.metrics.get_dist_info',
                            lambda: (rank, world))
        monkeypatch.setattr(DigitsFID, 'fake_nums_per_device',
                            -(-50 // world))
        sampler = DigitsFID(fake_nums=50).get_metric_sampler(
            Model(), None, [])
        return sampler.noise, sampler.labels

    noise, labels = batches(0, 1)
    for world in (2, 3, 4):
        parts = [batches(rank, world) for rank in range(world)]
        # Equal shares, gathered in the order of ranks, surplus cut off.
        for alone, shares in ((noise, [part[0] for part in parts]),
                              (labels, [part[1] for part in parts])):
            assert len({len(share) for share in shares}) == 1
            assert torch.equal(torch.cat(shares)[:50], alone)


def test_with_inception_it_is_mmagics_own_fid(tmp_path):
    """The option leaves every setting of the base class in force."""

    class Extractor(torch.nn.Module):

        def forward(self, x: torch.Tensor, return_features: bool = False):
            return x.float().mean((2, 3))

    file = tmp_path / 'inception.pt'
    torch.jit.script(Extractor()).save(str(file))
    metric = METRICS.build(
        dict(
            type='mmgancomp.DigitsFID',
            feature='inception',
            fake_nums=10,
            inception_path=str(file),
            sample_model='orig'))
    assert metric.inception_style == 'StyleGAN'
    assert metric.SAMPLER_MODE == 'Generative'
    sample = dict(fake_img=torch.rand(3, 8, 8) * 255)
    metric.process({}, [sample, sample])
    assert [tuple(row.shape) for row in metric.fake_results] == [(1, 3)] * 2


@pytest.mark.parametrize('wrong, key', [
    (dict(feature='vgg'), 'feature'),
    (dict(size=28), 'size'),
    (dict(sample_model='ema/orig'), 'sample_model'),
])
def test_wrong_options(wrong, key):
    with pytest.raises(ConfigError, match=rf'^{key} = .*known: '):
        DigitsFID(**wrong)


def test_model_of_another_size(runner):
    run = runner(dict(size=32))
    with pytest.raises(ConfigError, match=r'\(.*16, 16\).*size=32'):
        run.val()


def test_model_of_other_classes_or_an_uneven_number(runner):
    with pytest.raises(ConfigError, match=r'model.num_classes = 3'):
        DigitsFID()._labels(3)
    run = runner(dict(fake_nums=96))
    with pytest.raises(ConfigError, match='fake_nums = 96: .*multiple of 10'):
        run.val()
