"""Plans, records, genotypes and tickets that are broken or mean harm.

The readers alone, without a command: one message, which names the file.
"""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import pytest
import torch
from mmengine import DefaultScope
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from mmgancomp.channels.slimmed import Slimmed
from mmgancomp.errors import MMGanCompError
from mmgancomp.report import write_report
from mmgancomp.search.networks import DerivedGenerator
from mmgancomp.sparsity import MaskedNetwork
from mmgancomp.sparsity.fixed import Fixed
from mmgancomp.sparsity.ticket import write_ticket
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS

DCGAN = dict(
    type='DCGANGenerator', output_scale=32, base_channels=32, noise_size=8)
GROUP, WIDTH = 'noise2feat', 32


def read_plan(path):
    with DefaultScope.overwrite_default_scope('mmagic'):
        Slimmed(network=DCGAN, plan=str(path))


def read_record(path):
    write_report([path], path.with_suffix('.html'))


def read_genotype(path):
    DerivedGenerator(str(path), base_channels=4)


def refused(read, path):
    with pytest.raises(MMGanCompError) as error:
        read(path)
    said = str(error.value)
    assert str(path) in said and '\n' not in said and len(said) < 1000


class Harm:
    """Unpickling it makes a file."""

    def __reduce__(self):
        return os.system, ('touch ran', )


NO_JSON = {
    'nothing': b'',
    'noise': bytes(range(256)),
    'code': pickle.dumps(Harm()),
    'other letters': '{"schema": 1}'.encode('utf-16'),
    'half': b'{"schema": 1, ',
    'too deep': b'[' * 100_000,
    'half a letter': b'{"schema": 1, "models": [{"name": "\\ud800"}], '
                     b'"networks": {"\\ud800": {}}}',
    'a number that is too long': b'{"schema": %s}' % (b'9' * 6000),
    'a list': b'[1]',
    'text': b'"schema"',
    'of no schema': b'{}',
    'of a schema that is true': b'{"schema": true, "models": [{"name": "a"}]'
                                b', "networks": {"generator": {}}}',
}


@pytest.mark.parametrize('read', [read_plan, read_record, read_genotype])
@pytest.mark.parametrize('what', NO_JSON)
def test_what_is_no_document(what, read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / 'bad.json'
    path.write_bytes(NO_JSON[what])
    refused(read, path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ['bad.json']


@pytest.mark.parametrize('read', [read_plan, read_record, read_genotype])
def test_what_is_no_file(read, tmp_path):
    refused(read, tmp_path / 'gone.json')
    folder = tmp_path / 'compression.json'
    folder.mkdir()
    refused(read, tmp_path if read is read_record else folder)


NAN = float('nan')
PLANS = {
    'negative': {GROUP: [-1]},
    'twice': {GROUP: [0, 0]},
    'falling': {GROUP: [1, 0]},
    'out of range': {GROUP: [0, WIDTH]},
    'far out of range': {GROUP: [10**30]},
    'very many': {GROUP: [-1] * 100_000},
    'none left': {GROUP: []},
    'not a number': {GROUP: [NAN]},
    'infinite': {GROUP: [float('inf')]},
    'fractions': {GROUP: [0.0, 1.0]},
    'text': {GROUP: '01'},
    'true': {GROUP: [True]},
    'lists': {GROUP: [[0]]},
    'null': {GROUP: None},
    'a path': {'../../etc/passwd': [0]},
    'a divisor beside': {'divisor': 2, GROUP: [0]},
    'a divisor of nothing': {'divisor': 0},
    'a divisor that is not a number': {'divisor': NAN},
}


@pytest.mark.parametrize('what', PLANS)
def test_channels_that_there_are_not(what, tmp_path):
    path = tmp_path / 'plan.json'
    path.write_text(
        json.dumps(dict(schema=1, networks=dict(generator=PLANS[what]))))
    refused(read_plan, path)


@pytest.mark.parametrize('document', [
    dict(schema=1, networks={'../x': {GROUP: [0]}, 'y': {}}),
    dict(schema=1, networks=dict(generator={GROUP: [0]}), __class__='os'),
])
def test_a_plan_of_something_else(document, tmp_path):
    path = tmp_path / 'plan.json'
    path.write_text(json.dumps(document))
    with pytest.raises(MMGanCompError):
        read_plan(path)


def one(**network):
    return [dict(name='a', networks=dict(g=network))]


RECORDS = {
    'models are text': dict(models='x'),
    'a model is a number': dict(models=[1]),
    'the run is a list': dict(models=one(), run=[1]),
    'a network is null': dict(models=[dict(name='a', networks=dict(g=None))]),
    'a network is a list': dict(models=[dict(name='a', networks=dict(g=[]))]),
    'a number is too large': dict(models=[dict(name='a', bytes=10**400)]),
    'a metric is not a number': dict(
        models=[dict(name='a', metrics=dict(fid=NAN))]),
    'history is a number': dict(models=one(history=5)),
    'history is half': dict(models=one(history=[[1]])),
    'history is too large': dict(models=one(history=[[1, 10**400]] * 2)),
    'a search is text': dict(models=one(search=dict(gap='x'))),
    'curves are a list': dict(models=one(), curves=[1]),
    'latency is a list': dict(models=[dict(name='a', latency_ms=[1])]),
}


@pytest.mark.parametrize('what', RECORDS)
def test_records_of_wrong_types(what, tmp_path):
    path = tmp_path / 'compression.json'
    path.write_text(json.dumps(dict(schema=1, **RECORDS[what])))
    refused(read_record, path)


def test_what_lies_beside_a_record_is_looked_at_with_care(tmp_path):
    (tmp_path / 'compression.json').write_text(
        json.dumps(dict(schema=1, models=[dict(name='<script>x</script>')])))
    (tmp_path / 'a.png').write_bytes(b'no image')
    (tmp_path / 'b.png').mkdir()
    logs = tmp_path / '2020' / 'vis_data'
    logs.mkdir(parents=True)
    (logs / 'scalars.json').write_bytes(
        b'[1]\n5\n"x"\n\xff\xfe\n' + b'[' * 100_000 +
        b'\n{"step": "x", "sparsity/g": 1}\n{"step": [1], "sparsity/g": 1}\n')
    page = tmp_path / 'page.html'
    write_report([tmp_path], page)
    assert '<script>x' not in page.read_text()


CELL = dict(up=['deconv'] * 2, normal=['conv_1x1'] * 3, skip=[])
GENOTYPES = {
    'no generator': {},
    'a number': dict(generator=5),
    'no cells': dict(generator=[]),
    'too many cells': dict(generator=[CELL] * 1000),
    'too many edges': dict(
        generator=[dict(CELL, up=['deconv'] * 100_000)]),
    'an operation that is none': dict(
        generator=[dict(CELL, up=['os.system'] * 2)]),
    'an operation that is a path': dict(
        generator=[dict(CELL, up=['../../x'] * 2)]),
    'an operation that is a number': dict(generator=[dict(CELL, up=[1, 2])]),
    'a kind of edge that is none': dict(generator=[dict(CELL, evil=['x'])]),
}


@pytest.mark.parametrize('what', GENOTYPES)
def test_genotypes_that_are_none(what, tmp_path):
    path = tmp_path / 'genotype.json'
    path.write_text(json.dumps(dict(schema=1, **GENOTYPES[what])))
    refused(read_genotype, path)


@pytest.fixture(scope='module')
def masked():
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8))
    found = MaskedNetwork(network)
    found.prune(.5)
    return found


