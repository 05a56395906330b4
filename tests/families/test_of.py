from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import mmgancomp
from mmgancomp import families
from mmgancomp.errors import ConfigError
from mmgancomp.families import Family, Network, NotOffered


class Least(Family):
    """Only what every family must say."""

    name = 'least'

    def claims(self, model):
        return isinstance(model, nn.Sequential)

    def networks(self, model):
        return dict(g=Network('g', 'generator', model[0], 'g'))

    def adversarial_loss(self, model, logits, for_generator, real):
        return logits.mean()

    def example_call(self, network, batch, generator, size=None):
        return (torch.zeros(batch), ), {}


def test_an_unknown_model_is_told_how_to_become_known():
    with pytest.raises(ConfigError) as caught:
        families.of(nn.Linear(2, 2))
    message = str(caught.value)
    assert 'torch.nn.modules.linear.Linear' in message
    for part in ('mmgancomp_families', "group 'mmgancomp'", 'docs/plugins.md',
                 'mmgancomp.families.Family', 'biggan', 'stylegan2'):
        assert part in message
    assert '\n' not in message


def test_a_family_without_a_required_method_names_it():
    for method in ('claims', 'networks', 'adversarial_loss', 'example_call'):
        incomplete = type('Incomplete', (Least, ),
                          {method: getattr(Family, method)})
        with pytest.raises(TypeError, match=method):
            incomplete()


def test_what_a_family_does_not_offer_is_named():
    with pytest.raises(NotOffered) as caught:
        Least().updates(nn.Sequential(), 'g', 3, {})
    message = str(caught.value)
    assert "'least'" in message and "'updates'" in message
    assert 'docs/plugins.md' in message and 'Least' in message


def test_defaults_serve_an_ordinary_network():
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ConvTranspose2d(4, 5, 2), nn.Linear(2, 1))
    family = Least()
    assert [weight.name for weight in family.convolutions(network)
            ] == ['0.weight', '1.weight']
    assert [weight.name for weight in family.linears(network)] == ['2.weight']
    assert family.state(network) == {}


def test_importing_the_families_imports_no_part_of_mmagic():
    program = '''
import sys
from mmgancomp import families
from torch import nn
families.known()
try:
    families.of(nn.Linear(2, 2))
except families.ConfigError:
    pass
print([name for name in sys.modules if name.split('.')[0] == 'mmagic'])
'''
    done = subprocess.run([sys.executable, '-W', 'ignore', '-c', program],
                          capture_output=True,
                          text=True,
                          check=True)
    assert done.stdout.strip() == '[]'


def test_classes_of_mmagic_are_named_in_this_room_and_in_repairs_only():
    """Models and networks; datasets and metrics are ordinary building bricks.

    The stock wrappers and what a config calls its parts are no classes.
    """
    classes = re.compile(
        r'\b(StyleGAN\w*|BigGAN\w*|SAGAN\w*|SNGAN\w*|DCGAN\w*|LSGAN\w*|'
        r'WGANGP\w*|GGAN|CycleGAN\w*|Pix2Pix\w*|ProjDiscriminator|'
        r'PatchDiscriminator|ResnetGenerator|UnetGenerator|BaseGAN|'
        r'BaseConditionalGAN|BaseTranslationModel|ModulatedConv2d|'
        r'ExponentialMovingAverage)\b')
    package = Path(mmgancomp.__file__).parent
    found = []
    for file in sorted(package.rglob('*.py')):
        room = file.relative_to(package).parts[0]
        if room in ('families', 'repairs', '.mim'):
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            code = line.partition('#')[0]
            if re.search(f"['\"]{classes.pattern}['\"]|import .*"
                         f'{classes.pattern}', code):
                found.append(f'{file.relative_to(package)}:{number}: {line}')
    assert not found
