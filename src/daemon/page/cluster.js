// One cluster: its graph, what can be done to whom is selected, the faults in force, probes, and what happens.

import { ask, follow, path, watch } from "./api.js";
import { h, keyed, section, tell, title } from "./dom.js";
import { choice, field, form } from "./forms.js";
import { WORLD, graph } from "./graph.js";
import { timeline } from "./timeline.js";
import { button, confirm, errors, mention, said } from "./trouble.js";

/** How often a cluster is looked at, milliseconds: without events, and beside them. */
const POLL = 2000, BESIDE_EVENTS = 10_000;

/** Why a node is down is what the faults say. */
function stateOf({ name, status }, faults) {
  if (status !== "DOWN") return { UP: "up", PAUSED: "paused", MISSING: "missing" }[status] ?? status.toLowerCase();
  const halts = kind => faults.some(({ fault }) => fault.kind === kind && fault.nodes.includes(name));
  return halts("kill") ? "killed" : halts("stop") ? "stopped" : "exited";
}

const partyOf = (node, faults) => {
  const state = stateOf(node, faults);
  return { ...node, state, title: [node.name, state, node.ip_address].filter(Boolean).join(", ") };
};

const OUTSIDE = { name: WORLD, state: "up", title: "world: everything that is no node" };

/** Who is selected, in the order in which they were. */
class Selection {
  names = [];
  constructor(changed) { this.changed = changed; }
  toggle(name) {
    this.names = this.names.includes(name) ? this.names.filter(other => other !== name) : [...this.names, name];
    this.changed();
  }
  clear() {
    this.names = [];
    this.changed();
  }
  get nodes() { return this.names.filter(name => name !== WORLD); }
}

/** The view of the cluster of this name. */
export function cluster(signal, name) {
  const at = (...parts) => path("clusters", name, ...parts);
  const state = { nodes: [], faults: [], links: [], isLive: false };
  const trouble = errors();
  const selection = new Selection(() => render());
  const view = graph(party => selection.toggle(party));
  const runtime = h("small");
  const live = h("small", { class: "quiet" });

  const look = async () => {
    try {
      const [shown, { links }] = await Promise.all([ask("GET", at(), undefined, signal), ask("GET", at("links"), undefined, signal)]);
      Object.assign(state, shown, { links, isGone: false });
      if (state.isOver) listen();
    } catch (error) {
      if (error.status === 404) Object.assign(state, { nodes: [], faults: [], links: [], isGone: true });
      else mention(trouble, error);
    }
    render();
  };
  const watching = watch(signal, () => state.isLive ? BESIDE_EVENTS : POLL, look);
  const change = async (method, parts, body) => {
    const answer = await ask(method, at(...parts), body);
    watching.wake();
    return answer;
  };

  const parts = [actions({ selection, change }), faultList({ change }), probes({ selection, change })];
  const touched = touchedLinks(), table = nodeTable({ at, trouble });
  const events = timeline(`Events of ${name}`);
  const gone = h("p", { class: "card unknown", hidden: true }, `No cluster ${name} is up. `, h("a", { href: "#/clusters" }, "All clusters"));
  const whole = h("div", {},
    h("div", { class: "two" },
      section("Graph", { class: "picture" }, legend(), h("div", { class: "canvas" }, view.svg), touched.element),
      h("div", { class: "side" }, parts.map(part => part.element)),
      table.element),
    section("Events", {}, events.list));

  function render() {
    if (signal.aborted) return;
    gone.hidden = !state.isGone;
    whole.hidden = Boolean(state.isGone);
    tell(runtime, state.runtime ?? "");
    tell(live, state.isLive ? "live" : "looks every 2 s");
    const parties = [...state.nodes.map(node => partyOf(node, state.faults)), OUTSIDE];
    selection.names = selection.names.filter(one => parties.some(party => party.name === one));
    view.draw(parties, state.links, selection.names);
    for (const part of [...parts, touched, table]) part.update(state, parties);
  }

  /** Until the cluster is removed; one that comes in its place is listened to anew. */
  function listen() {
    state.isOver = false;
    follow(at("events"), {
      signal, last: "end",
      state: isLive => { state.isLive = isLive; tell(live, isLive ? "live" : "looks every 2 s"); },
      each: ({ data }) => { events.add(data); watching.wake(); },
    }).then(() => { state.isOver = true; });
  }
  listen();
  const destroy = button("Destroy…", trouble, async () => {
    if (!await confirm(`Destroy ${name}? All its faults are healed, and its nodes are removed.`, `Destroy ${name}`)) return;
    await change("DELETE", []);
    said(`${name} is destroyed`);
    location.hash = "#/clusters";
  }, { class: "danger" });
  return [h("div", { class: "bar" }, title(name), runtime, live, destroy), trouble, gone, whole];
}

function legend() {
  const key = (kind, text) => h("li", {}, h("span", { class: `key ${kind}` }), text);
  return h("ul", { class: "legend" }, key("whole", "whole"), key("cut", "cut"), key("impaired", "impaired"), key("selected", "selected"));
}

