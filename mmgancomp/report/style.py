"""The page's style sheet: one column, cards on a phone, ink on paper."""

from __future__ import annotations

__all__ = ['STYLE']

STYLE = """
:root {
  color-scheme: light;
  --ink: #1d2730; --soft: #5b6873; --line: #e1e7ec; --paper: #ffffff;
  --ground: #f4f6f8; --accent: #0f6e84; --bar: #9cc9d3;
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto,
    "Helvetica Neue", Arial, sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 1200px; margin: 0 auto; padding: 40px 24px 64px; }
header { margin-bottom: 28px; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 6px;
  letter-spacing: -.015em; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 0 0 14px; letter-spacing: -.005em; }
h3 { font-size: .95rem; margin: 22px 0 8px; color: var(--soft);
  font-weight: 600; }
p { margin: 0 0 10px; }
.facts { color: var(--soft); margin: 0; }
.facts span { white-space: nowrap; }
.facts span + span::before { content: "·"; margin: 0 .5em; }
section { background: var(--paper); border: 1px solid var(--line);
  border-radius: 12px; padding: 22px 24px; margin-bottom: 20px; }
.lead { border-top: 3px solid var(--accent); }
.lead ul { margin: 0; padding: 0; list-style: none; }
.lead li { padding: 8px 0; border-top: 1px solid var(--line); }
.lead li:first-child { border-top: 0; padding-top: 0; }
.lead li:last-child { padding-bottom: 0; }
.note { border-left: 4px solid #d9a441; background: #fdf7ea;
  padding: 12px 16px; border-radius: 0 8px 8px 0; margin: 18px 0 0; }
.wide { overflow-x: auto; margin: 0 -24px; padding: 0 24px; }
table { border-collapse: collapse; width: 100%; font-size: .92rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 9px 9px; white-space: nowrap;
  border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; font-size: .8rem;
  vertical-align: bottom; line-height: 1.3; white-space: normal; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
tbody tr:last-child td { border-bottom: 0; }
td.name { font-weight: 650; white-space: normal; overflow-wrap: anywhere;
  min-width: 9em; }
td.text { text-align: left; }
.dot { display: inline-block; width: .62em; height: .62em;
  border-radius: 50%; margin-right: .5em; }
.ratio { display: block; color: var(--soft); font-size: .78rem;
  line-height: 1.3; }
.bar { display: block; height: 4px; border-radius: 2px; margin-top: 5px;
  background: var(--line); overflow: hidden; min-width: 48px; }
.bar i { display: block; height: 100%; background: var(--bar);
  border-radius: 2px; }
.figures { display: grid; gap: 24px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 430px), 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption { color: var(--soft); font-size: .86rem; margin-top: 8px;
  overflow-wrap: anywhere; }
svg, figure img { display: block; width: 100%; height: auto; }
svg text { font-family: inherit !important; }
figure img { border: 1px solid var(--line); border-radius: 8px;
  background: #fff; }
figure img.small { image-rendering: pixelated; }
details { margin-top: 10px; }
summary { cursor: pointer; color: var(--accent); font-weight: 600; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px;
  margin: 0; font-size: .92rem; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
code { font: .9em ui-monospace, SFMono-Regular, Menlo, Consolas,
  monospace; overflow-wrap: anywhere; }
footer { color: var(--soft); font-size: .86rem; }
@media screen and (max-width: 760px) {
  main { padding: 24px 14px 40px; }
  h1 { font-size: 1.5rem; }
  section { padding: 18px 16px; }
  .wide { margin: 0 -16px; padding: 0 16px; }
  table.cards thead { display: none; }
  table.cards tr { display: block; padding: 12px 0;
    border-bottom: 1px solid var(--line); }
  table.cards tbody tr:last-child { border-bottom: 0; }
  table.cards td { display: grid; grid-template-columns: 1fr auto;
    column-gap: 12px; border: 0; padding: 3px 0; text-align: right;
    white-space: normal; }
  table.cards td::before { content: attr(data-label); color: var(--soft);
    text-align: left; }
  table.cards td.name { display: block; text-align: left;
    font-size: 1.05rem; padding-bottom: 6px; }
  table.cards td.name::before { content: none; }
  table.cards td > * { grid-column: 2; }
  table.cards .bar { grid-column: 1 / -1; margin: 3px 0 5px; }
  dl { grid-template-columns: 1fr; }
  dd { margin-bottom: 8px; }
}
@media print {
  body { background: #fff; font-size: 10.5pt; }
  main { max-width: none; padding: 0; }
  section { border: 0; border-radius: 0; padding: 0 0 14px; }
  .lead { border-top: 2px solid var(--accent); padding-top: 12px; }
  .wide { overflow: visible; margin: 0; padding: 0; }
  table { font-size: 7.5pt; }
  th { font-size: 7pt; }
  .ratio { font-size: 6.5pt; }
  td.name { min-width: 6em; }
  .figures { grid-template-columns: 1fr 1fr; }
  th, td { padding: 4px 4px; }
  .bar { min-width: 24px; }
  figure, tr, .note { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
""".strip()
