// The smaller parts of a cluster's view: links and faults in words, probes, nodes.

import { ask } from "./api.js";
import { h, keyed, section, tell } from "./dom.js";
import { choice, field, form } from "./forms.js";
import { WORLD } from "./graph.js";
import { button, errors, said } from "./trouble.js";

const joined = names => names.join(", ");

/** The links that are not whole, in words. */
export function touchedLinks() {
  const list = h("ul", { class: "links" }), summary = h("summary");
  const element = h("details", {}, summary, list);
  const update = ({ links }) => {
    const some = links.length === 1 ? "1 link is not whole" : `${links.length} links are not whole`;
    tell(summary, links.length === 0 ? "All links are whole" : some);
    keyed(list, links, link => JSON.stringify(link), ({ source, target, state, text }) =>
      h("li", {}, h("span", { class: `word ${state}` }, state), ` ${source} → ${target}`, text === "dropped" ? "" : `: ${text}`));
  };
  return { element, update };
}

/** The faults in force. */
export function faultList({ change }) {
  const trouble = errors(), list = h("ul", { class: "faults" }), none = h("p", { class: "quiet" }, "None.");
  const healed = ({ healed: all }) => said(`healed ${joined(all.map(fault => fault.id)) || "nothing"}`);
  const all = button("Heal all", trouble, async () => healed(await change("DELETE", ["faults"])));
  const line = ({ id, text, by = [] }) => h("li", {},
    h("span", { class: "what" }, h("b", {}, id), ` ${text}`, by.length > 0 && h("small", {}, ` by ${joined(by)}`)),
    button("Heal", trouble, async () => healed(await change("DELETE", ["faults", id])), { "aria-label": `Heal ${id} ${text}` }));
  const update = ({ faults }) => {
    none.hidden = faults.length > 0;
    all.hidden = faults.length === 0;
    keyed(list, faults, fault => fault.id, line);
  };
  return { element: section("Faults in force", { id: "faults" }, trouble, list, none, all), update };
}

/** Whether a packet goes through. */
export function probes({ selection, change }) {
  const trouble = errors(), result = h("output", { class: "result" });
  const source = h("select"), target = h("select");
  const kind = choice({ reachable: "a packet there", round_trip: "there and back" });
  const work = async () => {
    const probe = { kind: kind.value, source: source.value, target: target.value };
    result.className = "result";
    result.textContent = "…";
    try {
      const { ok, rtt_us } = await change("POST", ["probes"], probe);
      const time = rtt_us === undefined ? "" : ` in ${rtt_us / 1000} ms`;
      result.className = `result ${ok ? "pass" : "fail"}`;
      result.textContent = `${probe.source} → ${probe.target}: ${ok ? `went through${time}` : "did not get through"}`;
    } catch (error) {
      result.textContent = "";
      throw error;
    }
  };
  const fields = h("div", { class: "row" }, field("From", source), field("To", target), field("What", kind));
  const element = section("Probe", { id: "probe" }, form("Probe", trouble, work, fields), result);
  let before = "";
  const update = (_, parties) => {
    for (const select of [source, target]) keyed(select, parties, party => party.name, ({ name }) => h("option", {}, name));
    const [a, b] = selection.names, now = joined(selection.names);
    if (now === before && source.value !== target.value) return;
    before = now;
    if (a) source.value = a;
    if (b) target.value = b;
    if (source.value === target.value) target.value = parties.find(party => party.name !== source.value)?.name ?? "";
  };
  return { element, update };
}

/** The nodes as a table, and what they write. */
export function nodeTable({ at, trouble }) {
  const rows = h("tbody"), log = h("pre", { tabindex: 0, hidden: true });
  const columns = ["Node", "State", "Address", "Network", "Partition", ""];
  const read = name => async () => {
    const { log: text } = await ask("GET", `${at("nodes", name, "logs")}?last=200`);
    log.textContent = text || `${name} has written nothing.`;
    log.setAttribute("aria-label", `Log of ${name}`);
    log.hidden = false;
    log.scrollTop = log.scrollHeight;
    log.focus();
  };
  const line = ({ name }) => h("tr", {}, h("th", { scope: "row" }, name),
    h("td", {}, h("span", { class: "word" })), h("td"), h("td"), h("td"),
    h("td", {}, button("Log", trouble, read(name), { "aria-label": `Log of ${name}` })));
  const element = section("Nodes", { class: "nodes" }, h("div", { class: "scroll" },
    h("table", {}, h("thead", {}, h("tr", {}, columns.map(text => h("th", { scope: "col" }, text)))), rows)), log);
  const update = (_, parties) => keyed(rows, parties.filter(({ name }) => name !== WORLD), node => node.name, line, (row, node) => {
    const word = row.querySelector(".word");
    word.className = `word ${node.state === "up" ? "pass" : node.state === "paused" ? "unknown" : "fail"}`;
    tell(word, node.state);
    const [, , address, network, partition] = row.children;
    tell(address, node.ip_address ?? "");
    tell(network, node.network_state.toLowerCase());
    tell(partition, node.partition == null ? "" : String(node.partition));
  });
  return { element, update };
}
