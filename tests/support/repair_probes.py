"""Meets each stock fault once, and says what happened.

Run as a script: prints one JSON object, probe name -> what was seen
(``ok: …`` or ``<error type>: <message>``). Run with and without repairs, it
shows what they change; the tests compare the two.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import warnings
from pathlib import Path
from types import SimpleNamespace

import torch

PROBES = {}


def probe(function):
    PROBES[function.__name__] = function
    return function


def _translation_networks():
    import tiny
    from mmagic.models.archs import SoftMaskPatchDiscriminator
    for family in ('cyclegan', 'pix2pix'):
        yield tiny.model(family)
    model = tiny.model('pix2pix')
    for domain in model.discriminators:
        model.discriminators[domain] = SoftMaskPatchDiscriminator(
            in_channels=6, base_channels=8, num_conv=2)
    yield model


@probe
def init_info():
    """Weights must be those that the class draws when nothing records."""
    for model in _translation_networks():
        expected = []
        torch.manual_seed(1)
        for domain in model._reachable_domains:
            for networks in (model.generators, model.discriminators):
                networks[domain].init_weights()
                expected += [p.clone() for p in networks[domain].parameters()]
        torch.manual_seed(1)
        model.init_weights()
        drawn = [
            p for domain in model._reachable_domains
            for networks in (model.generators, model.discriminators)
            for p in networks[domain].parameters()
        ]
        assert all(map(torch.equal, drawn, expected))
    return 'ok: as drawn without a record'


@probe
def init_info_dcgan():
    import tiny
    discriminator = tiny.model('dcgan').discriminator
    discriminator.init_weights()
    convolutions, norms = [], []
    for part in discriminator.modules():
        if isinstance(part, torch.nn.Conv2d):
            convolutions.append(part.weight.flatten())
        elif isinstance(part, torch.nn.BatchNorm2d):
            norms.append(part.weight)
            assert not part.bias.any()
    return (f'ok: {torch.cat(convolutions).std():.2f} '
            f'{abs(torch.cat(norms).std() - 1) < 0.3}')


@probe
def real_labels():
    import tiny
    from mmagic.structures import DataSample
    seen = []
    for family in ('sngan_proj', 'sagan', 'biggan'):
        model = tiny.model(family)
        samples = []
        for label in (0, 1, 2, 1):
            samples.append(DataSample())
            samples[-1].set_gt_label(label)
        labels = model.data_sample_to_label(DataSample.stack(samples))
        logits = model.discriminator(torch.randn(4, 3, 32, 32), label=labels)
        seen.append((tuple(labels.shape), logits.numel()))
    return f'ok: {seen}'


@probe
def samples_without_labels():
    import tiny
    model = tiny.model('sngan_proj', **{
        'num_classes': 0,
        'generator.num_classes': 0,
        'generator.use_cbn': False,
        'discriminator.num_classes': 0
    })
    samples = model(dict(num_batches=2))
    seen = [(tuple(sample.fake_img.shape), 'gt_label' in sample)
            for sample in samples]
    return f'ok: {seen}'


@probe
def adam_betas():
    from mmengine.optim import DefaultOptimWrapperConstructor
    config = dict(optimizer=dict(type='Adam', lr=0.1, betas=(0, 0.99**0.5)))
    built = DefaultOptimWrapperConstructor(config)(torch.nn.Linear(1, 1))
    assert isinstance(config['optimizer']['betas'][0], int)
    return f"ok: {built.optimizer.defaults['betas']}"


@probe
def loss_scaler():
    import tiny
    from mmagic.models.base_models import BaseConditionalGAN
    from mmagic.structures import DataSample
    from mmengine.optim import OptimWrapper
    model = tiny.model('sngan_proj')
    seen = []

    def loss(data):
        seen.append(data['loss_scaler'])
        return data['disc_pred_fake'].mean(), {}

    model._get_disc_loss = loss
    samples = [DataSample() for _ in range(2)]
    for sample in samples:
        sample.set_gt_label(1)
    optimizer = OptimWrapper(
        torch.optim.SGD(model.discriminator.parameters(), lr=0.1))
    optimizer.loss_scaler = 'scaler'
    BaseConditionalGAN.train_discriminator(
        model, dict(img=torch.randn(2, 3, 32, 32)), DataSample.stack(samples),
        optimizer)
    return f'ok: {seen[0]} {optimizer.loss_scaler}'


@probe
def safe_loading():
    folder = tempfile.mkdtemp()
    for iterations in (1, 2):
        runner = _trained(folder, iterations, 'run')
    history = runner.message_hub.get_scalar('train/loss_disc_fake')
    return f'ok: resumed with {len(history.data[0])} {history.mean() > 0}'


def _trained(folder, iterations, name):
    """A run that goes on from the iteration before its last."""
    import tiny
    from mmengine.runner import Runner
    config = tiny.config(
        'sngan_proj',
        folder,
        iterations=iterations,
        checkpoint=1,
        resume=iterations > 1,
        log_level='ERROR',
        experiment_name=f'{name}{iterations}')
    runner = Runner.from_cfg(config)
    runner.train()
    return runner


@probe
def inert_config():
    folder = Path(tempfile.mkdtemp())
    for iterations in (1, 2):
        _trained(folder, iterations, 'inert')
        if iterations == 1:
            path = folder / 'iter_1.pth'
            checkpoint = torch.load(path, weights_only=False)
            # The log history would stop it, with no repair.
            checkpoint['message_hub'] = dict(
                log_scalars={}, runtime_info={}, resumed_keys={})
            checkpoint['meta']['config'] = (
                f'open({str(folder / "ran")!r}, "w").close()')
            torch.save(checkpoint, path)
    ran = 'ran' if (folder / 'ran').exists() else 'did not run'
    return f'ok: {(folder / "iter_2.pth").is_file()} {ran}'


@probe
def replica_names():
    import tiny
    from mmengine.runner import load_checkpoint
    loaded = {}
    for family, levels in (('biggan', 1), ('cyclegan', 1), ('cyclegan', 2)):
        source, target = tiny.model(family), tiny.model(family)
        state = source.state_dict()
        state._metadata = None  # what is left when others rewrote names
        renamed = {}
        for name, value in state.items():
            parts = name.split('.')
            if parts[0] != 'generator_ema':
                parts.insert(levels, 'module')
            renamed['.'.join(parts)] = value.clone() + 1
        path = os.path.join(tempfile.mkdtemp(), 'multi.pth')
        torch.save(dict(state_dict=renamed), path)
        load_checkpoint(target, path)
        target = target.state_dict()
        loaded[f'{family}{levels}'] = all(
            torch.equal(target[name], value + 1)
            for name, value in state.items())
    return f'ok: {loaded}'


def _killed_at(limit, work):
    """Run in a child that dies when a file outgrows ``limit`` bytes."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), 'the child was to die in its write'


