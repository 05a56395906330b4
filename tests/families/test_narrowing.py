"""Widths and costs of the papers, to the integer, and any other width."""

from __future__ import annotations

import pytest
import torch
from mmengine import DefaultScope
from torch import nn

from mmgancomp import families
from mmgancomp.channels.slicing import cut
from mmgancomp.families.macs import macs
from mmgancomp.registry import MODELS
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS

STYLEGAN2 = dict(type='StyleGANv2Generator', out_size=1024, style_channels=512)
STYLEGAN2_D = dict(type='StyleGANv2Discriminator', in_size=1024)
BIGGAN = dict(
    type='BigGANGenerator',
    output_scale=128,
    noise_size=120,
    num_classes=1000,
    shared_dim=128,
    base_channels=96)
BIGGAN_D = dict(
    type='BigGANDiscriminator',
    input_scale=128,
    num_classes=1000,
    base_channels=96)
SAGAN = dict(
    type='SAGANGenerator',
    output_scale=128,
    base_channels=64,
    noise_size=128,
    num_classes=1000,
    attention_after_nth_block=4,
    with_spectral_norm=True)

# Network, divisor, parameters and what the paper prints, MACs by the paper's
# convention and what it prints: DGL-GAN, Tables 2 and 4. Two prints differ
# from the count: 11.08 M and 70.33 M.
PUBLISHED = [
    (STYLEGAN2, 1, 30_370_060, '30.37', 142_021_938_176, '142.02'),
    (STYLEGAN2, 2, 11_064_988, '11.08', 35_613_854_720, '35.61'),
    (STYLEGAN2, 4, 5_392_036, '5.39', 8_966_048_768, '8.97'),
    (STYLEGAN2, 8, 3_550_456, '3.55', 2_281_204_736, '2.28'),
    (BIGGAN, 1, 70_433_988, '70.33', 432_983_814_528, '432.98'),
    (BIGGAN, 2, 18_383_460, '18.38', 211_348_641_984, '211.35'),
    (BIGGAN, 4, 5_031_348, '5.03', 104_388_504_672, '104.39'),
]
MISPRINTED = {'11.08': '11.06', '70.33': '70.43'}


def build(config, divisor=1, device='meta'):
    """A narrowed network; by default without memory for its weights."""
    with DefaultScope.overwrite_default_scope('mmagic'), torch.device(device):
        return MODELS.build(families.narrow(config, divisor))


