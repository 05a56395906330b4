"""Wrong configs: what stands in them, and what the error has to say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ['CASES', 'Wrong', 'masks', 'stages']

# Files that the cases may name; `{folder}` is replaced by where they are.
TICKET, OTHER_TICKET = '{folder}/ticket', '{folder}/other-ticket'
WIDE_TICKET = '{folder}/wide-ticket'
DAMAGED, NOTHING = '{folder}/damaged.pth', '{folder}/nothing.pth'
STRANGE = '{folder}/strange.pth'

MASKS = 'default_hooks.sparsity'
G, D = f'{MASKS}.networks.generator', f'{MASKS}.networks.discriminator'
STAGES = 'default_hooks.stages'


@dataclass(frozen=True)
class Wrong:
    """A wrong config: a stock one with some entries more.

    Attributes:
        name: What is wrong.
        entries: Top-level entries of the config.
        key: Config key that the error names.
        value: The value that it shows.
        remedy: Part of what it says to write instead.
        bare: Whether a Runner finds it too, whatever script made it.
    """

    name: str
    entries: dict[str, Any]
    key: str
    value: Any
    remedy: str
    bare: bool = field(default=True, kw_only=True)

    def __str__(self) -> str:
        return self.name.replace(' ', '_')


def masks(networks: Any = None, /, **others: Any) -> dict[str, Any]:
    """The entries of a config with masks, in default_hooks."""
    if networks is not None:
        others['networks'] = networks
    return dict(
        default_hooks=dict(
            sparsity=dict(type='mmgancomp.SparsityHook', **others)))


def generator(**options: Any) -> dict[str, Any]:
    return masks(dict(generator=options))


def half(**options: Any) -> dict[str, Any]:
    return generator(density=0.5, **options)


def schedule(type: str, **options: Any) -> dict[str, Any]:
    return half(schedule=dict(type=type, **options))


def stages(*entries: Any) -> dict[str, Any]:
    """The entries of a config with stages, in default_hooks."""
    return dict(
        default_hooks=dict(
            stages=dict(type='mmgancomp.StageHook', stages=list(entries))))


NETWORKS = [
    Wrong('network that the model lacks',
          masks(dict(generater=dict(density=.5))),
          f'{MASKS}.networks.generater', dict(density=.5),
          "did you mean 'generator'?"),
    Wrong('network of another family',
          masks({'generators.photo': dict(density=.5)}),
          f'{MASKS}.networks.generators.photo', dict(density=.5),
          'known: discriminator, generator'),
    Wrong('no networks', masks({}), f'{MASKS}.networks', {},
          'for example dict(generator=dict(density=0.1))'),
    Wrong('networks left out', masks(), f'{MASKS}.networks', None,
          'for example dict(generator=dict(density=0.1))'),
    Wrong('networks as a list', masks(['generator']), f'{MASKS}.networks',
          ['generator'], 'for example dict(generator=dict(density=0.1))'),
    Wrong('density in place of options', masks(dict(generator=.1)), G, .1,
          'like dict(density=0.1)'),
    Wrong('option of the hook',
          masks(dict(generator=dict(density=.5)), interval=100),
          f'{MASKS}.interval', 100, 'known: networks'),
    Wrong('option of a network', half(sparsity=.9), f'{G}.sparsity', .9,
          'known: allocation, criterion, density'),
    Wrong('option where a role and a network mix',
          masks(dict(generator=dict(density=.5),
                     discriminator=dict(density=.5, critrion='random'))),
          f'{D}.critrion', 'random', "did you mean 'criterion'?"),
]

DENSITIES = [
    Wrong('density 0', generator(density=0), f'{G}.density', 0,
          'above 0 and up to 1'),
    Wrong('density in percent', generator(density=10), f'{G}.density', 10,
          '0.1 keeps every tenth'),
    Wrong('negative density', generator(density=-.1), f'{G}.density', -.1,
          'above 0'),
    Wrong('density that is no number', generator(density=float('nan')),
          f'{G}.density', float('nan'), 'write the share'),
    Wrong('density as a string', generator(density='0.1'), f'{G}.density',
          '0.1', 'a number above 0'),
    Wrong('density as a flag', generator(density=True), f'{G}.density', True,
          'a number above 0'),
    Wrong('density left out', generator(criterion='random'), f'{G}.density',
          None, 'write the share of weights to keep'),
    Wrong('density that keeps nothing', generator(density=1e-6),
          f'{G}.density', 1e-6, 'write at least'),
]

GRANULARITIES = [
    Wrong('n:m with another density', half(granularity='1:4'),
          f'{G}.density', .5, 'write that, or leave density out'),
    Wrong('n:m under a ramp',
          generator(granularity='2:4', density=.5,
                    schedule=dict(type='AGP', end=4, interval=1)),
          f'{G}.granularity', '2:4', "use schedule='OneShot'"),
    Wrong('n:m with an allocation',
          generator(granularity='2:4', allocation='erk'), f'{G}.allocation',
          'erk', 'leave allocation out'),
    Wrong('n:m that does not divide a layer',
          masks(dict(discriminator=dict(granularity='2:4'))),
          f'{D}.granularity', '2:4',
          "layers=dict(exclude=['from_rgb.conv_1.conv.weight_orig',"),
    Wrong('n:m the wrong way round', generator(granularity='4:2'),
          f'{G}.granularity', '4:2', 'write for example "2:4"'),
    Wrong('n:m of fractions',
          generator(granularity=dict(type='n:m', n=.5, m=4)),
          f'{G}.granularity', dict(type='n:m', n=.5, m=4),
          'write for example "2:4"'),
    Wrong('unknown granularity', half(granularity='channel'),
          f'{G}.granularity', 'channel', 'known: element, filter, kernel'),
]

NAMES = [
    Wrong('unknown criterion', half(criterion='magnitud'), f'{G}.criterion',
          'magnitud', "did you mean 'magnitude'?"),
    Wrong('list of criteria', half(criterion=['magnitude', 'random']),
          f'{G}.criterion', ['magnitude', 'random'],
          'write the name of a criterion'),
    Wrong('criterion as a number', half(criterion=0), f'{G}.criterion', 0,
          'write the name of a criterion'),
    Wrong('unknown allocation', half(allocation='ekr'), f'{G}.allocation',
          'ekr', "did you mean 'erk'?"),
    Wrong('unknown schedule', half(schedule='Agp'), f'{G}.schedule', 'Agp',
          'known: AGP, DropAndGrow, Fixed, IMP, OneShot'),
    Wrong('schedule without a type', half(schedule=dict(end=.5)),
          f'{G}.schedule.type', None,
          'known: AGP, DropAndGrow, Fixed, IMP, OneShot'),
    Wrong('option of a schedule', schedule('AGP', stop=.5),
          f'{G}.schedule.stop', .5, 'known: begin, end, interval'),
    Wrong('unknown score source', half(score_source='average'),
          f'{G}.score_source', 'average', 'known: ema, live'),
    Wrong('scores of an EMA that is not kept', half(score_source='ema'),
          f'{G}.score_source', 'ema', 'give the model an ema_config'),
]

LAYERS = [
    Wrong('include that matches nothing',
          half(layers=dict(include=['conv_blocks.*', 'conv_block.1.*'])),
          f'{G}.layers.include', 'conv_block.1.*',
          'known: conv_blocks.0.conv_1.conv.weight'),
    Wrong('exclude that matches nothing',
          half(layers=dict(exclude=['to_rgb.conv.weights'])),
          f'{G}.layers.exclude', 'to_rgb.conv.weights',
          "did you mean 'to_rgb.conv.weight'?"),
    Wrong('everything excluded', half(layers=dict(exclude=['*'])),
          f'{G}.layers', dict(exclude=['*']), 'exclude less'),
    Wrong('nothing included', half(layers=dict(include=[])), f'{G}.layers',
          dict(include=[]), 'include more'),
    Wrong('list of layers', half(layers=['conv_blocks.*']), f'{G}.layers',
          ['conv_blocks.*'], "write dict(include=['glob'"),
    Wrong('option of layers', half(layers=dict(includes=['*'])),
          f'{G}.layers.includes', ['*'], "did you mean 'include'?"),
    Wrong('number for a glob', half(layers=dict(exclude=3)),
          f'{G}.layers.exclude', 3, 'write a list of globs'),
]

# In 10 iterations of this config the generator is updated 5 times.
TIMES = [
    Wrong('ramp beyond the run', schedule('AGP', end=8),
          f'{G}.schedule.end', 8, 'this run has only 5 updates'),
    Wrong('ramp that ends before it begins', schedule('AGP', begin=4, end=3),
          f'{G}.schedule.begin', 4, 'must begin before it ends, at update 3'),
    Wrong('interval longer than the ramp',
          schedule('AGP', end=4, interval=100), f'{G}.schedule.interval',
          100, 'write at most 4'),
    Wrong('interval 0', schedule('AGP', end=4, interval=0),
          f'{G}.schedule.interval', 0, 'at least 1'),
    Wrong('interval as a fraction', schedule('AGP', end=4, interval=.1),
          f'{G}.schedule.interval', .1, 'write a number of updates'),
    Wrong('interval as a flag', schedule('AGP', end=4, interval=True),
          f'{G}.schedule.interval', True, 'write a number of updates'),
    Wrong('start denser than all',
          schedule('AGP', end=4, interval=1, start_density=.2),
          f'{G}.schedule.start_density', .2, 'between the final density'),
    Wrong('time that is one or all', schedule('AGP', end=1.),
          f'{G}.schedule.end', 1.,
          'write 1 for the first update or "end" for the whole run'),
    Wrong('time as a flag', schedule('OneShot', begin=True),
          f'{G}.schedule.begin', True, 'write 1 for the first update'),
    Wrong('time before the run', schedule('OneShot', begin=-1),
          f'{G}.schedule.begin', -1, 'an int from 0'),
    Wrong('time in words', schedule('OneShot', begin='later'),
          f'{G}.schedule.begin', 'later', '"start" or "end"'),
    Wrong('one shot after the run', schedule('OneShot', begin=6),
          f'{G}.schedule.begin', 6, 'this run has only 5 updates'),
]

FIXED = [
    Wrong('Fixed with a density', schedule('Fixed', ticket=TICKET),
          f'{G}.density', .5, 'leave density out'),
    Wrong('Fixed with a criterion',
          generator(schedule='Fixed', criterion='random'), f'{G}.criterion',
          'random', 'leave criterion out'),
    Wrong('Fixed with a granularity',
          generator(schedule='Fixed', granularity='filter'),
          f'{G}.granularity', 'filter', 'leave granularity out'),
    Wrong('ticket that is not there',
          generator(schedule=dict(type='Fixed', ticket=NOTHING)),
          f'{G}.schedule.ticket', NOTHING, 'name a packed file'),
    Wrong('ticket of another network',
          generator(schedule=dict(type='Fixed', ticket=OTHER_TICKET)),
          f'{G}.schedule.ticket', OTHER_TICKET, 'name one of this network'),
    Wrong('ticket of more layers',
          generator(schedule=dict(type='Fixed', ticket=WIDE_TICKET)),
          f'{G}.schedule.ticket', WIDE_TICKET,
          'it also masks noise2feat.weight'),
    Wrong('no zeros to keep', generator(schedule='Fixed'),
          f'{G}.schedule.ticket', None, 'name a ticket, or load a pruned'),
]

GROWTH = f'{G}.schedule'
GROWING = [
    Wrong('masks that would never move',
          schedule('DropAndGrow'), f'{GROWTH}.interval', 1000,
          'from update 0 to 5 of 5 no interval of 1000 ends'),
    Wrong('growth by nothing known',
          schedule('DropAndGrow', interval=2, growth='gradients'),
          f'{GROWTH}.growth', 'gradients', "did you mean 'gradient'?"),
    Wrong('growth by a momentum that is not there',
          dict(optim_wrapper=dict(generator=dict(
              optimizer=dict(_delete_=True, type='SGD', lr=.1))),
               **schedule('DropAndGrow', interval=2, growth='momentum')),
          f'{GROWTH}.growth', 'momentum', "or write growth='gradient'"),
    Wrong('more to drop than there is',
          schedule('DropAndGrow', interval=2, drop_fraction=2),
          f'{GROWTH}.drop_fraction', 2, 'write a share from 0 to 1'),
    Wrong('n:m masks that would move',
          generator(granularity='2:4',
                    schedule=dict(type='DropAndGrow', interval=2)),
          f'{G}.granularity', '2:4', 'passes through densities that'),
    Wrong('draw by chance and by magnitude',
          half(criterion='magnitude', schedule=dict(
              type='DropAndGrow', interval=2, init_draw='bernoulli')),
          f'{GROWTH}.init_draw', 'bernoulli', 'leave criterion out'),
    Wrong('average that ignores masks',
          dict(model=dict(ema_config=dict(type='mmgancomp.SEMA',
                                          rule='plain')), **half()),
          'model.ema_config.rule', 'plain', 'would not stay sparse'),
]



def rounds(networks: Any = None, /, **loop: Any) -> dict[str, Any]:
    """The entries of a lottery ticket run."""
    imp = dict(generator=dict(schedule='IMP'))
    return dict(
        train_cfg={'_delete_': True, 'type': 'mmgancomp.LotteryTicketLoop',
                   'max_iters': 8, 'rounds': 2, **loop},
        **masks(imp if networks is None else networks))


ROUNDS = [
    Wrong('pruning by rounds without rounds', schedule('IMP'),
          f'{G}.schedule', 'IMP', "train_cfg=dict(type='mmgancomp.Lottery"),
    Wrong('rounds that prune nothing', rounds(dict(generator=dict(
        density=.5))), MASKS, None, "write schedule='IMP' for one"),
    Wrong('no such loop', rounds(type='mmgancomp.LotteryTicketsLoop'),
          'train_cfg.type', 'mmgancomp.LotteryTicketsLoop',
          "did you mean 'mmgancomp.LotteryTicketLoop'?", bare=False),
    Wrong('option of rounds', rounds(round=3), 'train_cfg.round', 3,
          "did you mean 'rounds'?"),
    Wrong('no rounds at all', rounds(rounds=0), 'train_cfg.rounds', 0,
          'write the number of rounds, at least 1'),
    Wrong('rounds without a length', rounds(max_iters=None),
          'train_cfg.max_iters', None,
          'iterations of the dense training and of each round'),
    Wrong('rewind to nowhere', rounds(rewind='theta'), 'train_cfg.rewind',
          'theta', "did you mean 'theta0'?"),
    Wrong('rewind of no such network', rounds(rewind=dict(
        generators='theta0')), 'train_cfg.rewind.generators',
          'theta0', "did you mean 'generator'?"),
    Wrong('rewind to the end', rounds(rewind='late_8'), 'train_cfg.rewind',
          'late_8', 'that is iteration 8 of 8'),
    Wrong('rewind to two different steps', rounds(rewind=dict(
        generator='late_4', discriminator='theta0')), 'train_cfg.rewind',
          dict(generator='late_4', discriminator='theta0'),
          'would go back to different iterations, [0, 4]'),
    Wrong('rewind into an accumulation',
          dict(optim_wrapper=dict(discriminator=dict(accumulative_counts=2)),
               **rounds(rewind='late_3')), 'train_cfg.rewind', 'late_3',
          'in the midst of an accumulation of 2'),
    Wrong('another draw that nobody takes', rounds(redraw_seed=3),
          'train_cfg.redraw_seed', 3, "nothing is rewound to 'other_seed'"),
    Wrong('dense training that is not there', rounds(dense=NOTHING),
          'train_cfg.dense', NOTHING, 'there is no dense_final.pth'),
    Wrong('a share and a density', rounds(dict(generator=dict(
        density=.1, schedule=dict(type='IMP', fraction=.3)))),
          f'{G}.schedule.fraction', .3, 'give one of the two'),
    Wrong('a share of more than all', rounds(dict(generator=dict(
        schedule=dict(type='IMP', fraction=1.2)))),
          f'{G}.schedule.fraction', 1.2, 'between 0 and 1'),
    Wrong('rounds that keep all', rounds(dict(generator=dict(
        density=1, schedule='IMP'))), f'{G}.density', 1.0,
          'write less than 1'),
    Wrong('a share that leaves nothing', rounds(dict(generator=dict(
        schedule=dict(type='IMP', fraction=.99999)))),
          f'{G}.schedule.fraction', .99999, '2 rounds would leave none of'),
    Wrong('rounding of another kind', rounds(dict(generator=dict(
        schedule=dict(type='IMP', rounding='floor')))),
          f'{G}.schedule.rounding', 'floor', "known: removed, threshold"),
    Wrong('validation at no interval', rounds(val_interval=0),
          'train_cfg.val_interval', 0, 'at least 1'),
    Wrong('validation at odd intervals', rounds(dynamic_intervals=3),
          'train_cfg.dynamic_intervals', 3, 'write a list of'),
    Wrong('a draw by no seed', rounds(rewind=dict(generator='other_seed'),
                                      redraw_seed=-1),
          'train_cfg.redraw_seed', -1, 'write a whole number from 0'),
    Wrong('nothing to drop', schedule('DropAndGrow', interval=2,
                                      drop_fraction=0),
          f'{G}.schedule.drop_fraction', 0, 'nothing would be dropped'),
    Wrong('option of an average', dict(model=dict(ema_config=dict(
        type='mmgancomp.SEMA', beta=.9)), **half()),
          'model.ema_config.beta', .9, 'no such option', bare=False),
    Wrong('shuffled without a ticket', generator(schedule=dict(
        type='Fixed', shuffle=True)), f'{G}.schedule.shuffle', True,
          'there is no ticket to take anything from'),
    Wrong('values of a ticket of masks', generator(schedule=dict(
        type='Fixed', ticket=TICKET, shuffle_seed=1)),
          f'{G}.schedule.shuffle_seed', 1, 'shuffle=True beside it'),
]

PLACES = [
    Wrong('hook in the list of custom hooks',
          dict(custom_hooks=[
              dict(type='mmgancomp.SparsityHook',
                   networks=dict(generator=dict(density=.5)))
          ]), 'custom_hooks.0', 'mmgancomp.SparsityHook',
          'declare it as default_hooks.sparsity'),
    Wrong('hook under another name',
          dict(default_hooks=dict(
              pruning=dict(type='mmgancomp.SparsityHook',
                           networks=dict(generator=dict(density=.5))))),
          'default_hooks.pruning', 'mmgancomp.SparsityHook',
          'declare it as default_hooks.sparsity'),
    Wrong('two hooks of a kind',
          dict(custom_hooks=[
              dict(type='mmgancomp.StageHook', stages=[{}])
          ], **stages({})), 'custom_hooks.0', 'mmgancomp.StageHook',
          'declare it as default_hooks.stages'),
    Wrong('misspelt hook',
          dict(default_hooks=dict(
              sparsity=dict(type='mmgancomp.SparsityHok'))),
          'default_hooks.sparsity.type', 'mmgancomp.SparsityHok',
          "did you mean 'mmgancomp.SparsityHook'?", bare=False),
    Wrong('hook without its scope',
          dict(default_hooks=dict(sparsity=dict(type='SparsityHook'))),
          'default_hooks.sparsity.type', 'SparsityHook',
          "write 'mmgancomp.SparsityHook'", bare=False),
    Wrong('misspelt scope',
          dict(default_hooks=dict(
              sparsity=dict(type='mmgancmop.SparsityHook'))),
          'default_hooks.sparsity.type', 'mmgancmop.SparsityHook',
          "write 'mmgancomp.SparsityHook'", bare=False),
    Wrong('hook without its type',
          dict(default_hooks=dict(
              sparsity=dict(networks=dict(generator=dict(density=.5))))),
          'default_hooks.sparsity.type', None,
          "write type='mmgancomp.SparsityHook'", bare=False),
    Wrong('hook as a number', dict(default_hooks=dict(sparsity=.1)), MASKS,
          .1, "write dict(type='mmgancomp.SparsityHook'", bare=False),
]

RUN = [
    Wrong('run without a length',
          dict(train_cfg=dict(_delete_=True, by_epoch=False), **half()),
          'train_cfg.max_iters', None, 'write the number of iterations',
          bare=False),
    Wrong('run by epochs',
          dict(train_cfg=dict(_delete_=True, by_epoch=True, max_epochs=2),
               **half()), 'train_cfg.max_iters', None,
          'MMagic trains GANs by iteration', bare=False),
    Wrong('weights that are not there', dict(load_from=NOTHING, **half()),
          'load_from', NOTHING, 'there is no such file', bare=False),
    Wrong('weights that are damaged', dict(load_from=DAMAGED, **half()),
          'load_from', DAMAGED, 'name a checkpoint', bare=False),
    Wrong('weights of another model', dict(load_from=STRANGE, **half()),
          'load_from', STRANGE, 'name a checkpoint of this SAGAN'),
    Wrong('network without an optimizer',
          dict(optim_wrapper=dict(
              _delete_=True,
              constructor='MultiOptimWrapperConstructor',
              generator=dict(optimizer=dict(type='Adam', lr=1e-3))),
               **half()), 'optim_wrapper.discriminator', None,
          'has no optimizer for its discriminator'),
]

STAGE = [
    Wrong('no stages', stages(), f'{STAGES}.stages', [],
          'write a list of stages'),
    Wrong('stage as a number', stages(.5), f'{STAGES}.stages.0', .5,
          'write the stage as a dict'),
    Wrong('option of a stage', stages(dict(untill=.5), {}),
          f'{STAGES}.stages.0.untill', .5, "did you mean 'until'?"),
    Wrong('option of the stages',
          dict(default_hooks=dict(
              stages=dict(type='mmgancomp.StageHook', stage=[{}]))),
          f'{STAGES}.stage', [{}], "did you mean 'stages'?"),
    Wrong('stage without an end', stages({}, {}), f'{STAGES}.stages.0.until',
          None, 'only the last stage may leave it out'),
    Wrong('stage that ends before it begins',
          stages(dict(until=3), dict(until=2), {}),
          f'{STAGES}.stages.1.until', 2, 'this stage begins at 3'),
    Wrong('stage that ends after the run', stages(dict(until=7), {}),
          f'{STAGES}.stages.0.until', 7, 'the run has 5 updates'),
    Wrong('last stage that ends too soon',
          stages(dict(until=2), dict(until=4)), f'{STAGES}.stages.1.until',
          4, 'leave until out'),
    Wrong('unknown loss term', stages(dict(weights=dict(guide=.1))),
          f'{STAGES}.stages.0.weights.guide', .1, 'no such loss term'),
    Wrong('weight that is no number', stages(dict(weights=dict(guide='x'))),
          f'{STAGES}.stages.0.weights.guide', 'x', 'write a finite number'),
    Wrong('weights as a number', stages(dict(weights=.1)),
          f'{STAGES}.stages.0.weights', .1, 'like dict(guide=0.1)'),
    Wrong('reset as a word', stages(dict(reset_optimizers='yes')),
          f'{STAGES}.stages.0.reset_optimizers', 'yes',
          'write True or False'),
    Wrong('stop without a metric', stages(dict(stop=dict(factor=2.))),
          f'{STAGES}.stages.0.stop.metric', None,
          'name the validation metric'),
    Wrong('stop at the best',
          stages(dict(stop=dict(metric='fid', factor=1))),
          f'{STAGES}.stages.0.stop.factor', 1, 'write a number above 1'),
    Wrong('no patience',
          stages(dict(stop=dict(metric='fid', patience=0))),
          f'{STAGES}.stages.0.stop.patience', 0, 'from 1'),
    Wrong('option of stop', stages(dict(stop=dict(metrics='fid'))),
          f'{STAGES}.stages.0.stop.metrics', 'fid', "did you mean 'metric'?"),
    Wrong('stop without validation', stages(dict(stop=dict(metric='fid'))),
          f'{STAGES}.stages.0.stop', dict(metric='fid'),
          'give it val_cfg, val_dataloader and val_evaluator'),
]

NEIGHBOURS = [
    Wrong('priority', masks(dict(generator=dict(density=.5)), priority='FOO'),
          f'{MASKS}.priority', 'FOO', 'write a number from 0 to 100',
          bare=False),
    Wrong('option of the state hook',
          dict(
              default_hooks=dict(
                  compression=dict(type='mmgancomp.RunStateHook', x=1))),
          'default_hooks.compression.x', 1, 'has no options', bare=False),
    Wrong('average by another hook',
          half() | dict(custom_hooks=[dict(type='EMAHook')]),
          'custom_hooks.0.type', 'EMAHook', 'model.ema_config'),
    Wrong('seed that is no number',
          half(criterion=dict(type='random', seed='x')),
          'criterion.seed', 'x', 'write a whole number'),
]

CASES = [
    *NEIGHBOURS, *NETWORKS, *DENSITIES, *GRANULARITIES, *NAMES, *LAYERS,
    *TIMES, *FIXED, *GROWING, *ROUNDS, *PLACES, *RUN, *STAGE
]
