"""Networks whose ``init_weights`` stops at an unbound ``init_info``."""

from __future__ import annotations

from types import ModuleType

import wrapt

from .repair import replace_function

__all__ = ['dcgan_discriminator', 'without_init_info']

_RECORD = '_params_init_info'


def without_init_info(module: ModuleType) -> None:
    """Let ``generation_init_weights`` draw weights and log afterwards.

    It fails where it records what it did to a module that it does not
    initialise. Modules without the record are skipped there, so the record
    is put aside while it runs.
    """

    def repaired(wrapped, instance, args, kwargs):
        network = args[0] if args else kwargs['module']
        aside = [(part, part.__dict__.pop(_RECORD))
                 for part in network.modules() if _RECORD in part.__dict__]
        try:
            wrapped(*args, **kwargs)
        finally:
            for part, record in aside:
                setattr(part, _RECORD, record)
        if hasattr(network, _RECORD):
            options = dict(zip(('init_type', 'init_gain'), args[1:]), **kwargs)
            module.update_init_info(
                network,
                "Initialize by 'init_type' "
                f"{options.get('init_type', 'normal')}.")

    replace_function(module, 'generation_init_weights', repaired)


def dcgan_discriminator(module: ModuleType) -> None:
    """Initialise as the class says, recording only what was touched."""

    def repaired(wrapped, instance, args, kwargs):
        config = instance.init_cfg
        if config is not None and config['type'] == 'Pretrained':
            return wrapped(*args, **kwargs)
        for part in instance.modules():
            if isinstance(part,
                          (module.nn.Conv2d, module.nn.ConvTranspose2d)):
                module.normal_init(part, 0, 0.02)
                drawn = 'normal distribution with 0 mean and 0.02 std'
            elif isinstance(part, module._BatchNorm):
                module.nn.init.normal_(part.weight.data)
                module.nn.init.constant_(part.bias.data, 0)
                drawn = 'standard normal weight and bias 0'
            else:
                continue
            if hasattr(part, _RECORD):
                module.update_init_info(
                    part, f'{type(part).__name__}: initialize by {drawn}.')
        return None

    wrapt.wrap_function_wrapper(module, 'DCGANDiscriminator.init_weights',
                                repaired)
