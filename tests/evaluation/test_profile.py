from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mmgancomp.errors import MMGanCompError
from mmgancomp.evaluation.profile import profile_network
from mmgancomp.evaluation.profile_latency import (
    forward,
    interleaved,
    ratio,
    spread,
)
from mmgancomp.families.macs import macs
from mmgancomp.sparsity import MaskedNetwork
from mmgancomp.sparsity.packed import save_packed


def images(channels, edge):
    return lambda batch: ((torch.zeros(batch, channels, edge, edge), ), {})


def executed(network, *shape):
    return macs(network, (torch.zeros(1, *shape), ), {})[0]


@pytest.mark.parametrize('network,shape,expected', [
    (nn.Conv2d(3, 8, 3, padding=1), (3, 5, 7), 5 * 7 * 8 * 3 * 9),
    (nn.Conv2d(4, 8, 3, stride=2, padding=1), (4, 8, 8), 4 * 4 * 8 * 4 * 9),
    (nn.Conv2d(4, 8, 3, groups=2), (4, 5, 5), 3 * 3 * 8 * 2 * 9),
    # Every input pixel meets the whole kernel, whatever the stride.
    (nn.ConvTranspose2d(8, 4, 4, 2, 1), (8, 5, 5), 5 * 5 * 8 * 4 * 16),
    (nn.Linear(6, 10), (6, ), 6 * 10),
])
def test_macs_are_those_counted_by_hand(network, shape, expected):
    assert executed(network, *shape) == expected


def small():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        # A list is never called itself: what is in it belongs to the top.
        nn.Sequential(nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.ReLU()),
        nn.BatchNorm2d(4))


def test_shares_of_the_layers_add_up():
    total, own = macs(small(), *images(3, 4)(1))
    assert sum(own.values()) == total
    assert own['0'] == 16 * 8 * 27
    assert own['1.0'] == 16 * 8 * 4 * 16
    assert own['1'] == own[''] == 0


