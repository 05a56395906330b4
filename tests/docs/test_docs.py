"""What the pages say is so: examples run, commands and links exist."""

from __future__ import annotations

import argparse
import inspect
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from mmengine import Config
from mmengine.runner import Runner

import mmgancomp.registry
from mmgancomp.cli import main
from mmgancomp.cli.common import load_config
from mmgancomp.cli.plan import plan
from mmgancomp.runtime.entries import check_hooks
from mmgancomp.runtime.record import read_record
from mmgancomp.search import NORMAL_OPERATIONS
from mmgancomp.sparsity import registry as names
from mmgancomp.sparsity.settings import OPTIONS
from tests.support import examples, teaching, tiny
from tests.support.pages import (
    PAGES,
    ROOT,
    Block,
    anchors,
    blocks,
    commands,
    links,
)

pytestmark = tiny.STOCK_WARNINGS

PYTHON = [block for page in PAGES for block in blocks(page, 'python')]


def is_config(block: Block) -> bool:
    """Whether a block is (a piece of) a config: assignments alone."""
    return 'import ' not in block.text and bool(
        re.search(r'^(_base_|\w+) = ', block.text, re.M)
        and not re.search(r'^(class|def|@|assert|print)\b', block.text, re.M))


CONFIGS = [block for block in PYTHON if is_config(block)]
SLIM = [block for block in CONFIGS if 'mmgancomp.Slimmed' in block.text]
WHOLE = [
    block for block in CONFIGS
    if block.text.startswith('_base_') and block not in SLIM
]
GATED = [block for block in CONFIGS if 'mmgancomp.Gated' in block.text]
PIECES = [
    block for block in CONFIGS if block not in WHOLE + SLIM + GATED
]
SCRIPTS = [
    page for page in PAGES
    if any(not is_config(block) for block in blocks(page, 'python'))
]


def by_page(pages: list[Path]) -> pytest.MarkDecorator:
    """Parametrise by page."""
    return pytest.mark.parametrize(
        'page', pages, ids=lambda p: p.relative_to(ROOT).as_posix())


def test_there_is_something_to_check():
    assert GATED and len(WHOLE) >= 3 and len(PIECES) >= 5 and len(SCRIPTS) >= 4


@by_page(SCRIPTS)
def test_python_examples_run(page, tmp_path, monkeypatch):
    """One after the other, as somebody reads them."""
    monkeypatch.chdir(tmp_path)
    kept = {
        registry: dict(registry.module_dict)
        for registry in (names.CRITERIA, names.ALLOCATIONS,
                         names.GRANULARITIES, names.SCHEDULES,
                         NORMAL_OPERATIONS)
    }
    namespace: dict[str, Any] = {'__name__': 'example'}
    try:
        for block in blocks(page, 'python'):
            if not is_config(block):
                exec(compile(block.text, str(block), 'exec'), namespace)
    finally:
        for registry, modules in kept.items():
            registry.module_dict.clear()
            registry.module_dict.update(modules)


@pytest.mark.parametrize('block', WHOLE, ids=str)
def test_whole_configs_are_read_and_plan(block, tmp_path):
    path = tmp_path / 'example.py'
    path.write_text(block.text)
    config = load_config(str(path))
    check_hooks(config)
    more = {}
    if config.train_cfg.get('type'):
        more['train_cfg'] = dict(config.train_cfg.to_dict(), _delete_=True)
    if 'ema_config' in block.text:
        more['model'] = dict(ema_config=config.model.ema_config.to_dict())
    hooks = dict(sparsity=config.default_hooks.sparsity.to_dict())
    document = examples.planned(block.text,
                                dict(more, default_hooks=hooks), tmp_path)
    shown = {row['mechanism'] for row in document['mechanisms']}
    assert shown == {'sparsity', 'lottery'} if 'IMP' in block.text else {
        'sparsity'}


