from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from mmgancomp import hookimpl, plugins
from mmgancomp.errors import MMGanCompError
from mmgancomp.report import write_report

VOID = {'meta', 'br', 'img', 'wbr', 'hr'}


class Page(HTMLParser):
    """Reads a page strictly: balanced tags, unique ids, its text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.rows = [], [], [], []
        self.words, self.tags = '', []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        attrs = dict(attrs)
        self.ids += [attrs['id']] if 'id' in attrs else []
        self.links += [
            attrs[key] for key in ('src', 'href', 'xlink:href', 'action')
            if key in attrs
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != 'style':
            self.words += data


def network(nonzero, kept, **more):
    return dict(
        params=1000,
        nonzero=nonzero,
        maskable=900,
        kept=kept,
        density=kept / 900,
        macs=dict(executed=5_000_000),
        **more)


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / 'run'
    folder.mkdir()
    timing = dict(batch=8, threads=1, median=2., p10=1.9, p90=2.4)
    record = dict(
        schema=1,
        config='configs/some_config.py',
        run=dict(
            seed=7,
            device='cpu',
            wall_s=75.,
            updates=dict(generator=500),
            versions=dict(torch='2.11.0')),
        models=[
            dict(
                name='dense',
                metrics={'fid': 1.5, 'floor': .1},
                bytes=4000,
                bytes_packed=4000,
                latency_ms=timing,
                networks=dict(generator=network(1000, 900))),
            dict(
                name='agp-<90>',
                metrics={'fid': 30.},
                bytes=4000,
                bytes_packed=500,
                networks=dict(
                    generator=network(
                        190,
                        90,
                        history=[[0, 1.], [10, .1]],
                        layers=[dict(name='c1', params=900, kept=90)]))),
        ])
    (folder / 'compression.json').write_text(json.dumps(record))
    Image.new('L', (30, 10)).save(folder / 'grid.png')
    return folder


def read(path):
    return Page(path.read_text())


def test_page_stands_alone_and_is_well_formed(run):
    path = write_report([run])
    assert path == run / 'report.html'
    page = read(path)
    assert len(page.ids) == len(set(page.ids))
    assert not {'script', 'link', 'iframe', 'object'} & set(page.tags)
    for link in page.links:
        assert link.startswith(('data:image/png;base64,', '#')), link
        if link.startswith('#'):
            assert link[1:] in page.ids
    text = path.read_text()
    addresses = set(re.findall(r'https?://[^\s"\'<>]+', text))
    # Names of XML vocabularies, which nothing ever fetches.
    assert addresses <= {
        'http://www.w3.org/2000/svg', 'http://www.w3.org/1999/xlink'
    }
    assert '@import' not in text and 'url(http' not in text


def test_page_says_what_was_run_and_found(run):
    words = read(write_report([run])).words
    for expected in ('some_config', 'seed 7', '1 min 15 s', 'torch 2.11.0',
                     '500 of generator', 'batch 8 on 1 thread'):
        assert expected in words, expected
    assert ('agp-<90> keeps 10.0 % of its maskable weights, has 190 non-zero '
            'parameters (5.3 × fewer), packs into 500 B (8.0 × smaller than '
            'the plain file of dense), and scores fid 30 against 1.5 of '
            'dense.') in words
    assert 'What zeros do not give: speed' in words


def test_no_word_on_speed_without_zeros(run):
    path = run / 'compression.json'
    record = json.loads(path.read_text())
    del record['models'][1]
    path.write_text(json.dumps(record))
    assert 'do not give' not in read(write_report([path])).words


def cells(path, name):
    text = path.read_text()
    row = re.search(rf'<tr><td class="name">[^/]*</span>{name}</td>(.*?)</tr>',
                    text).group(1)
    return {
        label: Page(content).words
        for label, content in re.findall(
            r'<td data-label="([^"]*)">(.*?)</td>', row)
    }


def test_table_compares_with_the_first_model(run):
    path = write_report([run])
    found = cells(path, 'agp-&lt;90&gt;')
    assert found['non-zero'] == '190× 0.19'
    assert found['MACs'] == '5.00 Msame'
    assert found['zeros in all'] == '81.0 %'
    assert cells(path, 'dense')['non-zero'] == '1,000'


def test_what_was_not_measured_is_a_dash(run):
    found = cells(write_report([run]), 'agp-&lt;90&gt;')
    assert found['latency'] == '–'
    assert found['floor'] == '–'


def test_a_measured_zero_is_a_zero(run):
    path = run / 'compression.json'
    record = json.loads(path.read_text())
    record['models'][1]['metrics']['fid'] = 0
    path.write_text(json.dumps(record))
    assert cells(write_report([run]), 'agp-&lt;90&gt;')['fid'] == '0'


def test_images_travel_in_the_page(run):
    page = read(write_report([run]))
    image, = [link for link in page.links if link.startswith('data:')]
    content = base64.b64decode(image.partition(',')[2])
    assert content == (run / 'grid.png').read_bytes()


def test_curves_are_drawn(run):
    page = read(write_report([run]))
    assert page.tags.count('svg') == 2  # cost against fid, and sparsity
    assert 'sparsity over the run' in page.words


def test_a_damaged_image_is_left_out(run):
    (run / 'grid.png').write_bytes(b'no image')
    assert 'img' not in read(write_report([run])).tags


def test_same_records_same_page(run, tmp_path):
    pages = [
        write_report([run], tmp_path / name).read_bytes()
        for name in ('1.html', '2.html')
    ]
    assert pages[0] == pages[1]


def test_several_runs_on_one_page(run, tmp_path):
    other = tmp_path / 'other'
    other.mkdir()
    (other / 'compression.json').write_text(
        (run / 'compression.json').read_text().replace('some_', 'another_'))
    path = write_report([run, other], tmp_path / 'both.html')
    page = read(path)
    assert 'some_config · another_config' in page.words
    assert '4 models' in page.words and '2 runs' in page.words
    assert 'dense · other' in page.words
    assert len(page.ids) == len(set(page.ids))


def test_a_wrong_record_leaves_an_older_page_alone(run):
    path = write_report([run])
    before = path.read_bytes()
    (run / 'compression.json').write_text('{"schema": 1}')
    with pytest.raises(MMGanCompError):
        write_report([run])
    assert path.read_bytes() == before
    assert not list(run.glob('.*'))


def test_plugins_add_sections(run):

    class Plugin:

        @hookimpl
        def mmgancomp_report_sections(self, record):
            return [f'<p>seen: {len(record["models"])} models</p>']

    plugin = Plugin()
    plugins.manager().register(plugin)
    try:
        assert 'seen: 2 models' in read(write_report([run])).words
    finally:
        plugins.manager().unregister(plugin)


def test_rounds_of_one_run_have_names_of_their_own(tmp_path):
    from mmgancomp.report.load import load_runs
    from mmgancomp.report.rows import rows_of
    from mmgancomp.runtime.record import write_record
    models = [{'name': 'imp', 'round': n, 'metrics': {'fid': 3.},
               'networks': {}} for n in (0, 1)]
    write_record(tmp_path / 'compression.json', {'models': models})
    names = [row.name for row in rows_of(load_runs([tmp_path]))]
    assert names == ['imp · round 0', 'imp · round 1']


def test_macs_as_a_paper_counts_them_stand_beside(tmp_path):
    counted = network(1000, 900)
    counted['macs'] = dict(executed=5_000_000, paper=7_000_000)
    counted['conventions'] = dict(paper='DGL-GAN, Table 9')
    other = dict(network(500, 400), role='discriminator')
    record = dict(
        schema=1,
        models=[
            dict(
                name='only',
                networks=dict(generator=counted, discriminator=other))
        ])
    (tmp_path / 'compression.json').write_text(json.dumps(record))
    text = write_report([tmp_path]).read_text()
    page = Page(text)
    assert page.words.count('MACs, paper') >= 2
    assert '7.00 M' in page.words and '5.00 M' in page.words
    assert 'published tables (DGL-GAN, Table 9)' in page.words
    # Where no paper counts, nothing is said of it.
    counted['macs'].pop('paper')
    (tmp_path / 'compression.json').write_text(json.dumps(record))
    again = write_report([tmp_path]).read_text()
    assert 'MACs, paper' not in Page(again).words
