"""The list of repairs: each fault, where it is reported, what it touches."""

from __future__ import annotations

from . import (
               amp,
               gradients,
               initialisation,
               labels,
               naming,
               optimizers,
               processes,
               reading,
               testing,
               writing,
)
from .repair import Repair

__all__ = ['CATALOGUE']

_MMAGIC = ('mmagic==1.2.0', )
_MMENGINE = ('mmengine>=0.10,<0.11', )
_UNKNOWN = 'none known'
_EARLY = (
    'Needs this package before the runner is built: our own tools do that; '
    "elsewhere add custom_imports=dict(imports=['mmgancomp.registry']).")

CATALOGUE = (
    Repair(
        'init_info',
        'CycleGAN and Pix2Pix do not start: init_weights of '
        'ResnetGenerator, UnetGenerator, PatchDiscriminator and '
        'SoftMaskPatchDiscriminator raises UnboundLocalError: init_info',
        'open-mmlab/mmagic#2109, closed fix open-mmlab/mmagic#2123',
        'mmagic.models.utils.model_utils',
        _MMAGIC,
        initialisation.without_init_info,
        note='The weights are drawn as before, from the same random '
        'numbers; only the log line about them is written afterwards.'),
    Repair(
        'init_info_dcgan',
        'DCGAN and its relatives do not start: init_weights of '
        'DCGANDiscriminator raises UnboundLocalError: init_info',
        'open-mmlab/mmagic#2109 (the same fault in other networks)',
        'mmagic.models.editors.dcgan.dcgan_discriminator',
        _MMAGIC,
        initialisation.dcgan_discriminator,
        note='Same distributions as DCGANGenerator: convolutions '
        'N(0, 0.02), batch norm weights N(0, 1) and biases 0.'),
    Repair(
        'real_labels',
        'SNGAN-projection, SAGAN and BigGAN: the labels of real images '
        'arrive as (N, 1) and D(real) becomes a scrambled (N, N·C), so '
        'that the class of a real image never reaches the loss',
        _UNKNOWN,
        'mmagic.models.base_models.base_conditional_gan',
        _MMAGIC,
        labels.flat_real_labels,
        note='Real labels are (N,), as those of generated images are.'),
    Repair(
        'samples_without_labels',
        'SNGAN and SAGAN with num_classes=0 train, but end at the first '
        'image that they generate in TypeError: NoneType is not an '
        'available label type',
        _UNKNOWN,
        'mmagic.structures.data_sample',
        _MMAGIC,
        labels.samples_without_labels,
        note='A sample without a label has none; set_gt_label(None) does '
        'nothing.'),
    Repair(
        'translation_test',
        'Any test run of Pix2Pix ends in TypeError: DataSample object is '
        'not subscriptable',
        _UNKNOWN,
        'mmagic.models.editors.pix2pix.pix2pix',
        _MMAGIC,
        testing.pix2pix_test_step,
        note='test_step does what val_step does, as its docstring says.'),
    Repair(
        'adam_betas',
        'StyleGAN2 does not start: betas=(0, 0.99**r) mixes int and float '
        'and Adam refuses that',
        'pytorch/pytorch#134171 made Adam strict',
        'mmengine.optim.optimizer.default_constructor',
        _MMENGINE + ('torch>=2.6', ),
        optimizers.float_betas,
        note='Integers among betas become floats.'),
    Repair(
        'loss_scaler',
        'A conditional GAN that keeps the base train_discriminator loses '
        'its loss scaler: AMP ends in AttributeError on NoneType',
        _UNKNOWN,
        'mmagic.models.base_models.base_conditional_gan',
        _MMAGIC,
        amp.keep_loss_scaler),
    Repair(
        'safe_loading',
        'load_from and resume of any training checkpoint fail (weights_only '
        'refuses HistoryBuffer), and a checkpoint given by URL may run code',
        'open-mmlab/mmengine#1655, open-mmlab/mmengine#1650',
        'mmengine.runner.checkpoint',
        _MMENGINE + ('torch>=2.6', ),
        reading.safe_loading,
        note='Local files and URLs. What is neither weights nor MMEngine\'s '
        'own log history is refused by name, and nothing of it runs.'),
    Repair(
        'inert_config',
        'To resume a checkpoint runs the Python code of the config that is '
        'quoted in it, so a checkpoint of others may run anything',
        _UNKNOWN,
        'mmengine.runner.runner',
        _MMENGINE,
        reading.inert_config,
        note='The quoted config stays in the file and is not looked at; all '
        'that the runner wanted of it was gpu_ids, which no config of '
        'MMEngine has.'),
    Repair(
        'replica_names',
        'A checkpoint of a multi-process run has keys generator.module.* '
        'and loads nothing into the networks, with only a warning',
        _UNKNOWN,
        'mmengine.runner.checkpoint',
        _MMENGINE,
        naming.strip_replicas),
    Repair(
        'whole_checkpoints',
        'A run killed while saving leaves a truncated .pth under its name',
        _UNKNOWN,
        'mmengine.runner.checkpoint',
        _MMENGINE,
        writing.whole_checkpoints,
        note='Local files only.'),
    Repair(
        'latest_missing',
        'An empty last_checkpoint, or one that names a file that is gone, '
        'ends in a FileNotFoundError that does not say why',
        _UNKNOWN,
        'mmengine.runner.checkpoint',
        _MMENGINE,
        writing.latest_that_exists),
    Repair(
        'last_checkpoint',
        'A run killed while saving may leave an empty last_checkpoint',
        _UNKNOWN,
        'mmengine.hooks.checkpoint_hook',
        _MMENGINE,
        writing.whole_last_checkpoint),
    Repair(
        'keep_until_saved',
        'With max_keep_ckpts (or save_best) the old checkpoint is deleted '
        'before the new one is written: a kill in between loses both',
        _UNKNOWN,
        'mmengine.hooks.checkpoint_hook',
        _MMENGINE,
        writing.keep_until_saved,
        note='Local files only; needs room for one file more.'),
    Repair(
        'domain_gradients',
        'CycleGAN and Pix2Pix over processes never average gradients: the '
        'ranks train apart without a word',
        _UNKNOWN,
        'mmengine.model.wrappers.seperate_distributed',
        _MMENGINE,
        gradients.average_domains,
        note='Averages in the optimizer step, before AMP unscales and '
        'before clipping; works however late it is applied. Faster: '
        "model_wrapper_cfg=dict(type="
        "'mmgancomp.DomainDistributedDataParallel')."),
    Repair(
        'no_sync',
        'no_sync of the wrapper for several networks raises RuntimeError: '
        'generator didn\'t stop',
        _UNKNOWN,
        'mmengine.model.wrappers.seperate_distributed',
        _MMENGINE,
        gradients.whole_no_sync),
    Repair(
        'cpu_launch',
        'A distributed run on CPU fails in torch.cuda.set_device',
        _UNKNOWN,
        'mmengine.dist.utils',
        _MMENGINE,
        processes.launch_on_cpu,
        note=f'Backend nccl becomes gloo, with one warning. {_EARLY}'),
    Repair(
        'cpu_device_ids',
        'A distributed run on CPU fails: device_ids=[LOCAL_RANK] is handed '
        'to DDP for modules on the CPU',
        _UNKNOWN,
        'mmengine.model.wrappers.distributed',
        _MMENGINE,
        processes.no_device_ids_on_cpu,
        note=_EARLY),
    Repair(
        'cpu_sync_bn',
        'SAGAN and SNGAN over processes on CPU fail: SyncBatchNorm works '
        'on GPUs only',
        _UNKNOWN,
        'mmengine.runner.runner',
        _MMENGINE,
        processes.plain_batch_norm_on_cpu,
        note=f'Each process normalises by its own batch. {_EARLY}'),
)
