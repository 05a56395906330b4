"""Which axes of a layer's tensors count what it writes and what it reads.

Said once for each type of layer, whatever network it is in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import prod

from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from .base import NotOffered, inherits
from .layers import raw_weight_name

__all__ = [
    'Entry', 'Part', 'made', 'passed', 'passes', 'reads', 'single_parts',
    'used', 'writes'
]


@dataclass(frozen=True)
class Entry:
    """One axis of one tensor.

    Attributes:
        tensor: Name in the network's ``state_dict``.
        axis: The axis.
        factor: Entries per channel besides those of the layer itself.
        role: As in :class:`~mmgancomp.families.groups.Slot`.
    """

    tensor: str
    axis: int
    factor: int = 1
    role: str = 'use'


@dataclass
class Part:
    """One side of a layer.

    Attributes:
        path: The layer.
        width: Its channels on that side.
        entries: The axes that count them.
        counts: (module path, attribute) of what repeats the number.
    """

    path: str
    width: int
    entries: list[Entry] = field(default_factory=list)
    counts: list[tuple[str, str]] = field(default_factory=list)

    def __iadd__(self, other: Part) -> Part:
        self.entries += other.entries
        self.counts += other.counts
        return self


def made(network: nn.Module, path: str) -> Part:
    """The channels that a layer writes, with the norm that follows inside.

    Raises:
        NotOffered: The type of the layer is not in the table.
    """
    return _side(network, path, _MADE, 'writes')


def used(network: nn.Module, path: str) -> Part:
    """The channels that a layer reads, with a norm that comes before inside.

    Raises:
        NotOffered: The type of the layer is not in the table.
    """
    return _side(network, path, _USED, 'reads')


def passed(network: nn.Module, path: str) -> Part:
    """The channels that a norm, bias or depthwise convolution passes on.

    Raises:
        NotOffered: The type of the layer is not in the table.
    """
    return _side(network, path, _PASSED, 'passes on')


def _is_layer(module: nn.Module) -> bool:
    """Whether a module reads or writes channels by itself, not a child."""
    return isinstance(module, (_ConvNd, nn.Linear, nn.Embedding)) or inherits(
        module, 'ModulatedConv2d')


def writes(module: nn.Module) -> bool:
    """Whether the table says which channels a module writes."""
    return any(fits(module) for fits, _ in _MADE)


def reads(module: nn.Module) -> bool:
    """Whether the table says which channels a module reads."""
    # An embedding reads classes; that its row may be multiplied with
    # features is for a family to say.
    return not isinstance(module, nn.Embedding) and any(
        fits(module) for fits, _ in _USED)


def passes(module: nn.Module) -> bool:
    """Whether a module keeps channels apart: norms, biases, depthwise."""
    return any(fits(module) for fits, _ in _PASSED)


def single_parts(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Path and module of what the table knows and what is no composite."""
    inside: list[str] = []
    for path, module in network.named_modules():
        if any(path.startswith(f'{outer}.') for outer in inside):
            continue
        if any(fits(module) for fits, _ in _SINGLE):
            # Its linear layer is its own business.
            if inherits(module, 'EqualLinearActModule'):
                inside.append(path)
            yield path, module


_Rule = Callable[[nn.Module, str, nn.Module], Part]


def _side(network: nn.Module, path: str,
          rules: list[tuple[Callable[[nn.Module], bool], _Rule]],
          verb: str) -> Part:
    module = network.get_submodule(path)
    for fits, rule in rules:
        if fits(module):
            return rule(network, path, module)
    raise NotOffered(
        f'{path}: which channels a {type(module).__name__} {verb} is not in '
        'the table of layers (mmgancomp.families.layer_axes)')


def _raw_name(path: str, module: nn.Module) -> str:
    """Local name of the weight behind ``module.weight``."""
    name = raw_weight_name(module)
    if name is None or '.' in name:
        raise NotOffered(
            f'{path}: a {type(module).__name__} under a parametrization of '
            'torch is not in the table of layers: its weight is no single '
            'tensor of its own')
    return name


