"""Reading checkpoints: MMEngine's own, damaged ones, and hostile ones."""

from __future__ import annotations

import functools
import http.server
import io
import os
import pickle
import sys
import threading
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer, MessageHub

import mmgancomp.registry  # noqa: F401  (applies the repairs)
from mmgancomp.repairs.reading import CheckpointError, read_checkpoint


def _training_checkpoint():
    hub = MessageHub('run')
    for value in (1., 2., 6.):
        hub.update_scalar('train/loss', value, 2)
    hub.update_info('best', np.float32(0.5))
    state = OrderedDict(
        w=torch.arange(4.), p=torch.nn.Parameter(torch.ones(2)))
    state._metadata = OrderedDict({'': dict(version=1)})
    return dict(
        meta=dict(
            iter=3,
            classes=('a', 'b'),
            ids={1, 2},
            palette=np.arange(6).reshape(2, 3),
            names=np.array(['x', 'yz'])),
        state_dict=state,
        message_hub=hub.state_dict(),
        optimizer=dict(
            state={0: dict(step=torch.tensor(3.), dtype=torch.float16)},
            shape=torch.Size([2, 3]),
            milestones=Counter([5, 9, 9]),
            device=torch.device('cpu')))


@pytest.mark.parametrize('zipped', [True, False])
def test_a_training_checkpoint_comes_back(tmp_path, zipped):
    path = tmp_path / 'iter_3.pth'
    torch.save(
        _training_checkpoint(), path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path, weights_only=True)
    before = torch.serialization.get_safe_globals()
    read = read_checkpoint(path)
    assert torch.serialization.get_safe_globals() == before
    assert torch.equal(read['state_dict']['w'], torch.arange(4.))
    assert isinstance(read['state_dict']['p'], torch.nn.Parameter)
    assert read['state_dict']._metadata[''] == dict(version=1)
    history = read['message_hub']['log_scalars']['train/loss']
    assert type(history) is HistoryBuffer
    assert history.mean() == 9 / 6 and history.statistics('max') == 6.
    assert history.max_length == HistoryBuffer().max_length
    assert read['message_hub']['runtime_info']['best'] == np.float32(0.5)
    assert read['meta']['ids'] == {1, 2}
    assert read['meta']['palette'].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert read['meta']['names'].tolist() == ['x', 'yz']
    assert read['optimizer']['shape'] == torch.Size([2, 3])
    # What was read can be saved and read again.
    torch.save(read, path)
    again = read_checkpoint(path)['message_hub']['log_scalars']['train/loss']
    assert again.data[0].tolist() == [1., 2., 6.]


def test_history_goes_on_after_reading(tmp_path):
    torch.save(_training_checkpoint(), tmp_path / 'c.pth')
    read = read_checkpoint(tmp_path / 'c.pth')
    hub = MessageHub('resumed')
    hub.load_state_dict(read['message_hub'])
    hub.update_scalar('train/loss', 7.)
    assert hub.get_scalar('train/loss').current() == 7.


class _Call:
    """Pickled as a call of ``function``."""

    def __init__(self, function, *args, state=None):
        self.reduced = (function, args) + (() if state is None else (state, ))

    def __reduce__(self):
        return self.reduced


def _write(path, value, zipped=True):
    torch.save(value, path, _use_new_zipfile_serialization=zipped)
    return path


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('attack', [
    'system', 'getattr', 'eval', 'nested_load', 'partial', 'with_history'
])
def test_anything_else_is_refused_and_does_not_run(tmp_path, attack, zipped):
    marker = tmp_path / 'ran'
    command = f'touch {marker}'
    harmful, named = {
        'system': (_Call(os.system, command), 'posix.system'),
        'getattr': (_Call(getattr, HistoryBuffer, '__init__'),
                    "'__init__'"),
        'eval': (_Call(eval, f"open({str(marker)!r}, 'w')"),
                 'builtins.eval'),
        'nested_load': (_Call(torch.storage._load_from_bytes, b'x'),
                        'torch.storage._load_from_bytes'),
        'partial': (_Call(functools.partial, os.system),
                    'functools.partial'),
        'with_history': ([_training_checkpoint(),
                          _Call(os.popen, command)], 'os.popen'),
    }[attack]
    path = _write(tmp_path / 'c.pth', dict(state_dict={}, x=harmful), zipped)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    assert str(path) in str(caught.value)
    assert named in str(caught.value)
    assert '\n' not in str(caught.value)
    assert not marker.exists()


