"""How the page of an inspection looks."""

from __future__ import annotations

from typing import Final

CSS: Final = """
:root{color-scheme:light dark;--paper:#fbfbf9;--ink:#1d1d20;--faint:#5d5d66;--line:#d9d9d4;
--soft:#f0f0ec;--accent:#0b57a4}
@media (prefers-color-scheme:dark){:root{--paper:#17171a;--ink:#e8e8e6;--faint:#a5a5ae;
--line:#38383e;--soft:#222226;--accent:#8ec1ff}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem 1.25rem 3rem;max-width:72rem;background:var(--paper);
color:var(--ink);font:1rem/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.2rem;margin:2.2rem 0 .6rem;border-top:1px solid var(--line);padding-top:1rem}
h3{font-size:1.05rem;margin:1.8rem 0 .4rem}
p{margin:.4rem 0}
a{color:var(--accent)}
.faint,figcaption,caption{color:var(--faint)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1rem;margin:1rem 0}
dt{color:var(--faint)}dd{margin:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
caption{text-align:left;padding-bottom:.3rem}
th,td{text-align:left;vertical-align:top;padding:.25rem 1rem .25rem 0;
border-bottom:1px solid var(--line)}
th{font-weight:600}
td,th{overflow-wrap:break-word}
.n{text-align:right;white-space:nowrap}
pre{background:var(--soft);border:1px solid var(--line);border-radius:.4rem;padding:.8rem;
overflow-x:auto;font:.9rem/1.45 ui-monospace,monospace}
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(6.25rem,1fr));gap:.9rem .6rem}
.sheet.pairs{grid-template-columns:repeat(auto-fill,minmax(12.75rem,1fr))}
figure{margin:0}
figure div{display:flex;gap:.25rem}
img{width:6rem;height:6rem;object-fit:contain;background:var(--soft);border-radius:.25rem}
figcaption{font-size:.72rem;line-height:1.3}
meter{width:7rem}
"""
