// The charts of a trial: the score and what accompanies it, losses, gradients.
import { drawChart, look } from "./charts.js";
import { imagesText, scoreText, short } from "./format.js";
import { curveText } from "./marks.js";

/** @typedef {{images: number[], columns: Record<string, {mean: (number | null)[], low?: (number | null)[], high?: (number | null)[]}>, skipped: number}} Table */

/** Scores over images, with their intervals. @param {HTMLElement} parent @param {any} data */
export function drawScores(parent, data) {
  const metric = data.run.metric;
  const rungs = data.rungs.filter((/** @type {any} */ rung) => rung.score !== null);
  if (rungs.length === 0) return;
  const [x, y] = [rungs.map((/** @type {any} */ r) => r.images), rungs.map((/** @type {any} */ r) => r.score)];
  const halves = rungs.map((/** @type {any} */ r) => r.half);
  const noisy = halves.some((/** @type {any} */ half) => half !== null);
  drawChart(parent, "score", {
    title: `${metric} over images`,
    alt: curveText(x.map((/** @type {number} */ images, /** @type {number} */ place) => [images, y[place]]), metric),
    traces: () => [{ x, y, name: metric, mode: "lines+markers", line: { color: look(0).color, width: 2 }, marker: { size: 8 }, error_y: noisy ? { type: "data", array: halves, thickness: 1 } : undefined }],
    heads: ["images", metric, "± (95 %)", "decision"],
    rows: rungs.map((/** @type {any} */ r) => [r.images, scoreText(r.score), r.half, r.decision]),
  });
}

const COMPANIONS = {
  weight_change_g: "Change of G's weights from report to report",
  sample_diversity: "Diversity of samples, reals = 1",
  augment_p: "Strength of the augmentation",
};

/** One small chart for each number beside the score. @param {HTMLElement} parent @param {Record<string, [number, number][]>} companions */
export function drawCompanions(parent, companions) {
  for (const [name, points] of Object.entries(companions)) {
    const [x, y] = [points.map((point) => point[0]), points.map((point) => point[1])];
    drawChart(parent, `with-${name}`, {
      title: COMPANIONS[/** @type {keyof typeof COMPANIONS} */ (name)] ?? name.replaceAll("_", " "),
      alt: `from ${short(y[0])} at ${imagesText(x[0])} to ${short(y[y.length - 1])} at ${imagesText(x[x.length - 1])}`,
      traces: () => [{ x, y, name, mode: "lines+markers", line: { color: look(2).color, width: 2 }, marker: { size: 7, symbol: "diamond" } }],
      layout: () => ({ height: 180 }),
      heads: ["images", name],
      rows: points,
    });
  }
}

const LINES = [
  { key: "losses", title: "Losses per step", columns: ["loss_d", "loss_g"] },
  { key: "scores", title: "What D makes of reals and fakes", columns: ["real_score", "fake_score"] },
  { key: "right", title: "Share of right verdicts", columns: ["real_right", "fake_right"] },
  { key: "norms", title: "Gradient norms per step", columns: ["grad_norm_d", "grad_norm_g"], log: true },
];
const NAMES = { loss_d: "D", loss_g: "G", real_score: "reals", fake_score: "fakes", real_right: "reals", fake_right: "fakes", grad_norm_d: "D", grad_norm_g: "G" };

/** @param {HTMLElement} parent @param {{losses: Table | null, epochs: Table | null, gradients: Table | null}} tables */
export function drawTables(parent, tables) {
  for (const line of LINES) if (tables.losses) drawLines(parent, line, tables.losses);
  if (tables.epochs) drawLines(parent, { key: "epochs", title: "Losses per epoch", columns: ["loss_d", "loss_g"] }, tables.epochs, "lines+markers");
  if (tables.gradients) drawLayers(parent, tables.gradients);
}

/** @param {HTMLElement} parent @param {any} line @param {Table} table */
function drawLines(parent, line, table, mode = "lines") {
  const known = line.columns.filter((/** @type {string} */ name) => name in table.columns);
  if (known.length === 0 || table.images.length === 0) return;
  const means = known.map((/** @type {string} */ name) => table.columns[name].mean);
  drawChart(parent, line.key, {
    title: line.title,
    alt: known.map((/** @type {string} */ name, /** @type {number} */ n) => `${nameOf(name)} ${fromTo(means[n])}`).join(", "),
    traces: () => known.flatMap((/** @type {string} */ name, /** @type {number} */ n) => [
      ...band(table, name, n),
      { x: table.images, y: means[n], name: nameOf(name), mode, line: { color: look(n).color, dash: look(n).dash, width: 1.8 }, marker: { size: 7, symbol: look(n).symbol } },
    ]),
    layout: () => ({ yaxis: line.log ? { type: "log", exponentformat: "power" } : {} }),
    heads: ["images", ...known.map(nameOf)],
    rows: table.images.map((images, place) => [images, ...means.map((/** @type {any[]} */ mean) => mean[place])]),
  });
}

/** The least and greatest of the steps that fell into one point. @param {Table} table @param {string} name @param {number} number */
function band(table, name, number) {
  const { low, high } = table.columns[name];
  if (!low || !high) return [];
  const colour = look(number).color;
  return [{
    x: [...table.images, ...[...table.images].reverse()],
    y: [...high, ...[...low].reverse()],
    fill: "toself", fillcolor: `${colour}22`, line: { width: 0 }, mode: "lines", hoverinfo: "skip", showlegend: false,
  }];
}

/** Norms of each group of layers as a map: its colour is the power of ten. @param {HTMLElement} parent @param {Table} table */
function drawLayers(parent, table) {
  const names = Object.keys(table.columns);
  if (names.length === 0) return;
  const logs = names.map((name) => table.columns[name].mean.map((norm) => (norm ? Math.log10(norm) : null)));
  const last = names.map((name) => [name, lastOf(table.columns[name].mean)]).filter(([, norm]) => norm !== null);
  last.sort((a, b) => Number(a[1]) - Number(b[1]));
  drawChart(parent, "layers", {
    title: "Gradient norms per group of layers",
    alt: last.length ? `at last the least ${short(last[0][1])} in ${last[0][0]}, the greatest ${short(last[last.length - 1][1])} in ${last[last.length - 1][0]}` : "none",
    traces: (colours) => [{ type: "heatmap", x: table.images, y: names, z: logs, colorscale: "Cividis", hovertemplate: "%{y}<br>%{x} images<br>10^%{z:.2f}<extra></extra>", colorbar: { title: { text: "10^" }, thickness: 10, outlinecolor: colours.line } }],
    layout: () => ({ height: 120 + 18 * names.length, hovermode: "closest", yaxis: { autorange: "reversed", showgrid: false, tickfont: { size: 10 } }, xaxis: { showgrid: false } }),
    heads: ["images", ...names],
    rows: table.images.map((images, place) => [images, ...names.map((name) => table.columns[name].mean[place])]),
  });
}

/** @param {string} name */
function nameOf(name) {
  return NAMES[/** @type {keyof typeof NAMES} */ (name)] ?? name;
}

/** @param {(number | null)[]} values */
function lastOf(values) {
  return values.findLast((value) => value !== null) ?? null;
}

/** @param {(number | null)[]} values */
function fromTo(values) {
  return `from ${short(values.find((value) => value !== null))} to ${short(lastOf(values))}`;
}
