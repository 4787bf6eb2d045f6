// Which view is shown, and whether the daemon is there.

import { daemon } from "./page/api.js";
import { cluster } from "./page/cluster.js";
import { clusters } from "./page/clusters.js";
import { tell } from "./page/dom.js";
import { run } from "./page/run.js";
import { runs, soaks } from "./page/runs.js";

const VIEWS = { clusters: [clusters, cluster], runs: [runs, run], soaks: [soaks, soaks] };

const main = document.getElementById("main"), state = document.getElementById("daemon");
let leave = new AbortController();

/** `#/clusters/c1` is what is called c1 among the clusters. */
function address() {
  try { return location.hash.split("/").map(decodeURIComponent); } catch { return []; }
}

function open(isFirst) {
  const [, part, name] = address();
  const known = Object.hasOwn(VIEWS, part) ? part : "clusters", view = VIEWS[known][name ? 1 : 0];
  leave.abort();
  leave = new AbortController();
  main.replaceChildren(...view(leave.signal, name));
  const heading = main.querySelector("h1");
  document.title = `${heading.textContent} · blockade`;
  for (const link of document.querySelectorAll("nav a")) {
    const isHere = link.hash === `#/${known}`;
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!isFirst) heading.focus();
}

daemon.addEventListener("lost", () => {
  state.className = "lost";
  tell(state, "the daemon does not answer; trying again…");
});
daemon.addEventListener("found", () => {
  state.className = "";
  tell(state, "connected again");
});

// The address says which view is shown, so that it cannot say where to skip to.
document.querySelector(".skip").addEventListener("click", event => {
  event.preventDefault();
  main.focus();
});
addEventListener("hashchange", () => open(false));
tell(state, "connected");
open(true);
