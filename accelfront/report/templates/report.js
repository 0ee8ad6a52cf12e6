"use strict";

const charts = [...document.querySelectorAll(".chart")];
const PRINTED_WIDTH = 680;
const NARROW = 500;
let figures; // By the ids of their charts.

// The points of a chart from left to right, as plotly names them.
function pointsOf(chart) {
  return chart.data
    .flatMap((trace, curveNumber) =>
      trace.hovertext ? trace.x.map((x, pointNumber) => ({ x, curveNumber, pointNumber })) : [])
    .sort((a, b) => a.x - b.x);
}

// What a point says, below the chart: the words of its label, and the pictures of its row.
function tell(chart, { curveNumber, pointNumber }) {
  const { hovertext, customdata } = chart.data[curveNumber];
  const told = document.getElementById(`${chart.id}-told`);
  const words = document.createElement("div");
  words.innerHTML = hovertext[pointNumber]; // Escaped where it was written.
  const row = document.getElementById(customdata?.[pointNumber]);
  const picture = row?.querySelector("img")?.cloneNode();
  told.replaceChildren(words, ...(picture ? [picture] : []));
  document.querySelectorAll("tr.shown").forEach((shown) => shown.classList.remove("shown"));
  row?.classList.add("shown");
}

function move(chart, event) {
  if (event.key === "Escape") {
    chart.blur();
    return;
  }
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const points = pointsOf(chart);
  const last = chart.current ?? (step > 0 ? -1 : points.length);
  chart.current = Math.min(Math.max(last + step, 0), points.length - 1);
  const { curveNumber, pointNumber } = points[chart.current];
  Plotly.Fx.hover(chart, [{ curveNumber, pointNumber }]);
  // plotly tells of what a mouse does only.
  tell(chart, points[chart.current]);
}

function draw(chart) {
  if (chart.data) return;
  const { data, layout } = figures[chart.id];
  data.forEach((trace) => {
    trace.hovertext = trace.hovertext?.map((words) => words.replaceAll("\n", "<br>"));
  });
  if (chart.clientWidth < NARROW) {
    // The legend has one column there, and needs a line for each entry.
    const entries = data.filter((trace) => trace.name).length;
    layout.height = 370 + 20 * entries;
    layout.legend.maxheight = 1;
    chart.style.height = `${layout.height}px`;
  }
  // Where a finger scrolls, it must not enlarge.
  layout.dragmode = matchMedia("(pointer: coarse)").matches ? false : "zoom";
  Plotly.newPlot(chart, data, layout, { responsive: true, displayModeBar: false });
  chart.on("plotly_hover", (event) => tell(chart, event.points[0]));
  chart.addEventListener("keydown", (event) => move(chart, event));
}

// Pictures in rows are small: a click, or Enter, shows one as large as the screen.
const enlarged = document.getElementById("enlarged");
document.querySelectorAll(".enlarge").forEach((button) => button.addEventListener("click", () => {
  const picture = button.querySelector("img").cloneNode();
  picture.loading = "eager";
  enlarged.replaceChildren(picture);
  enlarged.showModal();
}));
enlarged.addEventListener("click", () => enlarged.close());

// plotly.js and the charts' figures come packed, as they would else be most of the page.
async function unpacked(id) {
  const packed = atob(document.getElementById(id).textContent);
  const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

async function unpack() {
  figures = JSON.parse(await unpacked("figures"));
  const script = document.createElement("script");
  script.textContent = await unpacked("library");
  document.head.append(script);
}

function start() {
  // Hundreds of charts drawn at once would hold the page up.
  const watcher = new IntersectionObserver(
    (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
    { rootMargin: "600px" });
  charts.forEach((chart) => watcher.observe(chart));

  addEventListener("beforeprint", () => charts.forEach((chart) => {
    draw(chart);
    Plotly.relayout(chart, { autosize: false, width: PRINTED_WIDTH });
  }));
  addEventListener("afterprint", () => charts.forEach((chart) =>
    Plotly.relayout(chart, { autosize: true, width: null })));
}

unpack().then(start, () => {
  document.getElementById("no-charts").hidden = false;
});
