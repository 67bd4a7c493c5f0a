"""An inspection as one HTML file that needs nothing else: no network, no scripts.  Pure.

Its policy allows its own style, by its hash, and images that stand in the file; every word of the
source is escaped.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from animesearch.datasets.inspection.facts import facts
from animesearch.datasets.inspection.model import Count, Inspection, StepFinding, TagStatistics
from animesearch.datasets.inspection.sheets import Cell, Sheet
from animesearch.datasets.inspection.style import CSS
from animesearch.datasets.inspection.text import one_line, share

TAGS: Final = 40
LABELS: Final = 40
EXAMPLES: Final = 10
CAPTION: Final = 60
"""Characters of a name, or of what was found, below a picture."""


def page(inspection: Inspection, sheets: Sequence[Sheet] = ()) -> str:
    """The whole file, as text to be written in UTF-8."""
    title = f"Inspection of {_text(inspection.source)}"
    style = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{style}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return "\n".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{title}</title>\n<style>{CSS}</style>\n</head>\n<body>",
            f"<h1>{title}</h1>",
            *_body(inspection, sheets),
            "</body>\n</html>\n",
        )
    )


def _text(text: object, most: int = 200) -> str:
    """Safe between tags and in quoted attributes."""
    return escape(one_line(text, most), quote=True)


def _body(inspection: Inspection, sheets: Sequence[Sheet]) -> Iterator[str]:
    anchors = {sheet.code: f"sheet-{place}" for place, sheet in enumerate(sheets)}
    yield _facts(inspection)
    if inspection.usable:
        yield "<h2>A space file that would clean it</h2>"
        yield f"<pre>{escape(inspection.suggestion.rstrip())}</pre>"
    yield from _refused(inspection.refused)
    if inspection.usable:
        yield from _steps(inspection, anchors)
        yield from _sizes(inspection)
    yield from _labels(inspection)
    if inspection.tags:
        yield from _tags(inspection.tags, inspection.usable)
    if sheets:
        yield "<h2>Images</h2>"
    for sheet in sheets:
        yield _sheet(sheet, anchors[sheet.code])


def _facts(inspection: Inspection) -> str:
    rows = (f"<dt>{_text(f.about)}</dt><dd>{_text(f.found, 1000)}</dd>" for f in facts(inspection))
    return f"<dl>{''.join(rows)}</dl>"


def _table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Cells are HTML already; heads that end in ``#`` stand over numbers."""
    numbers = [head.endswith("#") for head in heads]
    kinds = [' class="n"' if number else "" for number in numbers]
    top = "".join(
        f'<th scope="col"{kind}>{head.removesuffix("#")}</th>'
        for kind, head in zip(kinds, heads, strict=True)
    )
    body = "\n".join(_row(row, kinds) for row in rows)
    title = f"<caption>{caption}</caption>" if caption else ""
    return (
        f'<div class="scroll"><table>{title}<thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(cells: Sequence[str], kinds: Sequence[str]) -> str:
    inside = (f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, cells, strict=True))
    return f"<tr>{''.join(inside)}</tr>"


def _refused(refused: Sequence[Count]) -> Iterator[str]:
    if not refused:
        return
    yield "<h2>Files that cannot be used</h2>"
    heads = ("Reason", "Files#", "Meaning", "Names")
    yield _table("", heads, (_counted(count) for count in refused))


def _counted(count: Count) -> tuple[str, str, str, str]:
    shown = [
        f"{_text(example.name, 80)}{f' ({_text(example.detail, 80)})' if example.detail else ''}"
        for example in count.examples[:EXAMPLES]
    ]
    more = "<br>..." if count.count > len(shown) else ""
    return (_text(count.code), f"{count.count:,}", _text(count.meaning), "<br>".join(shown) + more)


def _steps(inspection: Inspection, anchors: dict[str, str]) -> Iterator[str]:
    yield "<h2>Cleaning steps</h2>"
    rows = (row for step in inspection.steps for row in _step(step, anchors))
    heads = ("Step", "Would drop#", "Share#", "Because")
    caption = "What each step would drop by itself, with its default options"
    yield _table(caption, heads, rows)
    for left in inspection.unasked:
        yield f'<p class="faint">{_text(left.name)} was not asked: {_text(left.why, 400)}</p>'


