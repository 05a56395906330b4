import torch  # noqa: I001
from mmgancomp import hookimpl
from mmgancomp.families import Family, Network

ROLES = dict(painter='generator', critic='discriminator')

class ToyFamily(Family):
    name = 'toy'

    def claims(self, model):
        return type(model).__name__ == 'ToyGAN'

    def networks(self, model):
        return {name: Network(name, role, getattr(model, name), name)
                for name, role in ROLES.items()}

    def adversarial_loss(self, model, logits, for_generator, real):
        return (-logits if real or for_generator else logits).mean()

    def example_call(self, network, batch, generator, size=None):
        shape = batch, network[0].in_channels, size or 8, size or 8
        return (torch.randn(shape, generator=generator), ), {}

    def updates(self, model, optimizer, iterations, accumulation):
        return iterations // accumulation.get(optimizer, 1)

@hookimpl
def mmgancomp_families():
    return [ToyFamily()]

@hookimpl
def mmgancomp_register():
    from . import model  # noqa: F401