@probe
def whole_checkpoints():
    from mmengine.runner import save_checkpoint
    path = os.path.join(tempfile.mkdtemp(), 'iter_1.pth')
    save_checkpoint(dict(state_dict=dict(w=torch.zeros(3000))), path)
    _killed_at(
        4000, lambda: save_checkpoint(
            dict(state_dict=dict(w=torch.ones(3000))), path))
    return f"ok: {torch.load(path)['state_dict']['w'].sum():.0f}"


def _hook(folder, **options):
    from mmengine.fileio import LocalBackend
    from mmengine.hooks import CheckpointHook
    hook = CheckpointHook(by_epoch=False, out_dir=folder, **options)
    hook.file_backend = LocalBackend()
    hook.keep_ckpt_ids = []
    return hook


def _runner(folder, save):
    from mmengine.logging import MessageHub
    return SimpleNamespace(
        work_dir=folder,
        save_checkpoint=save,
        message_hub=MessageHub.get_instance('probe'))


@probe
def last_checkpoint():
    folder = tempfile.mkdtemp()
    hook = _hook(folder)
    runner = _runner(folder, lambda *args, **kwargs: None)
    hook._save_checkpoint_with_step(runner, 1, {})
    _killed_at(3, lambda: hook._save_checkpoint_with_step(runner, 2, {}))
    return f"ok: {Path(folder, 'last_checkpoint').read_text()[-10:]}"


