from __future__ import annotations

import json

import pytest
import torch
from torch import nn

from mmgancomp.errors import MMGanCompError
from mmgancomp.runtime.record import (
    count_parameters,
    read_record,
    versions,
    write_record,
)

MODEL = dict(name='agp-90', metrics={})


def test_a_record_is_read_as_it_was_written(tmp_path):
    write_record(tmp_path, dict(config='a.py', models=[MODEL]))
    expected = dict(schema=1, config='a.py', models=[MODEL])
    assert read_record(tmp_path) == expected
    assert read_record(tmp_path / 'compression.json') == expected


def test_a_record_that_cannot_be_written_leaves_the_old_one(tmp_path):
    write_record(tmp_path, dict(models=[MODEL]))
    with pytest.raises(ValueError):
        write_record(tmp_path, dict(models=[dict(loss=float('nan'))]))
    assert read_record(tmp_path)['models'] == [MODEL]
    assert [p.name for p in tmp_path.iterdir()] == ['compression.json']


@pytest.mark.parametrize('content, said', [
    ('{', 'is not valid JSON'),
    ('[]', 'schema = None, this release reads 1'),
    (json.dumps(dict(schema=2, models=[])), 'schema = 2, this release'),
    (json.dumps(dict(schema=1, models={})), 'models must be a list'),
])
def test_a_file_that_is_no_record_is_refused(tmp_path, content, said):
    (tmp_path / 'compression.json').write_text(content)
    with pytest.raises(MMGanCompError, match=said):
        read_record(tmp_path)


def test_a_missing_record_says_where_one_comes_from(tmp_path):
    with pytest.raises(MMGanCompError, match='writes it to its work folder'):
        read_record(tmp_path)


def test_zeros_are_counted_and_buffers_are_not():
    network = nn.utils.spectral_norm(nn.Conv2d(2, 3, 3))
    with torch.no_grad():
        network.weight_orig[0].zero_()
        network.bias.fill_(1)
    assert count_parameters(network) == dict(params=57, nonzero=39)


def test_the_versions_name_what_made_it():
    assert versions()['torch'] == torch.__version__.partition('+')[0] or (
        versions()['torch'] == torch.__version__)
    assert {'python', 'mmengine', 'mmagic', 'mmcv'} <= set(versions())
