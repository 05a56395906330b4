"""Each stock fault, seen without its repair and gone with it.

What happens is written down by tests/support/repair_probes.py, in one
process with all repairs off and one with all on.
"""

from __future__ import annotations

import pytest


@pytest.fixture(scope='module')
def without(run_probes):
    return run_probes(off='all')


@pytest.fixture(scope='module')
def mended(run_probes):
    return run_probes()


@pytest.mark.parametrize(('name', 'fault', 'mend'), [
    ('init_info', 'UnboundLocalError', 'ok: as drawn without a record'),
    ('init_info_dcgan', 'UnboundLocalError', 'ok: 0.02 True'),
    ('real_labels', 'ok: [((4, 1), 256), ((4, 1), 256), ((4, 1), 256)]',
     'ok: [((4,), 4), ((4,), 4), ((4,), 4)]'),
    ('samples_without_labels',
     "TypeError: Type <class 'NoneType'> is not an available label type",
     'ok: [((3, 32, 32), False), ((3, 32, 32), False)]'),
    ('adam_betas', 'ValueError: betas', 'ok: (0.0, 0.99498743710662)'),
    ('loss_scaler', 'ok: None None', 'ok: scaler scaler'),
    ('safe_loading', 'UnpicklingError: Weights only load failed',
     'ok: resumed with 2 True'),
    ('inert_config', 'ok: True ran', 'ok: True did not run'),
    ('replica_names',
     "ok: {'biggan1': False, 'cyclegan1': False, 'cyclegan2': False}",
     "ok: {'biggan1': True, 'cyclegan1': True, 'cyclegan2': True}"),
    ('whole_checkpoints', 'RuntimeError: PytorchStreamReader', 'ok: 0'),
    ('last_checkpoint', 'ok: /', 'ok: iter_1.pth'),
    ('keep_until_saved', "ok: [] ['iter_4.pth']",
     "ok: ['iter_1.pth'] ['iter_1.pth', 'iter_4.pth']"),
    ('cpu_launch', 'RuntimeError: ', "ok: [('gloo', 0), ('gloo', 1)]"),
    ('cpu_device_ids', 'ValueError: DistributedDataParallel device_ids',
     'ok: wrapped'),
    ('no_sync', "RuntimeError: generator didn't stop",
     'ok: (False, False) True'),
    ('cpu_sync_bn', 'ValueError: SyncBatchNorm', 'ok: trained'),
])
def test_fault_is_there_and_mended(without, mended, name, fault, mend):
    assert without['status'][name] == 'off (MMGANCOMP_NO_REPAIRS)'
    assert without[name].startswith(fault)
    assert mended['status'][name] == 'applied'
    assert mended[name] == mend


def test_last_checkpoint_that_leads_nowhere(without, mended):
    assert without['latest_missing'] == 'ok: |./iter_8.pth|./iter_4.pth'
    empty, gone, there = mended['latest_missing'][4:].split('|')
    assert empty.startswith('./last_checkpoint is empty')
    assert gone.startswith('./last_checkpoint names ./iter_8.pth, which does')
    assert gone.endswith('in this folder: iter_4.pth')
    assert there == './iter_4.pth'


def test_one_name_turns_one_repair_off(run_probes):
    seen = run_probes('adam_betas', 'init_info_dcgan', off='adam_betas')
    assert seen['adam_betas'].startswith('ValueError')
    assert seen['init_info_dcgan'].startswith('ok')
    off = [name for name, status in seen['status'].items() if 'off' in status]
    assert off == ['adam_betas']
