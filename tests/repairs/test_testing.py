"""Pix2Pix can be tested, not only validated."""

from __future__ import annotations

import pytest
from mmengine.dataset import pseudo_collate

import mmgancomp.registry  # noqa: F401
from tests.support import tiny

pytestmark = tiny.STOCK_WARNINGS


def test_pix2pix_tests_as_it_validates(tmp_path):
    from mmagic.registry import DATASETS
    from mmengine.registry import DefaultScope
    config = tiny.config('pix2pix', tmp_path)
    model = tiny.model('pix2pix')
    with DefaultScope.overwrite_default_scope('mmagic'):
        data = DATASETS.build(config.train_dataloader.dataset)

    def batch():
        return pseudo_collate([data[0], data[1]])

    stock = type(model).test_step.__wrapped__
    with pytest.raises(TypeError, match='not subscriptable'):
        stock(model, batch())
    model.eval()
    tested, validated = model.test_step(batch()), model.val_step(batch())
    assert len(tested) == 2
    for one, other in zip(tested, validated):
        assert one.fake_photo.equal(other.fake_photo)