@pytest.mark.parametrize('block', PIECES, ids=str)
def test_pieces_of_configs_fit(block, tmp_path, monkeypatch):
    """Their hooks plan; other entries override something that is there."""
    monkeypatch.chdir(tmp_path)
    piece = Config.fromstring(block.text, '.py').to_dict()
    hooks = piece.pop('default_hooks', None)
    if hooks is not None:
        document = examples.planned(block.text, dict(default_hooks=hooks),
                                    tmp_path)
        shown = {row['mechanism'] for row in document['mechanisms']}
        assert shown == set(hooks)
    stock = load_config(f'mmagic::{tiny.FAMILIES["cyclegan"]}')
    # Names that a page tells the user to add.
    extra = {'custom_imports'}
    assert set(piece) - extra <= set(stock.to_dict())


@pytest.mark.parametrize('block', GATED, ids=str)
def test_configs_with_gates_plan(block, tmp_path):
    base = tiny.config('sngan_proj', tmp_path, iterations=20000)
    path = tmp_path / 'example.py'
    path.write_text(f'_base_ = [{base.filename!r}]\n{block.text}')
    config = load_config(str(path))
    config.default_hooks.distillation.teacher = teaching.teacher_of(
        'sngan_proj', tmp_path, wider=True)
    found = plan(config)['mechanisms']
    assert {row['mechanism'] for row in found} == {'gates', 'distillation'}


@pytest.mark.parametrize('block', SLIM, ids=str)
def test_configs_that_narrow_plan(block, tmp_path):
    family = examples.family_of(block.text)
    base = tiny.config(family, tmp_path, iterations=1000)
    path = tmp_path / 'example.py'
    path.write_text(
        re.sub(r"^_base_ = .*$", f'_base_ = [{base.filename!r}]', block.text,
               flags=re.M))
    networks = plan(load_config(str(path)))['networks']
    assert any(
        network.get('channels')
        and network['params'] < network['params_before']
        for network in networks.values())


