// All clusters, and how one more is brought up.

import { ask, watch } from "./api.js";
import { h, keyed, section, tell, title } from "./dom.js";
import { RUNTIMES, choice, field, form, given, paramsOf, seedOf, sheet } from "./forms.js";
import { errors, mention, said } from "./trouble.js";

/** A cluster file that works anywhere. */
export const EXAMPLE = `nodes:
  n1: { command: sleep infinity }
  n2: { command: sleep infinity }
  n3: { command: sleep infinity }
`;

function line(cluster) {
  const link = h("a", { href: `#/clusters/${encodeURIComponent(cluster.name)}` }, cluster.name);
  return h("tr", {}, h("th", { scope: "row" }, link), h("td", {}, h("span", { class: "word" })));
}

function update(row, { state }) {
  const word = row.querySelector(".word");
  word.className = `word ${{ up: "pass", dead: "fail" }[state] ?? "unknown"}`;
  tell(word, state);
}

function bringUp(go) {
  const name = h("input", { required: true, autocomplete: "off", spellcheck: "false", size: 16 });
  const config = sheet("Cluster file", { placeholder: EXAMPLE });
  const runtime = choice(RUNTIMES);
  const seed = h("input", { inputmode: "numeric", size: 12, placeholder: "a fresh one", autocomplete: "off" });
  const params = h("textarea", { rows: 2, spellcheck: "false", placeholder: "NAME=VALUE" });
  const work = async () => {
    const body = {
      name: name.value.trim(), config: config.area.value, runtime: given(runtime), seed: seedOf(seed), params: paramsOf(params),
    };
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
  const columns = ["Cluster", "State"].map(text => h("th", { scope: "col" }, text));
  const table = h("table", { hidden: true }, h("thead", {}, h("tr", {}, columns)), rows);
  watch(signal, () => 2000, async () => {
    const found = (await ask("GET", "/v1/clusters", undefined, signal)).clusters;
    none.hidden = found.length > 0;
    table.hidden = found.length === 0;
    keyed(rows, found, cluster => cluster.name, line, update);
  }, error => mention(trouble, error));
  const go = name => { location.hash = `#/clusters/${encodeURIComponent(name)}`; };
  return [title("Clusters"), trouble, section("Up", {}, h("div", { class: "scroll" }, table), none),
    section("Bring one up", {}, bringUp(go))];
}