/** The links that are not whole, in words. */
function touchedLinks() {
  const list = h("ul", { class: "links" }), summary = h("summary");
  const element = h("details", {}, summary, list);
  const update = ({ links }) => {
    tell(summary, links.length === 1 ? "1 link is not whole" : `${links.length || "No"} links are not whole`);
    keyed(list, links, link => JSON.stringify(link), ({ source, target, state, text }) =>
      h("li", {}, h("span", { class: `word ${state}` }, state), ` ${source} → ${target}`, text === "dropped" ? "" : `: ${text}`));
  };
  return { element, update };
}

const joined = names => names.join(", ");

/** What can be done to whom is selected. */
function actions({ selection, change }) {
  const trouble = errors(), whom = h("p", { class: "whom", role: "status" });
  const lasting = h("input", { size: 9, placeholder: "until healed", autocomplete: "off", spellcheck: "false" });
  const delay = h("input", { size: 7, value: "100ms", autocomplete: "off", spellcheck: "false" });
  const loss = h("input", { size: 7, value: "30%", autocomplete: "off", spellcheck: "false" });
  const where = choice({ from: "all that they send", both: "all that they send and get", between: "between them" });
  const buttons = [];
  const span = () => lasting.value.trim() || null;

  const inject = async fault => {
    const { id, text } = await change("POST", ["faults"], { fault, for: span() });
    said(`${id} ${text} is in force`);
  };
  const act = action => async () => {
    for (const node of selection.nodes) {
      const halts = ["stop", "pause", "kill"].includes(action), more = halts ? { for: span() } : {};
      const { node: { status } } = await change("POST", ["nodes", node, "actions"], { action, ...more });
      said(`${node}: ${action}, is ${status}`);
    }
  };
  const shape = (kind, how) => inject({
    kind, nodes: selection.names, ...how, ...where.value === "between" && { to: selection.names }, both: where.value === "both",
  });
  const cut = async (source, target) => inject({ kind: "block", source: [source], target: [target] });

  /** A button that can be pressed where `fits` says so of the selection. */
  const offer = (label, fits, work, attributes) => {
    const made = button(typeof label === "string" ? label : "", trouble, work, attributes);
    buttons.push(() => {
      if (typeof label !== "string") tell(made, label(selection.names));
      made.disabled = !fits(selection);
    });
    return made;
  };
  const some = ({ names }) => names.length > 0, two = ({ names }) => names.length === 2;
  const onlyNodes = ({ names, nodes }) => nodes.length > 0 && nodes.length === names.length;
  const pair = (from, to, arrow) => names => {
    const [source, target] = [from, to].map(index => names.length === 2 ? names[index] : "AB"[index]);
    return `Cut ${source} ${arrow} ${target}`;
  };

  const cuts = [
    offer("Partition selection from the rest", onlyNodes, () => inject({ kind: "partition", groups: [selection.nodes] })),
    offer("Isolate", onlyNodes, () => inject({ kind: "isolate", nodes: selection.nodes })),
    offer(pair(0, 1, "→"), two, () => cut(...selection.names)),
    offer(pair(1, 0, "→"), two, () => cut(...selection.names.toReversed())),
    offer(pair(0, 1, "⇄"), two, async () => {
      await cut(...selection.names);
      await cut(...selection.names.toReversed());
    }),
  ];
  const shapes = [
    field("Packets", where),
    h("p", { class: "field" }, h("label", {}, "Delay ", delay), offer("Slow", some, () => shape("slow", { delay: delay.value.trim() }))),
    h("p", { class: "field" }, h("label", {}, "Loss ", loss), offer("Flaky", some, () => shape("flaky", { loss: loss.value.trim() }))),
  ];
  const verbs = ["Start", "Stop", "Restart", "Kill", "Pause", "Resume"];
  const element = section("Selection", {}, whom, trouble,
    h("p", { class: "row" }, field("for", lasting, "like 30s"), offer("Clear selection", some, async () => selection.clear())),
    h("div", { class: "buttons", role: "group", "aria-label": "Cut" }, cuts),
    h("div", { class: "row", role: "group", "aria-label": "Impair" }, shapes),
    h("div", { class: "buttons", role: "group", "aria-label": "Nodes" },
      verbs.map(verb => offer(verb, onlyNodes, act(verb.toLowerCase())))));
  const update = () => {
    tell(whom, some(selection) ? joined(selection.names) : "Nobody: press nodes of the graph, by pointer or with the space key.");
    for (const refresh of buttons) refresh();
  };
  return { element, update };
}

/** The faults in force. */
function faultList({ change }) {
  const trouble = errors(), list = h("ul", { class: "faults" }), none = h("p", { class: "quiet" }, "None.");
  const healed = ({ healed: all }) => said(all.length ? `healed ${joined(all.map(fault => fault.id))}` : "there was nothing to heal");
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
function probes({ selection, change }) {
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
  const element = section("Probe", { id: "probe" },
    form("Probe", trouble, work, h("div", { class: "row" }, field("From", source), field("To", target), field("What", kind))), result);
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
function nodeTable({ at, trouble }) {
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
