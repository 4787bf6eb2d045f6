// One cluster: its graph, what can be done to whom is selected, the faults in force, probes, and what happens.

import { ask, follow, path, watch } from "./api.js";
import { Selection, actions } from "./actions.js";
import { h, section, tell, title } from "./dom.js";
import { WORLD, graph } from "./graph.js";
import { faultList, nodeTable, probes, touchedLinks } from "./panels.js";
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

/** The view of the cluster of this name. */
export function cluster(signal, name) {
  const at = (...parts) => path("clusters", name, ...parts);
  const state = { nodes: [], faults: [], links: [], isLive: false };
  const trouble = errors();
  const selection = new Selection(() => render());
  const view = graph(party => selection.toggle(party));
  const runtime = h("small");
  const live = h("small", { class: "quiet" });

  /** Aborted while it is destroyed: from some moment on, who asks for it is refused. */
  let destroying = new AbortController();
  const look = async () => {
    if (destroying.signal.aborted) return;
    try {
      const wanted = AbortSignal.any([signal, destroying.signal]);
      const both = [at(), at("links")].map(path => ask("GET", path, undefined, wanted));
      const [shown, { links }] = await Promise.all(both);
      Object.assign(state, shown, { links, isGone: false });
      mention(trouble, null);
      if (state.isOver) listen();
    } catch (error) {
      if (signal.aborted || destroying.signal.aborted) return;
      const isGone = error.status === 404;
      if (isGone) Object.assign(state, { nodes: [], faults: [], links: [], isGone });
      mention(trouble, isGone ? null : error);
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
  const others = h("a", { href: "#/clusters" }, "All clusters");
  const gone = h("p", { class: "card unknown", hidden: true }, `No cluster ${name} is up. `, others);
  const whole = h("div", {},
    h("div", { class: "two" },
      section("Graph", { class: "picture" }, legend(), h("div", { class: "canvas" }, view.svg), touched.element),
      h("div", { class: "side" }, parts.map(part => part.element)),
      table.element),
    section("Events", {}, events.list));

  function render() {
    if (signal.aborted) return;
    gone.hidden = !state.isGone;
    destroy.hidden = Boolean(state.isGone);
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
    destroying.abort();
    try {
      await ask("DELETE", at());
    } catch (error) {
      destroying = new AbortController();
      watching.wake();
      throw error;
    }
    said(`${name} is destroyed`);
    location.hash = "#/clusters";
  }, { class: "danger" });
  return [h("div", { class: "bar" }, title(name), runtime, live, destroy), trouble, gone, whole];
}

function legend() {
  const key = kind => h("li", {}, h("span", { class: `key ${kind}` }), kind);
  return h("ul", { class: "legend" }, ["whole", "cut", "impaired", "selected"].map(key));
}