def _raw(path: str, module: nn.Module) -> tuple[str, tuple[int, ...]]:
    """That name, and the weight's shape."""
    name = _raw_name(path, module)
    if getattr(module, 'groups', 1) != 1:
        raise NotOffered(
            f'{path}: a convolution in {module.groups} groups is not in the '
            'table of layers')
    return name, tuple(module.get_parameter(name).shape)


def _entries(path: str, module: nn.Module, role: str,
             *found: tuple[str, int] | tuple[str, int, int]) -> list[Entry]:
    """Those of the tensors that the layer has."""
    return [
        Entry(f'{path}.{name}', axis, *factor, role=role)
        for name, axis, *factor in found
        if getattr(module, name, None) is not None
    ]


def _layer_made(network: nn.Module, path: str, module: nn.Module) -> Part:
    name, shape = _raw(path, module)
    # An embedding's channels are its columns, one row per class.
    axis = int(isinstance(module, (_ConvTransposeNd, nn.Embedding)))
    found = [(name, axis)]
    if isinstance(module, nn.Embedding):
        found.append(('weight_v', 0))
    else:
        # Left vectors of spectral norm, torch's and ajbrock's.
        found += [('bias', 0), ('weight_u', 0)]
        found += [(f'u{i}', 1) for i in range(getattr(module, 'num_svs', 0))]
    return Part(path, shape[axis], _entries(path, module, 'make', *found))


def _layer_used(network: nn.Module, path: str, module: nn.Module) -> Part:
    name, shape = _raw(path, module)
    axis = int(not isinstance(module, _ConvTransposeNd))
    return Part(
        path, shape[axis],
        _entries(path, module, 'use', (name, axis),
                 ('weight_v', 0, prod(shape[2:]))))


def _projection_used(network: nn.Module, path: str,
                     module: nn.Module) -> Part:
    """A class's vector that is multiplied with the features."""
    part = _layer_made(network, path, module)
    part.entries = [replace(entry, role='use') for entry in part.entries]
    return part


def _modulated_made(network: nn.Module, path: str, module: nn.Module) -> Part:
    name, shape = _raw(path, module)
    return Part(path, shape[1], _entries(path, module, 'make', (name, 1)))


def _modulated_used(network: nn.Module, path: str, module: nn.Module) -> Part:
    name, shape = _raw(path, module)
    part = Part(path, shape[2], _entries(path, module, 'use', (name, 2)))
    # The number that scales an input channel.
    style = made(network, f'{path}.style_modulation')
    part.entries += [replace(entry, role='each') for entry in style.entries]
    return part


def _equal_linear_made(network: nn.Module, path: str,
                       module: nn.Module) -> Part:
    part = made(network, f'{path}.linear')
    part.entries += _entries(path, module, 'make', ('bias', 0))
    return part


def _equal_linear_used(network: nn.Module, path: str,
                       module: nn.Module) -> Part:
    return used(network, f'{path}.linear')


def _constant_made(network: nn.Module, path: str, module: nn.Module) -> Part:
    return Part(path, module.input.shape[1],
                _entries(path, module, 'make', ('input', 1)))


def _conv_made(network: nn.Module, path: str, module: nn.Module) -> Part:
    """A block with one convolution, and what stands behind it."""
    names = _order(module)
    at = names.index(_convolution(module))
    part = made(network, f'{path}.{names[at]}')
    for name in names[at + 1:]:
        if passes(module.get_submodule(name)):
            part += passed(network, f'{path}.{name}')
    return part


def _conv_used(network: nn.Module, path: str, module: nn.Module) -> Part:
    """A block with one convolution, and what stands before it."""
    names = _order(module)
    at = names.index(_convolution(module))
    part = used(network, f'{path}.{names[at]}')
    for name in names[:at]:
        if passes(module.get_submodule(name)):
            part += passed(network, f'{path}.{name}')
    return part


def _order(module: nn.Module) -> list[str]:
    """Names of the children in the order in which they are called."""
    if hasattr(module, 'order'):  # mmcv's ConvModule
        norm = module.norm_name if module.with_norm else None
        named = {'conv': 'conv', 'norm': norm}
        return [named[word] for word in module.order if named.get(word)]
    return [name for name, _ in module.named_children()]


