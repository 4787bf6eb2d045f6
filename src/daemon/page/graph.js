// The cluster as a graph: nodes and the rest of the world on a circle, and what happens on the links between them.

import { keyed, s, tell } from "./dom.js";

export const WORLD = "world";

/** Sizes in the drawing's own units, which are pixels on a wide screen. */
const FEW = { radius: 25, gap: 62, letters: 7 }, MANY = { radius: 17, gap: 13, letters: 5 };

const sizes = count => count <= 14 ? FEW : MANY;

/** Where each party stands, the first one at the top. */
function layout(names) {
  const { radius, gap, letters } = sizes(names.length);
  const ring = Math.max(120, names.length * (2 * radius + gap) / (2 * Math.PI));
  const at = index => {
    const angle = index / names.length * 2 * Math.PI - Math.PI / 2;
    return { x: ring * Math.cos(angle), y: ring * Math.sin(angle) };
  };
  return { ring, radius, letters, places: new Map(names.map((name, index) => [name, at(index)])) };
}

/** The links that are not whole, both directions of a pair together: `{ a, b, there, back }`. */
export function pairs(links) {
  const found = new Map();
  for (const link of links) {
    const [a, b] = [link.source, link.target].sort(), key = `${a} ${b}`;
    const pair = found.get(key) ?? { key, a, b, there: null, back: null };
    pair[link.source === a ? "there" : "back"] = link;
    found.set(key, pair);
  }
  return [...found.values()];
}

/** What is drawn of a pair: one line where both directions are alike, else one for each. */
function lines({ a, b, there, back }) {
  if (there && back && there.text === back.text) return [{ from: a, to: b, link: there, isBoth: true }];
  return [{ from: a, to: b, link: there }, { from: b, to: a, link: back }];
}

/** From rim to rim, a little aside where the way back has a line of its own. */
function span({ x, y }, to, radius, aside) {
  const length = Math.hypot(to.x - x, to.y - y), [dx, dy] = [(to.x - x) / length, (to.y - y) / length];
  const trim = radius + 5, [ox, oy] = [-dy * aside, dx * aside];
  const at = distance => [x + dx * distance + ox, y + dy * distance + oy];
  return { start: at(trim), end: at(length - trim), middle: at(length * 0.42), dx, dy };
}

const point = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;

/** The line, a head where it has one direction, and the cross of a link through which nothing comes. */
function shape({ link, isBoth }, { start, end, middle: [mx, my], dx, dy }) {
  const head = ([x, y]) => {
    const [bx, by] = [x - dx * 9, y - dy * 9], [px, py] = [-dy * 4.5, dx * 4.5];
    return `M${point([x, y])}L${point([bx + px, by + py])}L${point([bx - px, by - py])}Z`;
  };
  const state = link?.state ?? "whole";
  const stroke = (x, y) => `M${point([mx - x, my - y])}L${point([mx + x, my + y])}`;
  return [
    s("path", { class: "reach", d: `M${point(start)}L${point(end)}` }),
    s("path", { class: "line", d: `M${point(start)}L${point(end)}` }),
    !isBoth && s("path", { class: "head", d: head(end) }),
    state === "cut" && s("path", { class: "cross", d: stroke(5, 5) + stroke(5, -5) }),
  ];
}

const told = ({ from, to, link, isBoth }) => `${from} ${isBoth ? "⇄" : "→"} ${to}: ${link?.text ?? "whole"}`;

function pairOf(pair, { places, radius }) {
  const drawn = lines(pair).map(line => {
    const along = span(places.get(line.from), places.get(line.to), radius, line.isBoth ? 0 : 5);
    return s("g", { class: `link ${line.link?.state ?? "whole"}` }, s("title", {}, told(line)), ...shape(line, along));
  });
  return s("g", {}, ...drawn);
}

/** The links that are whole are one path: there are many, and nothing to say of them. */
function whole(names, touched, { places, radius }) {
  const isTouched = new Set(touched.map(pair => pair.key));
  const d = names.flatMap((a, index) => names.slice(index + 1).map(b => {
    if (a === WORLD || b === WORLD || isTouched.has([a, b].sort().join(" "))) return "";
    const { start, end } = span(places.get(a), places.get(b), radius, 0);
    return `M${point(start)}L${point(end)}`;
  }));
  return d.join("");
}

const short = (name, letters) => name.length > letters ? `${name.slice(0, letters - 1)}…` : name;

/** A graph, and a function that shows a state of the cluster in it. `toggle` hears whom somebody selects. */
export function graph(toggle) {
  const clear = s("path", { class: "whole" }), links = s("g", {}), nodes = s("g", {});
  const svg = s("svg", { class: "graph", role: "group", "aria-label": "Nodes: press to select" }, clear, links, nodes);

  const made = ({ name }) => {
    const press = event => {
      if (event.type === "keydown" && event.key !== " " && event.key !== "Enter") return;
      event.preventDefault();
      if (!event.repeat) toggle(name);
    };
    return s("g", { role: "button", tabindex: 0, onclick: press, onkeydown: press, "data-node": name },
      s("title"), s("circle", { class: "focus" }), s(name === WORLD ? "rect" : "circle", { class: "body" }),
      s("text", { class: "name" }), s("text", { class: "state" }), s("text", { class: "order" }));
  };

  const update = (element, node, { places, radius, letters }, order) => {
    const place = places.get(node.name);
    const [title, focus, body, name, state, number] = element.children;
    element.setAttribute("class", `node ${node.state}${node.name === WORLD ? " world" : ""}`);
    element.setAttribute("transform", `translate(${point([place.x, place.y])})`);
    element.setAttribute("aria-pressed", order > 0);
    element.setAttribute("aria-label", node.title);
    tell(title, node.title);
    focus.setAttribute("r", radius + 6);
    if (node.name === WORLD) {
      for (const [key, value] of Object.entries({ x: -22, y: -14, width: 44, height: 28, rx: 6 }))
        body.setAttribute(key, value);
    } else body.setAttribute("r", radius);
    tell(name, node.name === WORLD ? WORLD : short(node.name, letters));
    name.setAttribute("dy", "0.35em");
    tell(state, node.state === "up" || node.name === WORLD ? "" : node.state);
    state.setAttribute("y", radius + 14);
    tell(number, order > 0 ? String(order) : "");
    number.setAttribute("x", radius * 0.8);
    number.setAttribute("y", -radius * 0.8);
  };

  /** Nodes are `{ name, state, title }`, links as the daemon gives them, the selection names in their order. */
  const draw = (all, touched, selection) => {
    const names = all.map(node => node.name), plan = layout(names);
    svg.classList.toggle("many", sizes(names.length) === MANY);
    const edge = plan.ring + plan.radius + 20;
    svg.setAttribute("viewBox", [-edge, -edge, 2 * edge, 2 * edge].map(Math.round).join(" "));
    const shown = pairs(touched).filter(pair => plan.places.has(pair.a) && plan.places.has(pair.b));
    clear.setAttribute("d", whole(names, shown, plan));
    keyed(links, shown, pair => JSON.stringify([pair, plan.ring, names.length]), pair => pairOf(pair, plan));
    keyed(nodes, all, node => node.name, made, (element, node) =>
      update(element, node, plan, selection.indexOf(node.name) + 1));
  };
  return { svg, draw };
}
