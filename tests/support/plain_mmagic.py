"""Load a checkpoint the way a user without this package does.

Run as a script: CONFIG CHECKPOINT. Importing mmgancomp is made impossible.
"""

import sys


class _Refuse:
    """A finder that knows no mmgancomp."""

    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'mmgancomp':
            raise ModuleNotFoundError(f'no {name} here')


sys.meta_path.insert(0, _Refuse())


def main(config_path: str, checkpoint_path: str) -> None:
    import torch
    from mmagic.registry import MODELS
    from mmagic.utils import register_all_modules
    from mmengine.config import Config
    register_all_modules()
    config = Config.fromfile(config_path)
    model = MODELS.build(config.model)
    checkpoint = torch.load(checkpoint_path, weights_only=True)
    model.load_state_dict(checkpoint['state_dict'], strict=True)
    assert not any(m.split('.')[0] == 'mmgancomp' for m in sys.modules)
    # The zeros are there, dense, in stock names.
    weights = [v for k, v in checkpoint['state_dict'].items()
               if 'generator' in k and v.dim() >= 4]
    share = (sum(int((w == 0).sum()) for w in weights)
             / sum(w.numel() for w in weights))
    assert share > .5, share
    print(f'loaded, {share:.2f} of the weights are zero')


if __name__ == '__main__':
    main(*sys.argv[1:])
