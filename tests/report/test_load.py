from __future__ import annotations

import json

import pytest

from mmgancomp.errors import MMGanCompError
from mmgancomp.report.load import load_runs
from mmgancomp.report.rows import rows_of


def write(folder, *models, **more):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / 'compression.json'
    path.write_text(json.dumps(dict(schema=1, models=list(models), **more)))
    return path


def model(name='m', **entries):
    return dict(name=name, **entries)


def test_a_folder_or_its_record(tmp_path):
    path = write(tmp_path / 'run', model())
    assert load_runs([path])[0].path == load_runs([path.parent])[0].path
    assert load_runs([path])[0].name == 'run'


def test_missing_record_names_the_file(tmp_path):
    with pytest.raises(MMGanCompError, match='compression.json: no such'):
        load_runs([tmp_path])


@pytest.mark.parametrize('wrong,key', [
    (dict(name=3), r'models\[0\].name = 3'),
    (model(metrics=[1]), r'models\[0\].metrics = \[1\]'),
    (model(metrics={'fid': 'low'}), r"models\[0\].metrics.fid = 'low'"),
    (model(networks={'g': {'params': True}}),
     r'models\[0\].networks.g.params = True'),
    (model(networks={'g': {'macs': {'executed': -1}}}),
     r'models\[0\].networks.g.macs.executed = -1'),
    (model(latency_ms={'median': None, 'p10': 'x'}),
     r"models\[0\].latency_ms.p10 = 'x'"),
    (model(networks={'g': {'history': [1, 2]}}),
     r'models\[0\].networks.g.history'),
    (7, r'models\[0\] = 7'),
])
def test_wrong_entry_names_file_and_key(tmp_path, wrong, key):
    path = write(tmp_path, wrong)
    with pytest.raises(MMGanCompError, match=key) as error:
        load_runs([path])
    assert str(path) in str(error.value)


def test_not_a_number_is_refused(tmp_path):
    path = tmp_path / 'compression.json'
    path.write_text('{"schema": 1, "models": [{"name": "m", '
                    '"metrics": {"fid": NaN}}]}')
    with pytest.raises(MMGanCompError, match='metrics.fid = nan'):
        load_runs([path])


def test_no_models_is_nothing_to_report(tmp_path):
    with pytest.raises(MMGanCompError, match='models is empty'):
        load_runs([write(tmp_path)])


def test_unknown_keys_are_ignored(tmp_path):
    path = write(tmp_path, model(colour='red', metrics={'fid': 1}), extra=[1])
    assert load_runs([path])[0].record['models'][0]['metrics'] == {'fid': 1}


def test_history_of_masks_is_a_curve_of_sparsity(tmp_path):
    path = write(
        tmp_path,
        model('a', networks={'generator': {'history': [[0, 1], [4, .25]]}}),
        model('b', networks={'generator': {'history': [[0, 1], [4, .5]]}}))
    curves = load_runs([path])[0].curves
    assert curves['sparsity/a'].points == [(0, 0), (4, .75)]
    assert curves['sparsity/b'].clock == 'update'


def test_logs_of_a_resumed_run_are_one_curve(tmp_path):
    path = write(tmp_path, model(metrics={'FID/fid': 2.}))
    for start, steps in (('20260101', {1: 9., 2: 8.}),
                         ('20260102', {2: 7., 3: 6.})):
        log = tmp_path / start / 'vis_data' / 'scalars.json'
        log.parent.mkdir(parents=True)
        log.write_text('\n'.join(
            json.dumps({'FID/fid': fid, 'loss': 1., 'step': step})
            for step, fid in steps.items()) + '\n{"FID/fid": 5, "st')
    curves = load_runs([path])[0].curves
    assert list(curves) == ['FID/fid']
    assert curves['FID/fid'].points == [(1, 9.), (2, 7.), (3, 6.)]
    assert curves['FID/fid'].clock == 'iteration'


def rows(tmp_path, *models):
    return rows_of(load_runs([write(tmp_path, *models)]))


def test_generators_are_added_up_and_discriminators_left_out(tmp_path):
    row, = rows(
        tmp_path,
        model(
            networks={
                'generators.a': dict(params=10, nonzero=5, maskable=8, kept=4),
                'generators.b': dict(params=20, nonzero=9, maskable=8, kept=2),
                'discriminators.a': dict(params=99, nonzero=99)
            }))
    assert (row.params, row.nonzero, row.kept) == (30, 14, 6 / 16)
    assert row.zeros == 1 - 14 / 30
    assert row.macs is None and row.bytes is None


def test_a_sum_with_a_gap_is_not_measured(tmp_path):
    row, = rows(
        tmp_path,
        model(networks={
            'generators.a': dict(params=10, bytes=4),
            'generators.b': dict(bytes=5)
        }))
    assert row.params is None and row.bytes == 9


def test_the_marked_model_is_the_reference(tmp_path):
    first, second = rows(tmp_path, model('slim'), model('big', reference=True))
    assert (first.name, second.name) == ('big', 'slim')


def test_equal_names_get_their_run(tmp_path):
    runs = load_runs(
        [write(tmp_path / 'a', model()),
         write(tmp_path / 'b', model())])
    assert [row.name for row in rows_of(runs)] == ['m · a', 'm · b']
