// Runs and soaks: what there is, and how a run is started.

import { Problem, ask, path, watch } from "./api.js";
import { h, keyed, section, tell, title } from "./dom.js";
import { RUNTIMES, choice, field, form, given, paramsOf, seedOf, sheet } from "./forms.js";
import { button, errors, mention } from "./trouble.js";

const SCRIPT = `// What happens to a cluster that is cut in two?
let cut = partition([["n1"], ["n2", "n3"]]);
assert(!reachable("n1", "n2"), "n1 is cut off");
sleep("2s");
cut.heal();
wait_until("10s", || reachable("n1", "n2"));
`;

/** How a run stands, in one word. */
export const verdictOf = ({ state, verdict }) => verdict ?? (state === "ended" ? "error" : state);

/** A verdict with its colour. */
export function word(element, verdict) {
  element.className = `word ${verdict === "interrupted" ? "unknown" : verdict}`;
  tell(element, verdict);
}

const time = text => {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? text : at.toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" });
};

/** Columns of numbers stand right. */
const NUMBERS = ["Seed", "First seed", "Runs", "Passed", "Failed", "Unknown", "Errors"];

const head = columns => h("thead", {}, h("tr", {}, columns.map(text =>
  h("th", { scope: "col", class: NUMBERS.includes(text) && "number" }, text))));

function line(run) {
  return h("tr", {}, h("th", { scope: "row" }, h("a", { href: `#/runs/${encodeURIComponent(run.id)}` }, run.id)),
    h("td", {}, h("span", { class: "word" })), h("td", {}, run.script ?? ""), h("td", { class: "number" }, String(run.seed ?? "")),
    h("td", {}, run.runtime ?? ""), h("td", {}, time(run.started ?? "")));
}

/** The texts of files, by their names. */
const textsOf = async files => Object.fromEntries(await Promise.all([...files].map(async file => [file.name, await file.text()])));

/** A form that starts a run, or a soak of several. */
function start(signal) {
  const name = h("input", { value: "script.rhai", autocomplete: "off", spellcheck: "false", size: 16 });
  const script = sheet("Script", { rows: 12, placeholder: SCRIPT });
  script.file.addEventListener("change", () => { name.value = script.file.files[0]?.name ?? name.value; });
  const config = sheet("Cluster file", { rows: 8 });
  const on = choice({ "": "a cluster of its own" }), runtime = choice(RUNTIMES);
  const seed = h("input", { inputmode: "numeric", size: 12, placeholder: "a fresh one", autocomplete: "off" });
  const timeout = h("input", { size: 8, placeholder: "as usual", autocomplete: "off", spellcheck: "false" });
  const params = h("textarea", { rows: 2, spellcheck: "false", placeholder: "NAME=VALUE" });
  const verify = h("input", { type: "checkbox" }), modules = h("input", { type: "file", multiple: true });
  const count = h("input", { inputmode: "numeric", size: 4, value: "1", autocomplete: "off" });
  const own = h("div", {}, config.element, field("Runtime", runtime));
  on.addEventListener("change", () => { own.hidden = on.value !== ""; });
  watch(signal, () => 5000, async () => {
    const { clusters } = await ask("GET", "/v1/clusters", undefined, signal);
    const standing = clusters.filter(({ state }) => state === "up").map(cluster => cluster.name);
    for (const option of [...on.options].slice(1)) if (!standing.includes(option.value)) option.remove();
    for (const one of standing)
      if (![...on.options].some(option => option.value === one)) on.append(h("option", { value: one }, `${one}, which is up`));
    own.hidden = on.value !== "";
  });
  const work = async () => {
    const many = Number(count.value);
    if (!Number.isInteger(many) || many < 1) throw new Problem(0, `error: "${count.value}" is no number of runs\nhelp: write 1, or more for a soak`);
    const where = on.value ? { cluster: on.value, attach: true } : { config: given(config.area) && config.area.value, runtime: given(runtime) };
    const source = {
      script: { name: given(name) ?? "script.rhai", text: script.area.value },
      files: await textsOf(modules.files), params: paramsOf(params), ...where,
    };
    if (many > 1) {
      await ask("POST", "/v1/soaks", { ...source, runs: many, seed_start: seedOf(seed) });
      location.hash = "#/soaks";
      return;
    }
    const { id } = await ask("POST", "/v1/runs", { ...source, seed: seedOf(seed), timeout: given(timeout), verify: verify.checked });
    location.hash = `#/runs/${encodeURIComponent(id)}`;
  };
  return form("Start", errors(), work, script.element,
    h("div", { class: "row" }, field("Name", name), field("Seed", seed), field("Runs", count, "more: a soak"), field("Timeout", timeout),
      field("On", on), field("Modules", modules, "that it imports")), own,
    field("Parameters", params, "what param() and ${param:NAME} stand for, one a line"),
    h("p", {}, h("label", {}, verify, " measure each fault after it is injected")));
}