def _convolution(module: nn.Module) -> str:
    """Name of a block's one convolution."""
    found = [
        name for name, child in module.named_children()
        if _is_layer(child) or _has_convolution(child)
    ]
    return found[0]


def _has_convolution(module: nn.Module) -> bool:
    if isinstance(module, nn.Sequential):
        return sum(
            _is_layer(child) or _has_convolution(child)
            for child in module.children()) == 1
    return _is_layer(getattr(module, 'conv', None) or nn.Identity())


def _norm_passed(network: nn.Module, path: str, module: nn.Module) -> Part:
    return Part(
        path, module.num_features,
        _entries(path, module, 'gain', ('weight', 0)) +
        _entries(path, module, 'each', ('bias', 0), ('running_mean', 0),
                 ('running_var', 0)), [(path, 'num_features')])


def _is_depthwise(module: nn.Module) -> bool:
    """Whether a convolution has as many groups as channels, on both sides."""
    return isinstance(module, _ConvNd) and (
        1 < module.groups == module.in_channels == module.out_channels)


def _depthwise_passed(network: nn.Module, path: str,
                      module: nn.Module) -> Part:
    return Part(
        path, module.out_channels,
        _entries(path, module, 'gain', (_raw_name(path, module), 0)) +
        _entries(path, module, 'each', ('bias', 0), ('weight_u', 0)),
        [(path, count)
         for count in ('in_channels', 'out_channels', 'groups')])


def _bias_passed(network: nn.Module, path: str, module: nn.Module) -> Part:
    return Part(path, len(module.bias),
                _entries(path, module, 'each', ('bias', 0)))


def _conditional_passed(norm: str,
                        gain: str,
                        bias: str,
                        shifted: str = '') -> _Rule:
    """A norm whose scale and shift are made from the class.

    Args:
        norm: Name of the norm inside.
        gain: Name of the layer that makes the scale.
        bias: Name of the layer that makes the shift.
        shifted: Attribute that says whether the scale is one more than what
            the layer makes; without it, it is.
    """

    def rule(network: nn.Module, path: str, module: nn.Module) -> Part:
        part = passed(network, f'{path}.{norm}')
        for name in (gain, bias):
            if hasattr(module, name):
                found = made(network, f'{path}.{name}')
                role = 'each'
                if name == gain and not getattr(module, shifted, True):
                    role = 'gain'
                part.entries += [
                    replace(entry, role=role) for entry in found.entries
                ]
        return part

    return rule


def _type(*kinds: type) -> Callable[[nn.Module], bool]:
    return lambda module: isinstance(module, kinds)


def _named(*names: str) -> Callable[[nn.Module], bool]:
    return lambda module: inherits(module, *names)


_Table = list[tuple[Callable[[nn.Module], bool], _Rule]]
_MADE: _Table = [
    (_named('ModulatedConv2d'), _modulated_made),
    (_named('EqualLinearActModule'), _equal_linear_made),
    (_named('ConstantInput'), _constant_made),
    (_type(_ConvNd, nn.Linear, nn.Embedding), _layer_made),
    (_has_convolution, _conv_made),
]
_USED: _Table = [
    (_named('ModulatedConv2d'), _modulated_used),
    (_named('EqualLinearActModule'), _equal_linear_used),
    (_type(nn.Embedding), _projection_used),
    (_type(_ConvNd, nn.Linear), _layer_used),
    (_has_convolution, _conv_used),
]
_PASSED: _Table = [
    (_type(_NormBase), _norm_passed),
    (_named('_FusedBiasLeakyReLU'), _bias_passed),
    (_is_depthwise, _depthwise_passed),
    (_named('BigGANConditionBN'), _conditional_passed('bn', 'gain', 'bias')),
    (_named('SNConditionNorm'),
     _conditional_passed('norm', 'weight_embedding', 'bias_embedding',
                         'reweight_embedding')),
]
_SINGLE: _Table = [*_MADE[:-1], *_PASSED[:3]]