def _step(step: StepFinding, anchors: dict[str, str]) -> Iterator[tuple[str, str, str, str]]:
    name = _text(step.name)
    sample = f" (a sample of {step.asked:,} images was looked at)" if step.sampled else ""
    for code in step.codes:
        words = _text(code.meaning)
        if code.code in anchors:
            words = f'<a href="#{anchors[code.code]}">{words}</a>'
        yield name, f"{code.count:,}", share(code.count, step.asked), f"{words}{sample}"
    if not step.codes:
        yield name, "0", "", f"nothing to drop{sample}"


def _sizes(inspection: Inspection) -> Iterator[str]:
    sizes = inspection.sizes
    if sizes is None or sizes.different == 1:
        return
    yield "<h2>Sizes</h2>"
    shown = len(sizes.commonest)
    caption = (
        f"The {shown} commonest of {sizes.different:,}, in pixels"
        if (shown < sizes.different)
        else "In pixels"
    )
    rows = ((f"{s.width} x {s.height}", s.count) for s in sizes.commonest)
    yield _bars(caption, "Size", rows, inspection.usable)


def _bars(caption: str, head: str, rows: Iterable[tuple[str, int]], total: int) -> str:
    """Counts with their share, as a number and as a bar; the words are HTML already."""
    cells = (
        (word, f"{count:,}", share(count, total),
         f'<meter min="0" max="{total}" value="{count}" aria-hidden="true"></meter>')
        for word, count in rows
    )  # fmt: skip
    return _table(caption, (head, "Images#", "Share#", ""), cells)


def _labels(inspection: Inspection) -> Iterator[str]:
    labels = [*inspection.labels.items()]
    if not labels:
        return
    yield "<h2>Labels</h2>"
    first = f"The first {LABELS} of {len(labels):,} by name" if len(labels) > LABELS else ""
    rows = ((_text(label, 80), count) for label, count in labels[:LABELS])
    yield _bars(first, "Class", rows, inspection.usable)


def _tags(tags: TagStatistics, total: int) -> Iterator[str]:
    yield "<h2>Tags</h2>"
    rows = ((_text(tag, 80), count) for tag, count in [*tags.counts.items()][:TAGS])
    caption = f"The {min(TAGS, tags.different)} commonest of {tags.different:,}"
    yield _bars(caption, "Tag", rows, total)
    if not tags.pairs:
        return
    yield "<h3>Tags that come together</h3>"
    told = (
        '<p class="faint">Lift: how often, relative to tags that do not care for each other. '
        "Jaccard: images with both, as a share of those with either.</p>"
    )
    cells = (
        (
            _text(p.first, 80),
            _text(p.second, 80),
            f"{p.count:,}",
            f"{p.lift:.2f}",
            f"{p.jaccard:.2f}",
        )
        for p in tags.pairs
    )
    caption = f"The commonest pairs among the {tags.paired} commonest tags"
    yield told + _table(caption, ("Tag", "and tag", "Images#", "Lift#", "Jaccard#"), cells)


def _sheet(sheet: Sheet, anchor: str) -> str:
    pairs = any(cell.kept is not None for cell in sheet.cells)
    step = f"step {_text(sheet.step)}: " if sheet.step else ""
    few = len(sheet.cells) < sheet.count
    shown = f"{len(sheet.cells):,} of" if few else "all"
    sides = "; kept on the left, dropped on the right" if pairs else ""
    figures = "\n".join(_figure(cell, sheet) for cell in sheet.cells)
    return (
        f'<h3 id="{anchor}">{step}{_text(sheet.title)}</h3>\n'
        f'<p class="faint">{shown} {sheet.count:,} images{sides}</p>\n'
        f'<div class="sheet{" pairs" if pairs else ""}">\n{figures}\n</div>'
    )


def _figure(cell: Cell, sheet: Sheet) -> str:
    name, detail = _text(cell.name, CAPTION), _text(cell.detail, CAPTION)
    if cell.kept is None:
        image = _image(sheet.thumbnails[cell.index], name)
        below = f"{name}<br>{detail}" if detail else name
        return f"<figure>{image}<figcaption>{below}</figcaption></figure>"
    kept = _image(sheet.thumbnails[cell.kept], f"kept: {detail}")
    dropped = _image(sheet.thumbnails[cell.index], f"dropped: {name}")
    below = f"{detail}<br>{name}"
    return f"<figure><div>{kept}{dropped}</div><figcaption>{below}</figcaption></figure>"


def _image(jpeg: bytes, alt: str) -> str:
    data = base64.b64encode(jpeg).decode()
    return f'<img alt="{alt}" width="96" height="96" src="data:image/jpeg;base64,{data}">'
