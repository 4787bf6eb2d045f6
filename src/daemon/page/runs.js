// Runs and soaks: what there is, and how a run is started.

import { Problem, ask, path, watch } from "./api.js";
import { EXAMPLE } from "./clusters.js";
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

const runLine = ({ id }) => h("tr", {},
  h("th", { scope: "row" }, h("a", { href: `#/runs/${encodeURIComponent(id)}` }, id)),
  h("td", {}, h("span", { class: "word" })), h("td"), h("td", { class: "number" }), h("td"), h("td"));

/** One that has just begun tells little of itself yet. */
function runUpdate(row, run) {
  const [, verdict, script, seed, runtime, started] = row.children;
  word(verdict.firstChild, verdictOf(run));
  tell(script, run.script ?? "");
  tell(seed, String(run.seed ?? ""));
  tell(runtime, run.runtime ?? "");
  tell(started, time(run.started ?? ""));
}

/** The texts of files, by their names. */
const textsOf = async files =>
  Object.fromEntries(await Promise.all([...files].map(async file => [file.name, await file.text()])));

function countOf(control) {
  const count = Number(control.value);
  if (Number.isInteger(count) && count > 0) return count;
  throw new Problem(0, `error: "${control.value}" is no number of runs\nhelp: write 1, or more for a soak`);
}

/** A form that starts a run, or a soak of several. */
function start(signal) {
  const name = h("input", { value: "script.rhai", autocomplete: "off", spellcheck: "false", size: 16 });
  const script = sheet("Script", { rows: 12, placeholder: SCRIPT });
  script.file.addEventListener("change", () => { name.value = script.file.files[0]?.name ?? name.value; });
  const config = sheet("Cluster file", { rows: 8, placeholder: EXAMPLE });
  const on = h("select"), runtime = choice(RUNTIMES);
  const seed = h("input", { inputmode: "numeric", size: 12, placeholder: "a fresh one", autocomplete: "off" });
  const timeout = h("input", { size: 8, placeholder: "as usual", autocomplete: "off", spellcheck: "false" });
  const params = h("textarea", { rows: 2, spellcheck: "false", placeholder: "NAME=VALUE" });
  const verify = h("input", { type: "checkbox" }), modules = h("input", { type: "file", multiple: true });
  const count = h("input", { inputmode: "numeric", size: 4, value: "1", autocomplete: "off" });
  const own = h("div", {}, config.element, field("Runtime", runtime));
  on.addEventListener("change", () => { own.hidden = on.value !== ""; });
  watch(signal, () => 5000, async () => {
    const { clusters } = await ask("GET", "/v1/clusters", undefined, signal);
    const standing = [{ name: "", text: "a cluster of its own" }, ...clusters.filter(({ state }) => state === "up")];
    keyed(on, standing, one => one.name, ({ name, text }) => h("option", { value: name }, text ?? `${name}, which is up`));
    own.hidden = on.value !== "";
  });
  const ownCluster = () => ({ config: given(config.area) && config.area.value, runtime: given(runtime) });
  const work = async () => {
    const many = countOf(count);
    const { id } = await ask("POST", many > 1 ? "/v1/soaks" : "/v1/runs", {
      script: { name: given(name) ?? "script.rhai", text: script.area.value },
      files: await textsOf(modules.files), params: paramsOf(params), timeout: given(timeout),
      verify: verify.checked || undefined, ...on.value ? { cluster: on.value, attach: true } : ownCluster(),
      ...many > 1 ? { runs: many, seed_start: seedOf(seed) } : { seed: seedOf(seed) },
    });
    location.hash = many > 1 ? "#/soaks" : `#/runs/${encodeURIComponent(id)}`;
  };
  return form("Start", errors(), work, script.element,
    h("div", { class: "row" }, field("Name", name), field("Seed", seed), field("Runs", count, "more: a soak"),
      field("Timeout", timeout), field("On", on), field("Modules that it imports", modules)), own,
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
    keyed(rows, found, run => run.id, runLine, runUpdate);
  }, error => mention(trouble, error));
  return [title("Runs"), trouble, section("All", { class: "long" }, h("div", { class: "scroll" }, table), none),
    section("Start one", { id: "start" }, start(signal))];
}

/** Of how many runs what came. */
const COUNTS = ["runs", "passed", "failed", "unknown", "errors"];

/** What failed in a soak, with the seeds that show it. */
const failures = ({ failures: all }) => all.slice(0, 8).map(({ seed, signature }) => `${seed}: ${signature}`).join("\n");

function soakLine(soak, trouble) {
  const end = () => ask("POST", path("soaks", soak.id, "cancel"));
  return h("tr", {}, h("th", { scope: "row" }, soak.id), h("td", {}, h("span", { class: "word" })), h("td"),
    h("td", { class: "number" }), COUNTS.map(() => h("td", { class: "number" })),
    h("td", { class: "what" }), h("td", {}, button("Cancel", trouble, end, { "aria-label": `Cancel ${soak.id}` })));
}

function soakUpdate(row, { is_running, script, seed_start: first, summary }) {
  const isGood = summary.runs === summary.passed, cells = [...row.children];
  word(cells[1].firstChild, is_running ? "running" : isGood ? "pass" : "fail");
  tell(cells[2], script);
  tell(cells[3], String(first ?? ""));
  COUNTS.forEach((count, index) => tell(cells[4 + index], String(summary[count])));
  tell(cells.at(-2), failures(summary));
  cells.at(-1).firstChild.hidden = !is_running;
}

/** The view of all soaks. */
export function soaks(signal) {
  const trouble = errors(), rows = h("tbody");
  const none = h("p", { class: "quiet", hidden: true }, "There are none yet.");
  const columns = ["Soak", "State", "Script", "First seed", "Runs", "Passed", "Failed", "Unknown", "Errors", "Failures", ""];
  const table = h("table", { hidden: true }, head(columns), rows);
  watch(signal, () => 2000, async () => {
    const found = (await ask("GET", "/v1/soaks", undefined, signal)).soaks;
    none.hidden = found.length > 0;
    table.hidden = found.length === 0;
    keyed(rows, found, soak => soak.id, soak => soakLine(soak, trouble), soakUpdate);
  }, error => mention(trouble, error));
  return [title("Soaks"), trouble, section("All", {}, h("div", { class: "scroll" }, table), none)];
}