/** The view of all runs. */
export function runs(signal) {
  const trouble = errors(), rows = h("tbody"), none = h("p", { class: "quiet", hidden: true }, "There are none yet.");
  const table = h("table", { hidden: true }, head(["Run", "Verdict", "Script", "Seed", "Runtime", "Started"]), rows);
  watch(signal, () => 2000, async () => {
    const found = (await ask("GET", "/v1/runs", undefined, signal)).runs;
    none.hidden = found.length > 0;
    table.hidden = found.length === 0;
    keyed(rows, found, run => run.id, line, (row, run) => word(row.querySelector(".word"), verdictOf(run)));
  }, error => mention(trouble, error));
  return [title("Runs"), trouble, section("All", { class: "long" }, h("div", { class: "scroll" }, table), none), section("Start one", { id: "start" }, start(signal))];
}

/** Of how many runs what came. */
const COUNTS = ["runs", "passed", "failed", "unknown", "errors"];

/** What failed in a soak, with the seeds that show it. */
const failures = ({ failures: all }) => all.slice(0, 8).map(({ seed, signature }) => `${seed}: ${signature}`).join("\n");

function soakLine(soak, trouble) {
  const cancel = button("Cancel", trouble, () => ask("POST", path("soaks", soak.id, "cancel")), { "aria-label": `Cancel ${soak.id}` });
  return h("tr", {}, h("th", { scope: "row" }, soak.id), h("td", {}, h("span", { class: "word" })), h("td", {}, soak.script),
    h("td", { class: "number" }, String(soak.seed_start)), COUNTS.map(() => h("td", { class: "number" })), h("td", { class: "what" }), h("td", {}, cancel));
}

function soakUpdate(row, { is_running, summary }) {
  const isGood = summary.runs === summary.passed, cells = [...row.children];
  word(cells[1].firstChild, is_running ? "running" : isGood ? "pass" : "fail");
  COUNTS.forEach((count, index) => tell(cells[4 + index], String(summary[count])));
  tell(cells.at(-2), failures(summary));
  cells.at(-1).firstChild.hidden = !is_running;
}

/** The view of all soaks. */
export function soaks(signal) {
  const trouble = errors(), rows = h("tbody");
  const none = h("p", { class: "quiet", hidden: true }, "There are none yet.");
  const table = h("table", { hidden: true }, head(["Soak", "State", "Script", "First seed", "Runs", "Passed", "Failed", "Unknown", "Errors", "Failures", ""]), rows);
  watch(signal, () => 2000, async () => {
    const found = (await ask("GET", "/v1/soaks", undefined, signal)).soaks;
    none.hidden = found.length > 0;
    table.hidden = found.length === 0;
    keyed(rows, found, soak => soak.id, soak => soakLine(soak, trouble), soakUpdate);
  }, error => mention(trouble, error));
  return [title("Soaks"), trouble, section("All", {}, h("div", { class: "scroll" }, table), none)];
}
