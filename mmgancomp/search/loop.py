"""The loop that searches an architecture: weights, copies, architecture."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from mmengine.dist import is_main_process
from mmengine.logging import print_log
from mmengine.runner import IterBasedTrainLoop
from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch import Tensor

from mmgancomp.errors import ConfigError
from mmgancomp.registry import HOOKS, LOOPS
from mmgancomp.runtime import rng
from mmgancomp.runtime.agreement import check_ranks_agree
from mmgancomp.runtime.hooks import CompressionHook
from mmgancomp.runtime.state import RunState

from .edges import architecture, relax
from .gap import Architect, Players
from .history import History, write_genotypes
from .random_search import Draws
from .settings import SearchSettings
from .timeline import Place
from .worst import WorstCase

__all__ = ['DualityGapSearchLoop']


@LOOPS.register_module()
class DualityGapSearchLoop(IterBasedTrainLoop):
    """Searches the architecture of a GAN by its duality gap (alphaGAN)::

        train_cfg = dict(
            _delete_=True, type='mmgancomp.DualityGapSearchLoop',
            variant='s', architecture_dataloader=dict(…))

    An epoch is: ``inner_steps`` stock iterations of the weights; copies of
    both networks, each trained ``worst_steps`` times against the other's
    original, D's on held-out images; ``outer_steps`` steps of the
    architecture down the gap, on held-out images. Each of these steps is an
    iteration of the run; what the model reads as its iteration counts the
    first kind alone.

    Files: ``genotypes/epoch_003.json`` after each epoch, ``genotype.json``
    the latest; either names a :class:`DerivedGenerator`.

    Args:
        runner: The run.
        dataloader: Images that the weights train on.
        architecture_dataloader: A dataloader of held-out images.
        variant: ``'s'``: 20 steps of weights and of copies in an epoch;
            ``'l'``: 390.
        epochs: How many.
        inner_steps, worst_steps: In place of the variant's.
        outer_steps: Steps of the architecture in an epoch.
        targets: ``'generator'`` or ``'both'``.
        objective: ``'gap'``; ``'first_term'``, V(G, D_worst) alone;
            ``'adversarial'``, the loss of training on held-out images.
        worst_update: What the copy of a supernet trains: ``'weights'``,
            ``'architecture'`` or ``'both'``.
        worst_lr_half_after: Epoch after which the copies' rate is halved.
        split: ``'halves'``, or ``'mixed'``: the gap of training images plus
            ``lamina`` times that of held-out ones.
        lamina: See there.
        solver: ``'first_order'``, or ``'unrolled'``: through one step of the
            weights down the gap of training images.
        unrolled_lr: Rate of that step; the generator's by default.
        sampling: ``'softmax'`` or ``'gumbel'``.
        temperature: Of Gumbel-softmax.
        strategy: ``'gap'``; or a baseline of the same steps:
            ``'random_search'``, a new draw at every step, kept is that of
            the least gap among the last epoch's ``outer_steps``;
            ``'random_sampling'``, one draw per epoch, kept is that of the
            least mean gap of all epochs.
        grow: Epochs after which the generator gets another cell, as in
            ``[20, 60]``: until then images of half the size are made, and
            real ones are shrunk. All cells run from the start by default.
        architecture_begin: Epochs that train weights only, at the start.
        optimizer: Of the architecture weights.
        val_interval: Epochs between validations; the last is always
            validated.
    """

    key = 'search'
    config_key = 'train_cfg'
    read = SearchSettings.read

    def __init__(self, runner: Any, dataloader: Any,
                 architecture_dataloader: Any = None,
                 **options: Any) -> None:
        self.plan = self.read(dict(
            options, architecture_dataloader=architecture_dataloader))
        super().__init__(runner, dataloader, self.plan.shape.iterations)
        self._held_out = runner.build_dataloader(
            architecture_dataloader,
            seed=runner.seed,
            diff_rank_seed=runner._randomness_cfg.get(
                'diff_rank_seed', False))
        self._held = _InfiniteDataloaderIterator(self._held_out)
        # In time for the checkpoint that a resumed run loads.
        kind = HOOKS.get('RunStateHook')
        if not any(isinstance(hook, kind) for hook in runner.hooks):
            runner.register_hook(kind())

    @property
    def shape(self) -> Any:
        """The parts of the run."""
        return self.plan.shape

    # -- a mechanism of the run's state ----------------------------------

    def settings(self) -> dict[str, Any]:
        return self.plan.settings()

    def state_dict(self) -> dict[str, Any]:
        state = {'history': self._history.state_dict(),
                 'draws': self._draws.state_dict(),
                 'optimizer': self._architect.optimizer.state_dict()}
        if self._open:
            state['worst'] = {
                name: worst.state_dict()
                for name, worst in self._worst.items()
            }
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._history.load_state_dict(state['history'])
        self._draws.load_state_dict(state['draws'])
        self._architect.optimizer.load_state_dict(state['optimizer'])
        for name, worst in state.get('worst', {}).items():
            self._worst[name].load_state_dict(worst)
            self._open = True

    def summary(self) -> dict[str, dict[str, Any]]:
        return {
            name: {'search': self._history.summary(name)}
            for name in self.plan.searched if self._history.epochs
        }

    # -- running -----------------------------------------------------------

    def run(self) -> Any:
        """Search."""
        runner = self.runner
        self._state = state = RunState.of(runner)
        self.plan.check(
            state.context,
            [h for h in runner.hooks if isinstance(h, CompressionHook)])
        self._check_images()
        self._prepare()
        state.add(self)
        # The run's state would skip as many batches as iterations.
        batches = self.dataloader_iterator
        runner.call_hook('before_train')
        self.dataloader_iterator = batches
        runner.call_hook('before_train_epoch')
        if self._iter:
            self._go_on()
        while self._iter < self._max_iters and not self.stop_training:
            runner.model.train()
            self._iterate(self.plan.at(self._iter))
        runner.call_hook('after_train_epoch')
        runner.call_hook('after_train')
        return runner.model

    def _prepare(self) -> None:
        """Make the copies and the architecture's optimizer."""
        context, plan = self._state.context, self.plan
        self._networks = {name: context.networks[name].module
                          for name in ('generator', 'discriminator')}
        loss = partial(context.family.adversarial_loss, context.model)
        self._worst, self._open = {}, False
        for name, network in self._networks.items():
            supernet = name in plan.searched
            like = _like(context.wrappers[context.networks[name].optimizer])
            self._worst[name] = WorstCase(
                network, loss,
                None if supernet and plan.worst_update == 'architecture' else
                like,
                plan.architect_optimizer if supernet
                and plan.worst_update != 'weights' else None)
            if supernet:
                relax(network, plan.temperature
                      if plan.sampling == 'gumbel' else None)
        rate = None
        if plan.solver == 'unrolled':
            key = context.networks['generator'].optimizer
            rate = plan.unrolled_lr or context.wrappers[
                key].optimizer.defaults['lr']
        self._players = Players(
            *self._networks.values(),
            *(worst.copy for worst in self._worst.values()), loss)
        self._architect = Architect(
            self._players, plan.searched, plan.architect_optimizer,
            plan.objective, rate)
        self._history = History(plan.searched)
        self._draws = Draws(plan.strategy, context.seed,
                            self._networks['generator'])

    def _check_images(self) -> None:
        """The generator must make images of the size of the real ones."""
        generator = self._state.context.networks['generator'].module
        for key, loader in (('train_dataloader', self.dataloader),
                            ('train_cfg.architecture_dataloader',
                             self._held_out)):
            with rng.isolated():
                sample = loader.dataset[0]['data_samples'].gt_img
            if tuple(sample.shape[-2:]) != (generator.output_scale, ) * 2:
                height, width = sample.shape[-2:]
                raise ConfigError.at(
                    'model.generator.bottom_width', generator.bottom_width,
                    f'the generator makes {generator.output_scale} px, and '
                    f'the images of {key} have {height} × {width}; write '
                    f'{height // 2**len(generator.cells)}, or resize them')

    def _go_on(self) -> None:
        """Skip the batches that a killed run has used."""
        training, held = self.plan.batches(self._iter)
        print_log(f'Skip {training} batches of training and {held} of '
                  'held-out images, which have been used', logger='current')
        for _ in range(training):
            next(self.dataloader_iterator)
        for _ in range(held):
            next(self._held)
        self._state.restore_rng()

    def _iterate(self, place: Place) -> None:
        """One iteration of the run, of whatever phase."""
        runner = self.runner
        batch = None
        if place.phase == 'weights':
            batch = next(self.dataloader_iterator)
        elif place.phase != 'generator_worst':
            batch = next(self._held)
        self._grow(place, batch)
        runner.call_hook('before_train_iter', batch_idx=self._iter,
                         data_batch=batch)
        # Models take their turns, and warm up their EMA, by this number.
        runner.message_hub.update_info('iter', place.trained)
        outputs = getattr(self, f'_{place.phase}')(place, batch)
        if place.last:
            self._end_epoch(place)
        runner.call_hook('after_train_iter', batch_idx=self._iter,
                         data_batch=batch, outputs=outputs)
        self._iter += 1
        if place.last and runner.val_loop is not None and (
                (place.epoch + 1) % self.plan.val_interval == 0
                or self._iter == self._max_iters):
            self._draws.show(self._state.context.networks['generator'].ema)
            runner.val_loop.run()

    # -- phases --------------------------------------------------------------

    def _weights(self, place: Place, batch: Any) -> dict[str, Any]:
        self._draws.take(self._iter, place.epoch)
        return self.runner.model.train_step(
            batch, optim_wrapper=self.runner.optim_wrapper)

    def _discriminator_worst(self, place: Place, batch: Any) -> dict[str, Any]:
        self._renew(place)
        images = self._images(batch)
        self._draws.take(self._iter, place.epoch)
        loss = self._worst['discriminator'].as_discriminator(
            self._networks['generator'], images, self._noise(len(images)))
        return {'search/loss_discriminator_worst': loss}

    def _generator_worst(self, place: Place, batch: Any) -> dict[str, Any]:
        worst = self._worst['generator']
        self._draws.take(self._iter, place.epoch, worst.copy)
        loss = worst.as_generator(self._networks['discriminator'],
                                  self._noise(self._held_out.batch_size))
        return {'search/loss_generator_worst': loss}

    def _architecture(self, place: Place, batch: Any) -> dict[str, Any]:
        self._renew(place)
        images, training = self._images(batch), None
        if self.plan.with_training:
            more = next(self.dataloader_iterator)
            self._grow(place, more)
            training = self._images(more)
        if self._draws.random:
            self._draws.take(self._iter, place.epoch,
                             self._worst['generator'].copy)
            found = self._draws.judge(self._players, images, self._noise)
        else:
            batches = [(1., images)]
            if self.plan.split == 'mixed':
                batches = [(1., training), (self.plan.lamina, images)]
            found = self._architect.step(batches, self._noise, training)
        return self._history.note(found, self._networks)

    def _renew(self, place: Place) -> None:
        """New copies, where an epoch's search begins."""
        if place.first:
            half = place.epoch >= self.plan.worst_lr_half_after
            for worst in self._worst.values():
                worst.renew(0.5 if half else 1.)
            self._open = True

    def _grow(self, place: Place, batch: Any) -> None:
        """Let as many cells run as the epoch has; shrink real images."""
        depth = self.plan.depth(place.epoch)
        if depth is None:
            return
        generator = self._networks['generator']
        generator.depth = self._worst['generator'].copy.depth = depth
        size = generator.bottom_width * 2**depth
        for sample in () if batch is None else batch['data_samples']:
            # The mean over pixels, as if the camera had fewer of them.
            sample.gt_img = F.adaptive_avg_pool2d(
                sample.gt_img.float(), size)

    def _images(self, batch: Any) -> Tensor:
        context = self._state.context
        prepared = context.model.data_preprocessor(batch, True)
        return context.family.real_images(context.model,
                                          prepared)['discriminator']

    def _noise(self, count: int) -> Tensor:
        generator = self._networks['generator']
        return torch.randn(count, generator.noise_size,
                           device=next(generator.parameters()).device)

    def _end_epoch(self, place: Place) -> None:
        """Decide on an architecture, and write it down."""
        self._open = False
        if place.phase != 'architecture':
            return
        found = {name: self._networks[name].genotype()
                 for name in self.plan.searched}
        if self._draws.random:
            found['generator'] = self._draws.decide()
        check_ranks_agree('architecture', lambda: str([
            g.digest() for g in found.values()]) + str([
                a.tolist() for n in self.plan.searched
                for a in architecture(self._networks[n])]))
        entry = self._history.close(place.epoch + 1, found)
        if is_main_process():
            write_genotypes(self.runner.work_dir, entry, found)
        print_log(self._history.words(self.plan.epochs), logger='current')


def _like(wrapper: Any) -> Any:
    """Makes new optimizers of the kind and settings of an existing one."""
    kind, options = type(wrapper.optimizer), wrapper.optimizer.defaults
    return lambda tensors: kind(tensors, **options)
