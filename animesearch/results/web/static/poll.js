// Asking the server again and again, with the revision that the page holds already.
import { byId, h, show } from "./dom.js";
import { plural } from "./format.js";

const LIVE_MS = 2000;
const STILL_MS = 10000;
const SLOWEST_MS = 30000;

/**
 * @typedef {object} Poller
 * @property {() => void} again ask anew for everything, as after a change of the filter
 *
 * @param {() => string} address without `since`
 * @param {(data: any) => void} onData called only where something is new
 * @param {(problem: string, response: Response) => boolean} [onProblem] true: the page has shown it
 * @returns {Poller}
 */
export function poll(address, onData, onProblem = () => false) {
  let revision = "";
  let timer = 0;
  let failures = 0;
  let turn = 0;

  async function ask() {
    const mine = ++turn;
    clearTimeout(timer);
    let wait = STILL_MS;
    try {
      wait = await tick(mine);
    } finally {
      if (mine === turn) timer = setTimeout(ask, wait);
    }
  }

  async function tick(/** @type {number} */ mine) {
    const response = await answer(withSince(address(), revision));
    if (mine !== turn) return LIVE_MS;
    if (!response) {
      say("no answer", "broken");
      failures += 1;
      return Math.min(SLOWEST_MS, LIVE_MS * 2 ** failures);
    }
    failures = 0;
    showNotice(decodeURIComponent(response.headers.get("X-Notice") ?? ""));
    const data = await response.json();
    if (mine === turn) take(data, response);
    return document.body.dataset.still ? STILL_MS : LIVE_MS;
  }

  function take(/** @type {any} */ data, /** @type {Response} */ response) {
    if (!response.ok) {
      if (!onProblem(data.problem, response)) showProblem(data.problem);
      return;
    }
    if (data.unchanged) {
      sayState();
      return;
    }
    revision = data.revision ?? "";
    if (data.run) showFrame(data);
    onData(data);
  }

  document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(timer) : ask());
  ask();
  return {
    again() {
      revision = "";
      ask();
    },
  };
}

/** @param {string} address @param {string} revision */
function withSince(address, revision) {
  if (!revision) return address;
  return `${address}${address.includes("?") ? "&" : "?"}since=${encodeURIComponent(revision)}`;
}

/** The answer; null where the server cannot be reached. @param {string} address */
async function answer(address) {
  try {
    return await fetch(address, { cache: "no-store" });
  } catch {
    return null;
  }
}

/** Whether the search goes on, and what of the run cannot be read. @param {any} data */
function showFrame(data) {
  if (data.run.outcome) document.body.dataset.still = data.run.outcome;
  else delete document.body.dataset.still;
  sayState();
  showDamage(data.damage);
}

function sayState() {
  const still = document.body.dataset.still;
  if (still) say(still, "still");
  else if (document.body.dataset.run) say("live", "live");
}

/** What there is to know of the place of the runs, such as that it is out of reach. @param {string} notice */
function showNotice(notice) {
  const box = byId("notice");
  if (box.textContent !== notice) show(box, notice);
  box.hidden = notice === "";
}

/** @param {{where: string, problem: string}[]} damage */
function showDamage(damage) {
  const box = byId("damage");
  box.hidden = damage.length === 0;
  if (box.hidden) return;
  const lines = damage.map((one) => h("li", {}, h("code", {}, one.where), ` ${one.problem}`));
  const text = `${plural(damage.length, "record")} of this run cannot be read; the rest is shown.`;
  show(box, h("details", {}, h("summary", {}, text), h("ul", {}, ...lines)));
}

/** @param {string} problem */
export function showProblem(problem) {
  const box = byId("damage");
  box.hidden = false;
  show(box, problem);
}

/** @param {string} text @param {string} state */
function say(text, state) {
  const live = byId("live");
  if (live.textContent === text) return;
  live.textContent = text;
  live.dataset.state = state;
}
