import torch  # noqa: I001
from mmengine.model import BaseModel
from torch.nn import Conv2d, Sequential
from mmgancomp.registry import MODELS

@MODELS.register_module()
class ToyGAN(BaseModel):
    def __init__(self):
        super().__init__()
        self.painter = Sequential(Conv2d(4, 8, 3), Conv2d(8, 3, 1))
        self.critic = Sequential(Conv2d(3, 8, 3), Conv2d(8, 1, 1))

    def forward(self, real, optim_wrapper):
        fake = self.painter(torch.randn(len(real), 4, *real.shape[2:]))
        loss = self.critic(fake.detach()).mean() - self.critic(real).mean()
        optim_wrapper['critic'].update_params(loss)
        optim_wrapper['painter'].update_params(-self.critic(fake).mean())
        return dict(loss=loss.detach())

    def train_step(self, data, optim_wrapper):
        return self(torch.stack(data['inputs']).float(), optim_wrapper)