def fact(**entries):
    return lambda t, d: d['info']['networks']['generator'].update(entries)


def shape(value):
    return lambda t, d: d['shapes'].update(dict.fromkeys(d['shapes'], value))


def tensor(part, change):

    def spoil(tensors, document):
        name = next(n for n in tensors if n.endswith(part))
        tensors[name] = change(tensors[name])

    return spoil


TICKETS = {
    'info is a list': lambda t, d: d.update(info=[]),
    'networks are a list': lambda t, d: d['info'].update(networks=[1]),
    'networks are text': lambda t, d: d['info'].update(networks='generator'),
    'a network is a number':
    lambda t, d: d['info'].update(networks=dict(generator=5)),
    'a network is empty':
    lambda t, d: d['info'].update(networks=dict(generator={})),
    'of other networks':
    lambda t, d: d['info'].update(networks={'../x': dict(granularity='x')}),
    'a granularity is a number': fact(granularity=5),
    'a granularity that is none': fact(granularity='9:4'),
    'a digest is wrong': fact(digest='0'),
    'a version is true': lambda t, d: d.update(version=True),
    'a version is a list': lambda t, d: d.update(version=[1]),
    'a shape is negative': shape([-1]),
    'a shape is huge': shape([2**62, 4]),
    'a shape is huge and empty': shape([0, 10**40]),
    'a shape is true': shape([True]),
    'a shape is not a number': shape([NAN]),
    'values are missing':
    lambda t, d: t.pop(next(n for n in t if n.endswith('::values'))),
    'values are short': tensor('::values', lambda v: v[1:].clone()),
    'bits are fractions': tensor('::bits', lambda v: v.float()),
    'bits are other ones': tensor('::bits', lambda v: 255 - v),
    'values are not numbers': tensor('::values', lambda v: v * NAN),
    'values are integers': tensor('::values', lambda v: v.long()),
    'statistics are infinite': tensor('running_var', lambda v: v / 0),
}


def take(path, masked):
    schedule = Fixed(ticket=str(path), values=True)
    schedule.network, schedule.seed = 'generator', 0
    schedule.resolve(8, None, 'schedule')
    schedule.fits(masked)


def packed(masked, path, spoil=None):
    state = masked.network.state_dict()
    write_ticket(path, dict(generator=masked), dict(generator=state))
    if spoil is not None:
        with safe_open(path, framework='pt') as file:
            tensors = {n: file.get_tensor(n) for n in file.keys()}
            document = json.loads(file.metadata()['mmgancomp-packed'])
        spoil(tensors, document)
        save_file(tensors, path, {'mmgancomp-packed': json.dumps(document)})
    return path


@pytest.mark.parametrize('what', TICKETS)
def test_tickets_that_are_none(what, masked, tmp_path):
    path = packed(masked, tmp_path / 'ticket', TICKETS[what])
    refused(lambda path: take(path, masked), path)


def test_the_right_ones_are_taken(masked, tmp_path):
    take(packed(masked, tmp_path / 'ticket'), masked)
    plan = tmp_path / 'plan.json'
    plan.write_text(
        json.dumps(dict(schema=1, networks=dict(generator={GROUP: [0, 5]}))))
    read_plan(plan)
    path = tmp_path / 'genotype.json'
    path.write_text(json.dumps(dict(schema=1, generator=[CELL])))
    with torch.device('meta'):
        read_genotype(path)
    record = tmp_path / 'compression.json'
    record.write_text(json.dumps(dict(schema=1, models=one())))
    read_record(Path(record))