def _hostile_state(path, module, name, state):
    """A pickle that gives a global itself a new attribute."""
    stream = (
        b'\x80\x02' + f'c{module}\n{name}\n'.encode() +
        pickle.dumps((None, state), 2)[2:-1] + b'b.')
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('c/data.pkl', stream)
        archive.writestr('c/version', '3\n')
        archive.writestr('c/byteorder', 'little')
    return path


@pytest.mark.parametrize(('module', 'name'), [
    ('mmengine.logging.history_buffer', 'HistoryBuffer'),
    ('torch._utils', '_rebuild_tensor_v2'),
    ('collections', 'OrderedDict'),
    ('numpy', 'dtype'),
])
def test_nothing_known_can_be_altered(tmp_path, module, name):
    owner = getattr(sys.modules[module], name)
    path = _hostile_state(tmp_path / 'c.pth', module, name, dict(hacked=1))
    try:
        read_checkpoint(path)
    except CheckpointError:
        pass
    assert not hasattr(owner, 'hacked')
    assert 'hacked' not in dir(HistoryBuffer)


def _truncated(path):
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2])


@pytest.mark.parametrize('damage', [
    _truncated,
    lambda path: path.write_bytes(b''),
    lambda path: path.write_text('this is a text file\n'),
    lambda path: path.write_bytes(bytes(range(256)) * 20),
])
@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('content', ['weights', 'training'])
def test_damaged_files_are_named(tmp_path, damage, zipped, content):
    value = (
        _training_checkpoint() if content == 'training' else dict(
            w=torch.randn(1000)))
    path = _write(tmp_path / 'iter_9.pth', value, zipped)
    damage(path)
    with pytest.raises(CheckpointError, match='iter_9.pth.*cannot be read|'
                       'iter_9.pth.*refused') as caught:
        read_checkpoint(path)
    assert '\n' not in str(caught.value)


@pytest.mark.filterwarnings('ignore:.torch.jit:DeprecationWarning')
def test_scripted_modules_are_no_checkpoints(tmp_path):
    class Net(torch.nn.Module):

        def forward(self, x):
            return x

    path = str(tmp_path / 'net.pt')
    torch.jit.trace(Net(), torch.ones(1)).save(path)
    with pytest.raises(CheckpointError, match='net.pt'):
        read_checkpoint(path)


def test_mmengine_reads_through_it(tmp_path):
    from mmengine.runner import CheckpointLoader, load_checkpoint
    path = str(tmp_path / 'c.pth')
    torch.save(_training_checkpoint(), path)
    assert CheckpointLoader.load_checkpoint(path)['meta']['iter'] == 3
    with pytest.raises(FileNotFoundError, match='absent.pth'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'absent.pth'))
    _write(path, _Call(os.system, 'true'))
    with pytest.raises(CheckpointError, match='posix.system'):
        load_checkpoint(torch.nn.Linear(1, 1), path)


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / 'served'
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(
            ('127.0.0.1', 0),
            functools.partial(Quiet, directory=str(folder))) as host:
        thread = threading.Thread(target=host.serve_forever, daemon=True)
        thread.start()
        yield folder, f'http://127.0.0.1:{host.server_port}'
        host.shutdown()
        thread.join()


def test_downloads_run_nothing(tmp_path, server, monkeypatch):
    from mmengine.runner import CheckpointLoader
    folder, url = server
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'home'))
    marker = tmp_path / 'ran'
    torch.save(_training_checkpoint(), folder / 'good.pth')
    _write(folder / 'bad.pth', _Call(os.system, f'touch {marker}'))
    buffer = io.BytesIO()
    torch.save(dict(w=torch.ones(2)), buffer,
               _use_new_zipfile_serialization=False)
    with zipfile.ZipFile(folder / 'one.pth', 'w') as archive:
        archive.writestr('weights.pth', buffer.getvalue())
    load = CheckpointLoader.load_checkpoint
    assert load(f'{url}/good.pth')['meta']['iter'] == 3
    with pytest.warns(FutureWarning, match='old format'):
        assert load(f'{url}/one.pth')['w'].sum() == 2
    with pytest.raises(CheckpointError, match='posix.system'):
        load(f'{url}/bad.pth')
    assert not marker.exists()
