"""Open an exported file the way its user does, with little installed.

Run as a script: KIND FILE ARRAYS OUT BLOCKED…. ARRAYS is an ``.npz`` file of
inputs; the image goes to OUT. Packages named BLOCKED cannot be imported.
"""

import sys

KIND, FILE, ARRAYS, OUT, *BLOCKED = sys.argv[1:]


class _Refuse:
    """A finder that does not know the blocked packages."""

    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in BLOCKED:
            raise ModuleNotFoundError(f'no {name} here')


sys.meta_path.insert(0, _Refuse())

import numpy as np  # noqa: E402

given = dict(np.load(ARRAYS))


def onnx():
    """onnxruntime and numpy."""
    import onnxruntime
    session = onnxruntime.InferenceSession(
        FILE, providers=['CPUExecutionProvider'])
    image, = session.run(None, {
        entry.name: given[str(position)]
        for position, entry in enumerate(session.get_inputs())
    })
    return image


def mmagic():
    """MMagic's own registry, the config and the weights."""
    import torch
    from mmagic.registry import MODELS
    from mmagic.utils import register_all_modules
    from mmengine.config import Config
    register_all_modules()
    config = Config.fromfile(FILE.replace('.pth', '.py'))
    model = MODELS.build(config.model)
    loaded = torch.load(FILE, weights_only=True)
    model.load_state_dict(loaded['state_dict'], strict=True)
    return image_of(model)


def image_of(model):
    """Of the first generator, or its average, on the inputs."""
    import torch
    paths = [path for path, _ in model.named_modules()]
    path = next(p for p in ('generator_ema.module', 'generator',
                            'generators.photo') if p in paths)
    network = model.get_submodule(path).eval()
    tensors = [torch.from_numpy(given[key]) for key in sorted(given)]
    options = {} if len(tensors) < 2 else dict(label=tensors[1])
    if hasattr(network, 'injected_noise_0'):
        options['randomize_noise'] = False
    with torch.no_grad():
        return network(tensors[0], **options).numpy()


def sparse():
    """The reader of ours; no MMagic."""
    from mmgancomp.export import read_sparse
    network = next(iter(read_sparse(FILE).values()))
    return np.concatenate([
        value.double().flatten().numpy()
        for _, value in sorted(network.state.items())
    ])


np.save(OUT, dict(onnx=onnx, mmagic=mmagic, sparse=sparse)[KIND]())
found = {name.split('.')[0] for name in sys.modules}
assert not found & set(BLOCKED), found & set(BLOCKED)