@probe
def latest_missing():
    from mmengine.runner import find_latest_checkpoint
    folder = tempfile.mkdtemp()
    Path(folder, 'iter_4.pth').touch()
    seen = []
    for content in ('', f'{folder}/iter_8.pth', f'{folder}/iter_4.pth'):
        Path(folder, 'last_checkpoint').write_text(content)
        try:
            seen.append(find_latest_checkpoint(folder))
        except RuntimeError as error:
            seen.append(str(error))
    return 'ok: ' + '|'.join(text.replace(folder, '.') for text in seen)


@probe
def keep_until_saved():
    from collections import deque
    folder = tempfile.mkdtemp()

    def save(out_dir, name, *args, **kwargs):
        if name == 'iter_2.pth':
            raise KeyboardInterrupt  # the moment of the kill
        Path(out_dir, name).write_text('weights')

    hook = _hook(folder, max_keep_ckpts=1)
    hook.keep_ckpt_ids = deque(maxlen=1)
    runner = _runner(folder, save)
    hook._save_checkpoint_with_step(runner, 1, {})
    try:
        hook._save_checkpoint_with_step(runner, 2, {})
    except KeyboardInterrupt:
        pass
    survived = sorted(path.name for path in Path(folder).glob('*.pth'))
    hook._save_checkpoint_with_step(runner, 3, {})
    hook._save_checkpoint_with_step(runner, 4, {})
    rest = sorted(path.name for path in Path(folder).glob('*.pth'))
    return f'ok: {survived} {rest}'


@probe
def cpu_launch():
    from mmengine.dist import init_dist
    os.environ |= dict(
        RANK='0', LOCAL_RANK='0', WORLD_SIZE='1', MASTER_ADDR='127.0.0.1')
    seen = []
    for backend in ('gloo', 'nccl'):
        os.environ['MASTER_PORT'] = str(_free_port())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter('always')
            init_dist('pytorch', backend=backend)
        ours = [w for w in caught if 'dist_cfg.backend' in str(w.message)]
        seen.append((torch.distributed.get_backend(), len(ours)))
        torch.distributed.destroy_process_group()
    return f'ok: {seen}'


def _free_port():
    import socket
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        return listener.getsockname()[1]


def _alone():
    """A process group of this process, whatever the launcher can do."""
    os.environ |= dict(RANK='0', LOCAL_RANK='0', WORLD_SIZE='1')
    torch.distributed.init_process_group(
        'gloo', store=torch.distributed.HashStore(), rank=0, world_size=1)


@probe
def cpu_device_ids():
    from mmengine.model import MMDistributedDataParallel
    _alone()
    try:
        MMDistributedDataParallel(
            module=torch.nn.Linear(1, 1), device_ids=[0])
    finally:
        torch.distributed.destroy_process_group()
    return 'ok: wrapped'


@probe
def no_sync():
    from mmengine.model import MMSeparateDistributedDataParallel
    _alone()
    try:
        model = torch.nn.Module()
        model.generator = torch.nn.Linear(1, 1)
        model.discriminator = torch.nn.Linear(1, 1)
        model.noise = torch.nn.Identity()
        wrapper = MMSeparateDistributedDataParallel(model)
        with wrapper.no_sync():
            inside = (model.generator.require_backward_grad_sync,
                      model.discriminator.require_backward_grad_sync)
        return f'ok: {inside} {model.generator.require_backward_grad_sync}'
    finally:
        torch.distributed.destroy_process_group()


@probe
def cpu_sync_bn():
    import tiny
    from mmengine.runner import Runner
    _alone()
    try:
        for family in ('sagan', 'sngan_proj'):
            Runner.from_cfg(
                tiny.config(
                    family,
                    tempfile.mkdtemp(),
                    iterations=2,
                    launcher='pytorch',
                    log_level='ERROR',
                    experiment_name=f'sync_{family}',
                    model_wrapper_cfg=dict(device_ids=None))).train()
    finally:
        torch.distributed.destroy_process_group()
    return 'ok: trained'


def main():
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    import mmgancomp.registry  # noqa: F401
    from mmgancomp.repairs import repairs
    results = {}
    for name in sys.argv[1:] or PROBES:
        torch.manual_seed(0)
        try:
            results[name] = PROBES[name]()
        except Exception as error:
            results[name] = f'{type(error).__name__}: {error}'
    results['status'] = {repair.name: repair.status for repair in repairs()}
    print('\n' + json.dumps(results))


if __name__ == '__main__':
    main()
