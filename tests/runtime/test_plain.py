from __future__ import annotations

import io
from collections import OrderedDict
from enum import IntEnum
from pathlib import Path

import numpy as np
import torch
from mmengine import Config
from mmengine.logging import HistoryBuffer
from torch import nn

from mmgancomp.runtime.plain import (
    history_from_plain,
    history_to_plain,
    to_plain,
)


class Level(IntEnum):
    LOW = 3


def _through_a_file(value):
    buffer = io.BytesIO()
    torch.save(value, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def test_what_training_needs_keeps_its_value():
    value = dict(
        a=np.float32(.5), b=np.arange(4, dtype=np.int64), c=(1, 'x', None),
        d=OrderedDict(e=True), f=nn.Parameter(torch.ones(2)), g=2**40)
    plain = _through_a_file(to_plain(value))
    assert plain['a'] == .5 and type(plain['a']) is float
    assert plain['b'].tolist() == [0, 1, 2, 3]
    assert plain['c'] == (1, 'x', None)
    assert type(plain['d']) is dict and plain['d']['e'] is True
    assert type(plain['f']) is torch.Tensor and plain['f'].sum() == 2
    assert plain['g'] == 2**40


def test_what_only_people_read_becomes_text():
    value = dict(path=Path('a/b'), level=Level.LOW, kind=nn.Conv2d,
                 many={1}, names=np.array(['x', 'y']))
    plain = _through_a_file(to_plain(value))
    assert plain['path'] == 'a/b'
    assert plain['level'] == 3 and type(plain['level']) is int
    assert 'Conv2d' in plain['kind']
    assert plain['many'] == [1]
    assert plain['names'] == ['x', 'y']


def test_a_config_becomes_a_plain_dict():
    plain = to_plain(Config(dict(a=dict(b=[dict(c=1)])))._cfg_dict)
    assert plain == dict(a=dict(b=[dict(c=1)]))
    assert type(plain['a']['b'][0]) is dict


def test_a_log_history_survives():
    buffer = HistoryBuffer([1., 2.5], [1, 4], max_length=100)
    kept = _through_a_file(history_to_plain(dict(loss=buffer)))
    back = history_from_plain(kept)['loss']
    assert [d.tolist() for d in back.data] == [[1., 2.5], [1, 4]]
    assert back.max_length == 100
    back.update(3.)
    assert back.current() == 3.
