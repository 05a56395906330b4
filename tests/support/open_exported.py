"""Open an exported file the way its user does, with little installed.

Run as a script: KIND FILE ARRAYS OUT BLOCKED CONFIG. ARRAYS is an ``.npz``
file of inputs; the image goes to OUT. The JSON file BLOCKED lists modules that
cannot be imported, as if they were not installed. CONFIG says what builds the
networks of a packed file.
"""

import json
import sys

KIND, FILE, ARRAYS, OUT, BLOCKED, *CONFIG = sys.argv[1:]

with open(BLOCKED) as listed:
    blocked = set(json.load(listed)) - {n.split('.')[0] for n in sys.modules}


class _Without:
    """A finder for which the blocked modules are not installed."""

    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):  # what importlib.metadata asks for
        return getattr(self.finder, name)

    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in blocked:
            return None
        return self.finder.find_spec(name, path, target)


sys.meta_path[:] = map(_Without, sys.meta_path)

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


def built(path):
    """A model by MMagic's own registry."""
    from mmagic.registry import MODELS
    from mmagic.utils import register_all_modules
    from mmengine.config import Config
    register_all_modules()
    return MODELS.build(Config.fromfile(path).model)


def mmagic():
    """MMagic's own registry, the config and the weights."""
    import torch
    model = built(FILE.replace('.pth', '.py'))
    loaded = torch.load(FILE, weights_only=True)
    model.load_state_dict(loaded['state_dict'], strict=True)
    return image_of(network_in(model))


def network_in(model):
    """The first generator, or its average."""
    paths = [path for path, _ in model.named_modules()]
    return model.get_submodule(
        next(p for p in ('generator_ema.module', 'generator',
                         'generators.photo') if p in paths))


def image_of(network):
    """Of the inputs."""
    import torch
    tensors = [torch.from_numpy(given[key]) for key in sorted(given)]
    options = {} if len(tensors) < 2 else dict(label=tensors[1])
    if hasattr(network, 'injected_noise_0'):
        options['randomize_noise'] = False
    with torch.no_grad():
        return network.eval()(tensors[0], **options).numpy()


def weights():
    """The reader of ours; no MMagic."""
    from mmgancomp.export import read_sparse
    network = next(iter(read_sparse(FILE).values()))
    return np.concatenate([
        value.double().flatten().numpy()
        for _, value in sorted(network.state.items())
    ])


def sparse():
    """The same, in a network that MMagic builds."""
    from mmgancomp.export import read_sparse
    stored = read_sparse(FILE)
    network = network_in(built(*CONFIG))
    name = next(n for n in ('generator', 'generators.photo') if n in stored)
    network.load_state_dict(stored[name].state, strict=True)
    return image_of(network)


np.save(OUT, globals()[KIND]())
found = {name.split('.')[0] for name in sys.modules}
assert not found & blocked, found & blocked
