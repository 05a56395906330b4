from __future__ import annotations

import io

import numpy as np
import pytest
import torch

from mmgancomp import families
from mmgancomp.families import NotOffered
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS


def through_a_file(state: dict) -> dict:
    """What comes back when nothing but plain tensors may be read."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def fill(model, batches: int) -> None:
    for buffer in model.image_buffers.values():
        for _ in range(batches):
            buffer.query(torch.rand(2, 3, 8, 8, requires_grad=True) * 1)


@pytest.mark.parametrize('batches', [0, 1, 4])
def test_image_buffers_of_cyclegan_survive(batches):
    """Empty, partly filled, and full (3 images) buffers go on alike."""
    model, other = (tiny.model('cyclegan', buffer_size=3) for _ in range(2))
    family = families.of(model)
    fill(model, batches)
    fill(other, 2)  # must not be left over
    state = through_a_file(family.state(model))
    family.load_state(other, state)
    for domain, buffer in model.image_buffers.items():
        restored = other.image_buffers[domain]
        assert restored.img_num == buffer.img_num == min(2 * batches, 3)
        for _ in range(5):
            images = torch.rand(2, 3, 8, 8)
            answers = []
            for history in (buffer, restored):
                np.random.seed(1)
                answers.append(history.query(images))
            assert torch.equal(*answers)


def test_the_state_is_a_copy():
    model = tiny.model('cyclegan', buffer_size=1)
    fill(model, 1)
    family = families.of(model)
    state = family.state(model)
    kept = {domain: images.clone()
            for domain, images in state['image_buffers'].items()}
    assert kept.keys() == {'photo', 'mask'}
    for buffer in model.image_buffers.values():
        buffer.image_buffer[0].zero_()
    for domain, images in state['image_buffers'].items():
        assert torch.equal(images, kept[domain])
        assert not images.requires_grad


def test_without_buffers_there_is_nothing_to_keep():
    model = tiny.model('cyclegan', buffer_size=0)
    family = families.of(model)
    assert family.state(model) == dict(image_buffers={})
    family.load_state(model, family.state(model))
    images = torch.rand(2, 3, 8, 8)
    assert model.image_buffers['photo'].query(images) is images


KEEP_STATE = {'cyclegan', 'srgan', 'esrgan'}


@pytest.mark.parametrize('name', sorted(set(tiny.FAMILIES) - KEEP_STATE))
def test_the_others_keep_everything_in_the_state_dict(name):
    model = tiny.model(name)
    family = families.of(model)
    assert family.state(model) == {}
    family.load_state(model, {})
    with pytest.raises(NotOffered, match='load_state'):
        family.load_state(model, dict(image_buffers={}))
