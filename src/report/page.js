"use strict";
(() => {
  const plot = document.querySelector(".plot"), scroll = plot.parentElement, cursor = plot.querySelector(".cursor");
  const tip = document.getElementById("tip");
  const label = () => plot.querySelector(".name").offsetWidth;
  const time = () => plot.querySelector(".under").getBoundingClientRect();
  const end = Number(plot.dataset.endUs);

  // Zoom: the column of time becomes wider, and the browser scrolls.
  let zoom = 1;
  const zoomTo = (wanted, x = scroll.clientWidth / 2) => {
    const left = scroll.getBoundingClientRect().left, at = (x + left - time().left) / time().width;
    zoom = Math.min(200, Math.max(1, wanted));
    plot.style.setProperty("--zoom", zoom);
    scroll.scrollLeft += time().left + at * time().width - left - x;
  };
  const zoomBar = document.querySelector(".zoom");
  zoomBar.hidden = false;
  zoomBar.addEventListener("click", event => {
    const how = event.target.dataset.zoom;
    if (how) zoomTo(how === "in" ? zoom * 2 : how === "out" ? zoom / 2 : 1);
  });
  scroll.addEventListener("wheel", event => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoomTo(zoom * Math.exp(-event.deltaY / 200), event.clientX - scroll.getBoundingClientRect().left);
  }, { passive: false });

  // What is under the pointer, or has the focus.
  const told = element => {
    const own = element.closest("[data-tip]");
    if (own) return own.dataset.tip;
    const link = element.closest("a[href^='#fault-']");
    const row = link && document.getElementById(link.getAttribute("href").slice(1));
    if (!row) return "";
    const [what, from, until, lasted, by] = [...row.cells].slice(1).map(cell => cell.innerText);
    return `${row.cells[0].innerText} ${what}\n${from} to ${until}${lasted && `, ${lasted}`}, by ${by}`;
  };
  const show = (element, x, y) => {
    const text = element instanceof Element ? told(element) : "";
    tip.hidden = !text;
    if (!text) return;
    tip.textContent = text;
    const { offsetWidth: width, offsetHeight: height } = tip;
    tip.style.left = `${Math.max(8, Math.min(x + 12, innerWidth - width - 8))}px`;
    tip.style.top = `${y + 16 + height > innerHeight ? Math.max(8, y - height - 12) : y + 16}px`;
  };
  plot.addEventListener("focusin", event => {
    const box = event.target.getBoundingClientRect();
    show(event.target, box.left, box.bottom - 10);
  });
  plot.addEventListener("focusout", () => { tip.hidden = true; });
  addEventListener("keydown", event => { if (event.key === "Escape") tip.hidden = true; });

  // The moment under the pointer.
  plot.addEventListener("pointermove", event => {
    show(event.target, event.clientX, event.clientY);
    const share = (event.clientX - time().left) / time().width;
    cursor.hidden = share < 0 || share > 1 || event.clientX - scroll.getBoundingClientRect().left < label();
    cursor.style.left = `${event.clientX - plot.getBoundingClientRect().left}px`;
    cursor.classList.toggle("left", event.clientX > innerWidth - 100);
    cursor.firstElementChild.textContent = `${(share * end / 1e6).toFixed(3)} s`;
  });
  plot.addEventListener("pointerleave", () => { cursor.hidden = tip.hidden = true; });

  // Commands to take along.
  for (const button of document.querySelectorAll(".copy")) {
    const code = button.previousElementSibling;
    button.hidden = false;
    button.addEventListener("click", async () => {
      getSelection().selectAllChildren(code);
      try { await navigator.clipboard.writeText(code.textContent); button.textContent = "Copied"; }
      catch { button.textContent = "Selected"; }
    });
  }
})();