class Functional(nn.Module):
    """Work outside of any layer, and a layer called from a list."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(4, 4, bias=False)])

    def forward(self, x):
        x = self.layers[0](x) + self.layers[0](x)
        return x @ torch.ones(4, 3)


def test_work_of_a_forward_itself_is_the_top_s():
    total, own = macs(Functional(), (torch.ones(1, 4), ), {})
    assert own['layers.0'] == 2 * 16
    assert own[''] == 12
    assert total == 44


def test_params_count_once_and_buffers_never():
    found = profile_network(small(), images(3, 4), rounds=0)
    assert found['params'] == 3 * 8 * 9 + 8 + 8 * 4 * 16 + 4 + 4 + 4
    assert found['nonzero'] == found['params'] - 4  # the norm's zero bias
    assert found['maskable'] == 3 * 8 * 9 + 8 * 4 * 16
    assert 'latency_ms' not in found


def test_raw_weight_under_spectral_norm_counts_once():
    network = nn.utils.spectral_norm(nn.Conv2d(2, 4, 3))
    found = profile_network(network, images(2, 4), rounds=0)
    assert found['params'] == 2 * 4 * 9 + 4
    assert found['maskable'] == 2 * 4 * 9


def test_masks_beat_zeros():
    network = small()
    masked = MaskedNetwork(network)
    masked.prune(density=0.25)
    with torch.no_grad():  # a kept weight that happens to be zero
        position = int(masked.masks['0.weight'].view(-1).nonzero()[0])
        network[0].weight.view(-1)[position] = 0
    by_zeros = profile_network(network, images(3, 4), rounds=0)
    by_mask = profile_network(
        network, images(3, 4), rounds=0, masks=masked.masks)
    assert by_mask['kept'] == masked.survivors == by_zeros['kept'] + 1
    assert by_mask['density'] == masked.survivors / masked.maskable
    assert (by_zeros['density_by'], by_mask['density_by']) == ('zeros', 'mask')
    assert by_mask['nonzero'] == by_zeros['nonzero']


def test_zeros_save_no_macs_but_bytes_when_packed(tmp_path):
    network = nn.Sequential(nn.Conv2d(16, 32, 3))
    dense = profile_network(network, images(16, 4), rounds=0)
    masked = MaskedNetwork(network)
    masked.prune(density=0.1)
    pruned = profile_network(
        network, images(16, 4), rounds=0, masks=masked.masks)
    assert pruned['macs'] == dense['macs']
    assert pruned['bytes'] == dense['bytes']
    assert pruned['bytes_packed'] < 0.2 * dense['bytes']

    state = network.state_dict()
    save_file(state, tmp_path / 'plain.safetensors')
    save_packed(tmp_path / 'packed.safetensors', state, masked.masks)
    sizes = [(tmp_path / name).stat().st_size
             for name in ('plain.safetensors', 'packed.safetensors')]
    assert [pruned['bytes'], pruned['bytes_packed']] == sizes


def test_half_precision_weights_count_as_fp32():
    full = profile_network(nn.Conv2d(2, 2, 3), images(2, 4), rounds=0)
    network = nn.Conv2d(2, 2, 3).double()
    double = profile_network(
        network,
        lambda batch: ((torch.zeros(batch, 2, 4, 4).double(), ), {}),
        rounds=0)
    assert double['bytes'] == full['bytes']


def test_layers_list_what_has_parameters():
    network = small()
    masked = MaskedNetwork(network)
    masked.prune(density=0.5)
    layers = profile_network(
        network, images(3, 4), rounds=0, layers=True,
        masks=masked.masks)['layers']
    assert [layer['name'] for layer in layers] == ['0', '1.0', '2']
    assert layers[1]['type'] == 'ConvTranspose2d'
    assert layers[1]['shape'] == [8, 4, 4, 4]
    assert sum(layer.get('kept', 0) for layer in layers) == masked.survivors
    assert 'maskable' not in layers[2]


def test_the_network_is_left_as_it_was():
    network = small().train()
    network[0].eval()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    random = torch.get_rng_state()
    profile_network(
        nn.Sequential(network, nn.Dropout()), images(3, 4), rounds=1)
    assert [part.training for part in network] == [False, True, True]
    assert torch.equal(random, torch.get_rng_state())
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_latency_names_its_conditions_and_restores_threads():
    threads = torch.get_num_threads()
    found = profile_network(
        small(), images(3, 4), batch=3, threads=2, rounds=5)['latency_ms']
    assert (found['batch'], found['threads']) == (3, 2)
    assert 0 < found['p10'] <= found['median'] <= found['p90']
    assert torch.get_num_threads() == threads


def test_timing_takes_turns():
    order = []
    calls = {name: lambda name=name: order.append(name) for name in 'ab'}
    taken = interleaved(calls, rounds=4)
    assert ''.join(order[6:]) == 'abbaabba'  # after three warm-ups each
    assert [len(values) for values in taken.values()] == [4, 4]


def test_ratio_forgives_an_interruption():
    of, against = [2.] * 40, [1.] * 40
    of[7] = 500.
    assert ratio(of, against) == dict(median=2., p10=2., p90=2.)
    assert spread([1., 2., 3.])['median'] == 2.


def test_mask_for_a_weight_that_is_not_there():
    with pytest.raises(MMGanCompError, match='1.weight is to be masked'):
        profile_network(
            nn.Conv2d(2, 2, 3), images(2, 4), rounds=0,
            maskable=['1.weight'])


def test_a_device_that_queues_is_waited_for(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.accelerator, 'synchronize', waited.append)
    network = nn.Identity()
    call = lambda batch: ((torch.zeros(batch), ), {})  # noqa: E731
    forward(network, call, 1)()
    assert not waited
    network.weight = nn.Parameter(torch.zeros(1, device='meta'))
    forward(network, call, 1)()
    assert waited == [torch.device('meta')]