def params(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def family(config):
    """The family that knows a network's type."""
    for found in families.known():
        try:
            found.narrow(config, 1)
        except families.NotOffered:
            continue
        return found
    raise AssertionError(config['type'])


def paper(config, network):
    way, = family(config).cost_conventions(network)
    assert way.name == 'paper' and way.source.startswith('DGL-GAN, Table ')
    return way.macs


@pytest.mark.parametrize('row', PUBLISHED, ids=lambda r: f'{r[3]} M')
def test_published_rows(row):
    config, divisor, count, printed, cost, printed_cost = row
    network = build(config, divisor)
    assert params(network) == count
    assert f'{count / 1e6:.2f}' == MISPRINTED.get(printed, printed)
    assert paper(config, network) == cost
    assert f'{cost / 1e9:.2f}' == printed_cost


def test_the_page_shows_these_rows(root):
    page = (root / 'docs' / 'width.md').read_text()
    rows = [[cell.strip() for cell in line.strip('|').split('|')]
            for line in page.splitlines() if line.count('|') == 7]
    assert [row[1:] for row in rows[2:]] == [[
        '1' if divisor == 1 else f'1/{divisor}', f'{count:,}', printed,
        f'{cost:,}', printed_cost
    ] for _, divisor, count, printed, cost, printed_cost in PUBLISHED]


@pytest.mark.parametrize('config,count', [
    (STYLEGAN2_D, 29_012_513),
    (BIGGAN_D, 87_982_370),
    (SAGAN, 42_017_412),
], ids=['StyleGAN2 D', 'BigGAN D', 'SAGAN'])
def test_other_networks_of_the_papers(config, count):
    assert params(build(config)) == count


def stylegan2_cost(size, divisor, style=512):
    """Parameters and paper MACs from the recipe alone, layer by layer."""
    edges = [4 * 2**i for i in range(size.bit_length() - 2)]
    w = {r: max(1, min(512, 32768 // r) // divisor) for r in edges}
    layers = [(512, w[4], 4)]
    for small, edge in zip(edges, edges[1:]):
        layers += [(w[small], w[edge], edge), (w[edge], w[edge], edge)]
    count, cost = 8 * (style * style + style) + 16 * 512, 22_400_000
    for inside, out, edge in layers:
        count += 9 * inside * out + (style + 1) * inside + out + 1
        cost += (9 * inside * out + out) * edge**2
    for edge in edges:
        count += 3 * w[edge] + (style + 1) * w[edge] + 3
        cost += 3 * w[edge] * edge**2
    return count, cost


@pytest.mark.parametrize('size', [16, 256, 1024])
@pytest.mark.parametrize('divisor', [1, 2, 3, 5, 8, 16, 100, 600])
def test_stylegan2_of_any_size_and_width(size, divisor):
    config = dict(STYLEGAN2, out_size=size)
    network = build(config, divisor)
    assert (params(network), paper(config, network)) == stylegan2_cost(
        size, divisor)


def stylegan2_d_params(size, divisor):
    edges = [4 * 2**i for i in range(size.bit_length() - 2)][::-1]
    w = {r: max(1, min(512, 32768 // r) // divisor) for r in edges}
    count = 3 * w[size] + w[size]
    for edge, small in zip(edges, edges[1:]):
        inside, out = w[edge], w[small]
        count += 9 * inside**2 + inside + 9 * inside * out + out
        count += inside * out  # the skip has no bias
    last = w[4]
    count += 9 * (last + 1) * last + last
    return count + 16 * last**2 + last + last + 1


@pytest.mark.parametrize('size', [16, 256, 1024])
@pytest.mark.parametrize('divisor', [1, 2, 3, 8, 100])
def test_stylegan2_discriminators_of_any_width(size, divisor):
    network = build(dict(STYLEGAN2_D, in_size=size), divisor)
    assert params(network) == stylegan2_d_params(size, divisor)


def biggan_cost(base):
    """Paper MACs of BigGAN-128 by the published counter's own formula."""
    ins, outs = [16, 16, 8, 4, 2], [16, 8, 4, 2, 1]
    total, edge = 0, 4
    for i, (inside, out) in enumerate(zip(ins, outs)):
        inside, out, edge = inside * base, out * base, edge * 2
        total += 10 * inside * out * edge**2 + 9 * out * out * edge**2
        total += (128 + 20) * (inside + out)
        if i == 3:
            total += 5 * out**2 * edge**2 // 4
            total += out // 16 * edge**4 // 4
            total += edge**4 // 16 * out * edge**2 // 2
    return total + 27 * base * edge**2


@pytest.mark.parametrize('divisor', [1, 2, 3, 4, 6, 7, 12])
def test_biggan_of_any_width(divisor):
    network = build(BIGGAN, divisor)
    base = 96 // divisor
    assert paper(BIGGAN, network) == biggan_cost(base)
    stock = build(dict(BIGGAN, base_channels=base))
    assert params(network) == params(stock)


@pytest.mark.parametrize('share', [.5, .25])
def test_a_plan_counts_like_the_width_it_comes_to(share):
    """The stock attention block keeps the number that it was built with."""
    network = build(BIGGAN)
    groups = families.channel_groups(network)
    cut(network, groups, {
        name: list(range(round(share * group.width)))
        for name, group in groups.items() if not group.optional
    })
    assert paper(BIGGAN, network) == biggan_cost(round(96 * share))


def test_a_plan_of_some_layers_counts_each_layer():
    network = build(BIGGAN)
    before = paper(BIGGAN, network)
    groups = families.channel_groups(network)
    cut(network, groups, {
        'conv_blocks.0.conv1': list(range(1000)),
        'conv_blocks.4.g': list(range(80)),
        'conv_blocks.4.theta': list(range(20)),
        'conv_blocks.5.conv1': list(range(90))
    })
    # 8 px: conv1, conv2 and the norm in between; 128 px: the same.
    gone = 536 * (9 * (1536 + 1536) * 8**2 + 148)
    gone += 6 * (9 * (192 + 96) * 128**2 + 148)
    # 64 px, 192 channels, 24 and 96 in the attention block.
    gone += 2 * 192 * (4 + 16) * 64**2
    gone += 2 * 64**4 // 4 + 16 * 64**4 // 16 * 64**2
    assert before - paper(BIGGAN, network) == gone


def test_executed_macs_of_biggan_are_an_image_s(monkeypatch):
    """What spectral norm spends on the weights is no image's."""
    config = dict(BIGGAN, output_scale=32, num_classes=10, base_channels=8)
    counts = {}
    for style in ('ajbrock', 'torch'):
        network = build(dict(config, sn_style=style), device='cpu')
        args, kwargs = family(config).example_call(
            network, 1, torch.Generator().manual_seed(0))
        counts[style], shares = macs(network, args, kwargs)
        assert sum(shares.values()) == counts[style]
        assert min(shares.values()) >= 0
    assert counts['ajbrock'] == counts['torch']


@pytest.mark.slow
@pytest.mark.parametrize('config,divisor,executed', [
    (BIGGAN, 1, 21.12),
    (BIGGAN, 2, 5.42),
    (BIGGAN, 4, 1.42),
    (SAGAN, 1, 9.51),
    # Convolutions and FIR filters 1.3845, linear layers 0.0029.
    (STYLEGAN2, 8, 1.3874),
], ids=lambda value: value.get('type') if isinstance(value, dict) else None)
def test_executed_macs_at_full_size(config, divisor, executed):
    network = build(config, divisor, 'cpu')
    args, kwargs = family(config).example_call(
        network, 1, torch.Generator().manual_seed(0))
    digits = len(str(executed).split('.')[1])
    assert round(macs(network, args, kwargs)[0] / 1e9, digits) == executed


def test_others_have_no_published_convention():
    for config in (SAGAN, STYLEGAN2_D, BIGGAN_D):
        network = build(config)
        assert family(config).cost_conventions(network) == []


def test_the_width_table_keeps_the_constant():
    network = build(STYLEGAN2, 8)
    assert network.channels == {
        **dict.fromkeys((4, 8, 16, 32, 64), 64), 128: 32, 256: 16, 512: 8,
        1024: 4
    }
    assert network.constant_input.input.shape == (1, 512, 4, 4)
    assert network.style_channels == 512
    assert network.style_mapping[1].linear.in_features == 512


def test_stylegan2_options_reach_every_layer():
    generator = build(
        dict(STYLEGAN2, out_size=32, num_fp16_scales=2, fixed_noise=True,
             channel_multiplier=1, style_channels=24, num_mlps=2), 16)
    stock = build(
        dict(STYLEGAN2, out_size=32, num_fp16_scales=2, fixed_noise=True,
             channel_multiplier=1, style_channels=24, num_mlps=2))
    assert type(generator) is type(stock)
    assert not hasattr(type(generator), 'channels')
    for (name, one), (_, other) in zip(generator.named_modules(),
                                       stock.named_modules()):
        assert type(one) is type(other), name
        for attribute in ('fp16_enabled', 'fixed_noise', 'kernel_size'):
            assert getattr(one, attribute, None) == getattr(
                other, attribute, None), (name, attribute)
    discriminator = dict(
        STYLEGAN2_D, in_size=32, num_fp16_scales=1, cond_size=3,
        cond_mapping_layers=1, convert_input_fp32=False)
    for (name, one), (_, other) in zip(
            build(discriminator, 16).named_modules(),
            build(discriminator).named_modules()):
        assert type(one) is type(other), name
        for attribute in ('fp16_enabled', 'convert_input_fp32', 'kernel_size',
                          'padding', 'stride'):
            assert getattr(one, attribute, None) == getattr(
                other, attribute, None), (name, attribute)


@pytest.mark.parametrize('name', tiny.FAMILIES)
@pytest.mark.parametrize('part', ['generator', 'discriminator'])
def test_names_stay_stock_and_forwards_run(name, part, tmp_path):
    wide = name == 'stylegan2'
    model = tiny.model(name, narrow=not wide)
    config = tiny.config(name, tmp_path, narrow=not wide).model[part].to_dict()
    if name == 'dcgan' and part == 'generator':
        config['noise_size'] = model.noise_size  # the model hands it over
    narrow = build(config, 32 if wide else 2, 'cpu')
    known = families.of(model)
    stock = next(n.module for n in known.networks(model).values()
                 if n.role == part)
    assert [*narrow.state_dict()] == [*stock.state_dict()]
    assert params(narrow) < params(stock)
    outputs = []
    for network in (narrow, stock):
        args, kwargs = known.example_call(
            network, 2, torch.Generator().manual_seed(0), 32
            if name in ('cyclegan', 'pix2pix') else None)
        outputs.append(network(*args, **kwargs))
    assert outputs[0].shape == outputs[1].shape


@pytest.mark.parametrize('part,listed,divided', [
    ('generator', dict(in_channels=[12, 16], out_channels=[16, 20]),
     dict(in_channels=[4, 5], out_channels=[5, 6])),
    ('discriminator', dict(in_channels=[3, 16], out_channels=[16, 20]),
     dict(in_channels=[3, 5], out_channels=[5, 6])),
])
def test_listed_widths_of_biggan_are_divided(part, listed, divided):
    config = dict(BIGGAN if part == 'generator' else BIGGAN_D,
                  arch_cfg=dict(listed, attention=[False, False]))
    narrowed = families.narrow(config, 3)
    assert narrowed['arch_cfg'] == dict(divided, attention=[False, False])
    assert config['arch_cfg'] == dict(listed, attention=[False, False])


def test_a_network_that_no_family_narrows():
    with pytest.raises(families.NotOffered, match="method 'narrow' for "):
        families.narrow(dict(type='StyleGANv3Generator'), 2)
    with pytest.raises(families.NotOffered, match="'narrow' for Nothing"):
        families.narrow(dict(type='Nothing'), 2)
