// All clusters, and how one more is brought up.

import { ask, integer, watch } from "./api.js";
import { choice, errors, field, form, h, keyed, mention, said, section, tell, title } from "./dom.js";

const EXAMPLE = `nodes:
  n1: { command: sleep infinity }
  n2: { command: sleep infinity }
  n3: { command: sleep infinity }
`;

/** What the fields hold, left out where they are empty. */
const given = control => control.value.trim() || undefined;

/** Digits as a number, or an error in the words of the command line. */
export function seedOf(control) {
  const digits = given(control);
  if (digits && !/^\d+$/.test(digits)) throw Object.assign(new Error(), { text: `error: "${digits}" is no seed\nhelp: write a whole number, or leave it out for a fresh one` });
  return digits && integer(digits);
}

/** Lines of NAME=VALUE as an object. */
export function paramsOf(control) {
  const lines = control.value.split("\n").map(line => line.trim()).filter(Boolean);
  return Object.fromEntries(lines.map(line => {
    const at = line.indexOf("=");
    if (at < 1) throw Object.assign(new Error(), { text: `error: "${line}" is no NAME=VALUE` });
    return [line.slice(0, at), line.slice(at + 1)];
  }));
}

export const RUNTIMES = { "": "as the file says", netns: "netns", docker: "docker", sim: "sim" };

/** A text that is written, pasted, or read from a file of this machine. */
export function sheet(label, attributes, hint) {
  const area = h("textarea", { rows: 9, spellcheck: "false", autocapitalize: "off", ...attributes });
  const file = h("input", { type: "file", "aria-label": `${label} from a file` });
  file.addEventListener("change", async () => {
    if (file.files[0]) area.value = await file.files[0].text();
  });
  return { area, file, element: h("div", { class: "sheet" }, field(label, area, hint), file) };
}

function line(cluster) {
  return h("tr", {}, h("th", { scope: "row" }, h("a", { href: `#/clusters/${encodeURIComponent(cluster.name)}` }, cluster.name)),
    h("td", {}, h("span", { class: "word" })));
}

function update(row, { state }) {
  const word = row.querySelector(".word");
  word.className = `word ${{ up: "pass", dead: "fail" }[state] ?? "unknown"}`;
  tell(word, state);
}

function bringUp(go) {
  const name = h("input", { required: true, autocomplete: "off", spellcheck: "false", size: 16 });
  const config = sheet("Cluster file", { placeholder: EXAMPLE });
  const runtime = choice(RUNTIMES), seed = h("input", { inputmode: "numeric", size: 12, placeholder: "a fresh one", autocomplete: "off" });
  const params = h("textarea", { rows: 2, spellcheck: "false", placeholder: "NAME=VALUE" });
  const work = async () => {
    const body = { name: name.value.trim(), config: config.area.value, runtime: given(runtime), seed: seedOf(seed), params: paramsOf(params) };
    said(`${body.name} is being brought up…`);
    await ask("POST", "/v1/clusters", body);
    said(`${body.name} is up`);
    go(body.name);
  };
  return form("Bring up", errors(), work,
    h("div", { class: "row" }, field("Name", name), field("Runtime", runtime), field("Seed", seed)), config.element,
    field("Parameters", params, "what ${param:NAME} in the file stand for, one a line"));
}

/** The view. */
export function clusters(signal) {
  const trouble = errors(), rows = h("tbody"), none = h("p", { class: "quiet", hidden: true }, "No cluster is up.");
  const table = h("table", { hidden: true }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Cluster"), h("th", { scope: "col" }, "State"))), rows);
  watch(signal, () => 2000, async () => {
    const found = (await ask("GET", "/v1/clusters", undefined, signal)).clusters;
    none.hidden = found.length > 0;
    table.hidden = found.length === 0;
    keyed(rows, found, cluster => cluster.name, line, update);
  }, error => mention(trouble, error));
  const go = name => { location.hash = `#/clusters/${encodeURIComponent(name)}`; };
  return [title("Clusters"), trouble, section("Up", {}, h("div", { class: "scroll" }, table), none), section("Bring one up", {}, bringUp(go))];
}
