"use strict";

// The page around the charts: copying, searching, sorting, opening and printing.
(() => {
  const { element } = explorer;
  const many = (selector, act, root = document) => root.querySelectorAll(selector).forEach(act);

  async function copy(button) {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      // A page from a file may not be allowed to; the user can still copy the selection.
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }

  function copyButton(label) {
    const button = element("button", "copy", "Copy");
    button.type = "button";
    button.setAttribute("aria-label", `Copy: ${label}`);
    return button;
  }

  const copyable = (label, text) => element("div", "copied",
    element("span", "copied-label", label), element("code", "lines", text), copyButton(label));

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".copy");
    if (button) copy(button);
  });
  many(".copy", (button) => { button.hidden = false; });

  // The target of a link may be inside a folded part.
  function openNamed() {
    const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let each = named; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    named?.scrollIntoView();
  }
  addEventListener("hashchange", openNamed);
  document.addEventListener("click", (event) => {
    // A link to the present place does not change the address.
    if (event.target.closest("a")?.hash === location.hash && location.hash) openNamed();
  });

  // A row's number shows its point in the chart above.
  document.addEventListener("click", (event) => {
    const row = event.target.closest("[data-choose]");
    const host = row?.closest(".fold").querySelector(".explorer");
    if (!host?.chart) return;
    event.preventDefault();
    host.scrollIntoView();
    host.chart.choose(row.dataset.choose);
  });

  // Searching and sorting the overview.
  const form = document.querySelector(".sieve");
  if (form) {
    const body = document.querySelector(".overview tbody"), rows = [...body.rows];
    const [sought, sorted, sieved] = ["sought", "sorted", "sieved"].map((id) => document.getElementById(id));
    const orders = {
      place: () => 0, speedup: (a, b) => b.dataset.speedup - a.dataset.speedup, loss: (a, b) => a.dataset.loss - b.dataset.loss,
      title: (a, b) => a.cells[0].textContent.localeCompare(b.cells[0].textContent, undefined, { numeric: true }),
    };
    const sift = () => {
      const words = sought.value.toLowerCase().split(/\s+/).filter(Boolean);
      rows.forEach((row) => { row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word)); });
      body.append(...[...rows].sort(orders[sorted.value]));
      const count = rows.filter((row) => !row.hidden).length;
      sieved.textContent = words.length ? `${count} of ${rows.length} studies` : "";
    };
    form.hidden = false;
    form.addEventListener("input", sift);
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  // The figures come compressed, as they would otherwise be most of the page.
  async function unpacked(id) {
    const packed = atob(document.getElementById(id).textContent);
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  // Each chart is made once it comes near the screen: hundreds at once would block the page.
  function startCharts({ studies, comparisons }) {
    const starts = new Map();
    many(".explorer", (host) => starts.set(host, () => { host.chart = explorer.start(host, studies[host.dataset.study], copyable); }));
    many(".growth", (host) => starts.set(host, () => comparison.growth(host, studies[host.dataset.study])));
    many(".comparison", (host) => starts.set(host, () => comparison.start(host, comparisons[host.dataset.number - 1])));
    const begin = (host) => {
      starts.get(host)?.();
      starts.delete(host);
    };
    const watcher = new IntersectionObserver((entries) =>
      entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
        watcher.unobserve(entry.target);
        begin(entry.target);
      }), { rootMargin: "600px" });
    starts.forEach((_, host) => {
      host.hidden = false;
      watcher.observe(host);
    });
    // Small parts are made at once, so that nothing moves when they come into sight.
    const seen = [...starts.keys()].filter((host) => host.checkVisibility());
    if (seen.length < 4) seen.forEach(begin);
    return () => [...starts.keys()].filter((host) => host.checkVisibility()).forEach(begin);
  }

  document.documentElement.classList.add("scripted"); // Of many studies only the open ones are shown.
  // Before the page is shown, so that nothing moves.
  many("section .telling .pair-set", (set) => pairViewer.enhance(set));
  pairViewer.watch();
  openNamed();
  unpacked("values").then((values) => {
    const startAll = startCharts(values);
    // On paper an open study shows everything.
    let opened = [];
    addEventListener("beforeprint", () => {
      opened = [...document.querySelectorAll("details.fold:not([open])")].filter((each) => each.parentElement.checkVisibility());
      opened.forEach((each) => { each.open = true; });
      startAll();
      many(".pair-set:not(.ready)", (set) => set.checkVisibility() && pairViewer.enhance(set));
    });
    addEventListener("afterprint", () => opened.forEach((each) => { each.open = false; }));
  }, () => { document.getElementById("no-charts").hidden = false; });
})();