def test_the_config_on_shipped_pictures_trains(tmp_path):
    block, = (b for b in WHOLE if 'mmgancomp::_base_' in b.text)
    path = tmp_path / 'example.py'
    path.write_text(block.text)
    config = load_config(str(path))
    config.merge_from_dict({
        'work_dir': str(tmp_path),
        'train_cfg.max_iters': 2,
        'train_dataloader.batch_size': 1,
        'default_hooks.sparsity.networks.generator.schedule': 'OneShot'
    })
    runner = Runner.from_cfg(config)
    runner.train()
    networks = read_record(tmp_path)['models'][0]['networks']
    densities = [n['density'] for n in networks.values() if 'density' in n]
    assert densities == pytest.approx([0.2, 0.2], abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize('block', WHOLE, ids=str)
def test_whole_configs_plan_at_full_size(block, tmp_path):
    path = tmp_path / 'example.py'
    path.write_text(block.text)
    config = load_config(str(path))
    document = plan(config)
    networks = config.default_hooks.sparsity.networks
    rows = [r for r in document['mechanisms'] if r['mechanism'] == 'sparsity']
    assert rows
    for row in rows:
        role = document['networks'][row['network']]['role']
        # Ten rounds take a fifth each.
        density = networks[role].get('density', 0.8**10)
        assert row['kept'] / row['maskable'] == pytest.approx(
            density, abs=1e-4)


def parser_of(command: str) -> argparse.ArgumentParser:
    """The parser of one of our commands, which raises instead of exiting."""
    parser = argparse.ArgumentParser(prog=command, exit_on_error=False)
    main._fill(parser, command)
    return parser


def check_words(command: str, words: list[str]) -> None:
    """Fail unless the command takes these words."""
    assert command in main.COMMANDS
    parser = parser_of(command)
    flags = {flag for action in parser._actions
             for flag in action.option_strings}
    given = {word for word in words if re.fullmatch(r'--?[a-z][\w-]*', word)}
    assert given <= flags
    for word in words:
        assert not word.startswith('configs/') or (ROOT / word).is_file()
    if words and given.isdisjoint({'--help', '--json'}):
        # Brackets and dots stand for what may follow.
        parser.parse_args([
            word for word in words if word != '…' and not word.startswith('[')
        ])


@by_page(PAGES)
def test_commands_exist(page):
    targets = set(
        re.findall(r'^([a-z-]+):', (ROOT / 'Makefile').read_text(), re.M))
    for words in commands(page):
        while words and re.fullmatch(r'[A-Z_]+=.*', words[0]):
            words = words[1:]
        if not words:
            continue  # a variable for the lines that follow
        program, rest = words[0], words[1:]
        if program == 'make':
            assert rest[0] in targets, words
        elif program == 'mmgancomp' and rest[0] == 'hello':
            assert page.name == 'plugins.md'  # the example's own command
        elif program == 'mmgancomp' and rest != ['--help']:
            check_words(rest[0], rest[1:])
        elif program == 'python' and rest[0].startswith('tools/'):
            assert (ROOT / rest[0]).is_file()
            check_words(Path(rest[0]).stem, rest[1:])
        elif program == 'tools/dist_train.sh':
            assert (ROOT / program).is_file() and rest[1].isdigit()
            check_words('train', [rest[0], *rest[2:]])
        elif program == 'tools/slurm_train.sh':
            assert (ROOT / program).is_file()
            check_words('train', [rest[2], '--work-dir', *rest[3:]])
        else:
            assert (program, *rest) in {
                ('mmgancomp', '--help'),
                ('.', '.venv/bin/activate'),
            }, words


@by_page(PAGES)
def test_links_lead_somewhere(page):
    for target in links(page):
        if re.match(r'\w+:', target):
            assert target.startswith('https://')
            continue
        path, _, anchor = target.partition('#')
        linked = (page.parent / path).resolve() if path else page
        assert linked.exists(), f'{page.name}: {target}'
        assert ROOT in (linked, *linked.parents)
        if anchor:
            assert anchor in anchors(linked), f'{page.name}: {target}'


def test_every_page_is_in_the_index():
    index = ROOT / 'docs' / 'index.md'
    linked = {(index.parent / target).resolve() for target in links(index)}
    assert set((ROOT / 'docs').glob('*.md')) - {index} <= linked


@pytest.mark.parametrize('registry', [
    names.SCHEDULES, names.CRITERIA, names.ALLOCATIONS, names.GRANULARITIES
], ids=lambda r: r.name)
def test_every_part_of_masks_is_described(registry):
    text = (ROOT / 'docs' / 'sparsity.md').read_text()
    for name, cls in registry.module_dict.items():
        # As an entry of the list of its kind.
        assert re.search(rf'^\* (`{name}[`(:]|{name}[ ,:])', text,
                         re.M), f'{registry.name} {name}'
        assert cls.__doc__


def test_every_loss_term_is_described_with_its_defaults():
    from mmgancomp.distillation import LOSS_TERMS
    text = (ROOT / 'docs' / 'distillation.md').read_text()
    for name, kind in LOSS_TERMS.module_dict.items():
        if not kind.__module__.startswith('mmgancomp.'):
            continue
        weight = inspect.signature(kind).parameters['loss_weight'].default
        places = ' or '.join(place[0].upper() for place in kind.places)
        assert f'| `{name}` | {places} | {weight} |' in text, name
        assert re.search(rf'^\* `{name}\(', text, re.M), name


def test_every_option_of_a_teacher_is_described():
    from mmgancomp.distillation import hook, settings
    text = (ROOT / 'docs' / 'distillation.md').read_text()
    for option in (*settings.TEACHER, *hook.OPTIONS):
        assert re.search(rf'^\| `{option}` \|', text, re.M), option


def test_every_option_is_described():
    text = (ROOT / 'docs' / 'sparsity.md').read_text()
    for option in OPTIONS:
        assert re.search(rf'^\| `{option}` \|.*\|.*\|$', text, re.M), option


def test_defaults_are_those_of_the_schedules():
    text = (ROOT / 'docs' / 'sparsity.md').read_text()
    table = text.split('## Defaults')[1]
    header, = re.findall(r'^\| Option \|(.*)\|$', table, re.M)
    columns = [cell.strip(' `') for cell in header.split('|')]
    assert set(columns) == set(names.SCHEDULES.module_dict)

    def cells(option):
        row, = re.findall(rf'^\| `{option}` \|(.*)\|$', table, re.M)
        return dict(zip(columns, (c.strip() for c in row.split('|'))))

    for name, cls in names.SCHEDULES.module_dict.items():
        schedule = cls()
        for option in ('criterion', 'allocation'):
            shown = (f'`{getattr(schedule, option)}`'
                     if schedule.wants_density else 'refused')
            assert cells(option)[name].startswith(shown)
        for option, value in vars(schedule).items():
            if not option.startswith('_') and value is not None and (
                    option != 'weights_needed'):
                assert cells(option)[name].startswith(f'`{value!r}`')


@pytest.mark.parametrize('registry', [
    'HOOKS', 'LOOPS', 'MODELS', 'DATASETS', 'METRICS', 'MODEL_WRAPPERS'
])
def test_every_component_is_described(registry):
    found = getattr(mmgancomp.registry, registry)
    found.import_from_location()
    text = '\n'.join(page.read_text() for page in PAGES)
    # Tests register parts of their own.
    ours = [name for name, part in found.module_dict.items()
            if part.__module__.startswith('mmgancomp.')]
    assert ours or registry == 'LOOPS'
    for name in ours:
        assert f'mmgancomp.{name}' in text, name


def test_every_command_is_described():
    text = (ROOT / 'README.md').read_text()
    for command in main.COMMANDS:
        assert f'`mmgancomp {command}' in text, command


def test_every_plugin_hook_is_described():
    from mmgancomp import hookspecs
    text = (ROOT / 'docs' / 'plugins.md').read_text()
    hooks = [name for name in vars(hookspecs) if name.startswith('mmgancomp_')]
    assert hooks
    for name in hooks:
        assert f'`{name}(' in text


def test_every_question_to_a_family_is_described():
    from mmgancomp.families import Family
    text = (ROOT / 'docs' / 'plugins.md').read_text()
    helpers = {'not_offered', 'accumulation_of'}
    for name, value in vars(Family).items():
        if callable(value) and not name.startswith('_'):
            assert name in helpers or f'`{name}(' in text, name


def tracked() -> list[Path]:
    """The files that are in the repository."""
    listed = subprocess.run(['git', 'ls-files', '-z'],
                            cwd=ROOT,
                            capture_output=True,
                            text=True)
    if listed.returncode:
        pytest.skip('not a checkout')
    return [ROOT / name for name in listed.stdout.split('\0') if name]


def test_no_file_names_a_machine():
    # Written so that this file does not match itself.
    roots = '|'.join(['wor' + 'k', 'tm' + 'p', 'roo' + 't', 'hom' + 'e'])
    pattern = re.compile(rf'(?<![\w.~}}*<-])/({roots})/\w|\bshare' + r'd/\w')
    found = []
    for path in tracked():
        try:
            text = path.read_text()
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture; or deleted and not committed yet
        found += [
            f'{path.relative_to(ROOT).as_posix()}: {match[0]}'
            for match in pattern.finditer(text)
        ]
    assert not found


def test_shares_of_packed_files_are_those_of_the_benchmark():
    kept = json.loads(
        (ROOT / 'benchmarks' / 'results' / 'packed.json').read_text())
    text = (ROOT / 'docs' / 'export.md').read_text()
    for name, row in kept['results'].items():
        layers = row['layers'] and f'dict(include={row["layers"]["include"]})'
        shown = f'`{layers}`' if layers else 'as by default'
        alone = row['convolutions_alone']['file_over_dense']
        assert row['file']['file_over_dense'] <= 0.14, name
        assert (f'| {name} | {shown} | {alone:.3f} | '
                f'{row["with_layers"]["file_over_dense"]:.3f} | '
                f'{row["density"]:g} | '
                f'{row["file"]["file_over_dense"]:.3f} |') in text


def test_sizes_of_the_student_are_those_of_the_benchmark():
    kept = json.loads(
        (ROOT / 'benchmarks' / 'results' / 'ppcd_sizes.json').read_text())
    text = (ROOT / 'docs' / 'ppcd_gan.md').read_text()
    for row in kept['results']['rows']:
        share = '–' if row['keep'] == 1 else f'{row["keep"]:g}'
        assert (f'| {row["structure"]} | {share} | {row["params"]:,} | '
                f'{row["macs"] / 1e9:.3f} G |') in text
