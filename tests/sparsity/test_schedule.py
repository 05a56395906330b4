"""When and how much: the ramp's numbers, and errors that come early."""

import math

import pytest
import torch
from torch import nn

from mmgancomp.errors import ConfigError
from mmgancomp.sparsity import AGP, Fixed, MaskedNetwork, OneShot
from mmgancomp.sparsity.packed import save_packed

RAMP = [.05, .17195, .2696, .34565, .4028, .44375, .4712, .48785, .4964,
        .49955, .5]


def agp(total=20, density=.5, **options):
    schedule = AGP(**{'end': 10, 'interval': 1, **options})
    schedule.resolve(total, density, 'schedule')
    return schedule


def test_the_cubic_ramp():
    schedule = agp()
    assert schedule.ticks() == list(range(11))
    sparsity = [1 - schedule.density_at(t) for t in range(14)]
    assert sparsity == pytest.approx(RAMP + [.5] * 3)
    steep = agp(density=.1)
    assert [1 - steep.density_at(t) for t in (1, 2, 5)] == pytest.approx(
        [.28035, .4648, .79375])


def test_counts_are_rounded_down_layer_by_layer():
    torch.manual_seed(0)
    masked = MaskedNetwork(nn.Conv2d(1, 10, 1, bias=False))
    schedule, gone = agp(), []
    for tick in (0, 1, 2, 4, 10):
        schedule.change(masked, tick, criterion='magnitude',
                        allocation='uniform')
        gone.append(masked.maskable - masked.survivors)
    assert gone == [0, 1, 2, 4, 5]


def test_the_last_tick_reaches_the_target_whatever_the_interval():
    schedule = agp(interval=4, density=.1)
    assert schedule.ticks() == [0, 4, 8, 10]
    assert schedule.density_at(10) == .1


def test_times_are_updates_fractions_and_names():
    schedule = AGP(begin=.25, end='end', interval=5)
    schedule.resolve(40, .5, 'schedule')
    assert (schedule.ticks()[0], schedule.ticks()[-1]) == (10, 40)
    shot = OneShot(begin=3)
    shot.resolve(5, .5, 'schedule')
    assert shot.ticks() == [3]


@pytest.mark.parametrize(('schedule', 'message'), [
    (AGP(end=1.0), r'schedule.end = 1.0: .*"end"'),
    (AGP(end=True), 'schedule.end = True'),
    (AGP(end=-3), 'schedule.end = -3'),
    (AGP(end=2.5), 'schedule.end = 2.5'),
    (AGP(end='later'), "schedule.end = 'later'"),
    (AGP(end=200), 'only 100 updates'),
    (AGP(begin=60, end=.5), 'begin before it ends, at update 50'),
    (AGP(interval=100), 'the ramp lasts 50 updates'),
    (AGP(interval=0), 'at least 1'),
    (AGP(interval=2.5), 'at least 1'),
    (AGP(interval=5, start_density=.05), 'start_density = 0.05'),
    (AGP(interval=5, start_density=math.inf), 'start_density = inf'),
    (OneShot(begin=101), 'only 100 updates'),
])
def test_a_schedule_that_cannot_be_is_refused(schedule, message):
    with pytest.raises(ConfigError, match=message):
        schedule.resolve(100, .1, 'schedule')


def test_fixed_takes_the_masks_of_a_ticket(tmp_path):
    source = nn.Conv2d(2, 4, 3)
    ticket = MaskedNetwork(source)
    ticket.prune(.25)
    save_packed(tmp_path / 'ticket', source.state_dict(), ticket.masks)
    target = MaskedNetwork(nn.Conv2d(2, 4, 3))
    schedule = Fixed(str(tmp_path / 'ticket'))
    schedule.resolve(10, None, 'schedule')
    schedule.fits(target)
    schedule.change(target, 0)
    assert target.digest() == ticket.digest()
    with pytest.raises(ConfigError, match='of another network'):
        schedule.fits(MaskedNetwork(nn.Conv2d(2, 5, 3)))


def test_fixed_without_a_ticket_keeps_the_zeros_that_are_there():
    network = nn.Conv2d(2, 4, 3)
    schedule = Fixed()
    schedule.resolve(10, None, 'schedule')
    with pytest.raises(ConfigError, match='no zeros to keep'):
        schedule.change(MaskedNetwork(network), 0)
    with torch.no_grad():
        network.weight[0].zero_()
    masked = MaskedNetwork(network)
    schedule.change(masked, 0)
    assert masked.survivors == 54


def test_a_missing_ticket_is_named(tmp_path):
    schedule = Fixed(str(tmp_path / 'none'))
    with pytest.raises(ConfigError, match='schedule.ticket.*no such file'):
        schedule.resolve(10, None, 'schedule')
    with pytest.raises(ConfigError, match='leave density out'):
        Fixed().resolve(10, .5, 'schedule')
