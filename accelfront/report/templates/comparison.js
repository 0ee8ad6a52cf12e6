"use strict";

// Studies of one pipeline on one chart, in ratios to their own baselines, with fewer steps as a line.
const comparison = (() => {
  const { element, told } = explorer;

  function start(host, { loss, studies }) {
    const select = element("select", ""), place = element("div", "chart"), said = element("p", "asked");
    said.setAttribute("aria-live", "polite");
    studies.forEach((study, index) => select.append(new Option(study.title, index)));
    const all = studies.flatMap((study) => study.points);
    const ends = (axis) => all.map((point) => point[axis]?.[0]).filter((value) => value !== undefined);
    const ranges = { x: scatter.rangeOf(ends("x"), [1]), y: scatter.rangeOf(ends("y"), [0]) };
    const chart = scatter.make(place, {
      label: "Fronts of the studies. Left and right go from point to point.",
      told: ({ id, label }, stays) => {
        const link = element("a", "", "open the study");
        link.href = `#study-${studies[id.split("-")[0]]?.place}`;
        said.replaceChildren(label, " ", ...(id.startsWith("fewer") ? [] : [link]));
        if (stays && !id.startsWith("fewer") && select.value !== id.split("-")[0]) {
          select.value = id.split("-")[0];
          draw();
        }
      },
    });

    function draw() {
      const chosen = studies[select.value];
      const points = studies.flatMap((study, index) => study.points.filter((point) => point.y).map((point) => ({
        ...point, id: `${index}-${point.number}`, x: [point.x[0]], y: [point.y[0]],
        kind: study !== chosen ? "step" : point.number === study.answer ? "answer" : "inside",
        label: `${study.title}, trial ${point.number}: speedup ${told("x", point.x)}, ${loss} ${told("%", point.y)}`,
      })));
      const fewer = chosen.fewer.filter(({ x, y }) => x <= ranges.x[1] && y <= ranges.y[1]).map((each, index) => ({
        id: `fewer-${index}`, x: [each.x], y: [each.y], kind: "plain",
        label: `Fewer steps, ${each.words}: speedup ${told("x", [each.x, null, null])}, ${loss} ${told("%", [each.y, null, null])}`,
      }));
      const lines = studies.filter((study) => study !== chosen).map((study) => ({ kind: "faint-line", steps: true, study }));
      lines.push({ kind: "front-line", steps: true, study: chosen });
      const drawn = lines.map(({ study, ...line }) =>
        ({ ...line, points: study.points.filter((point) => point.y).map((point) => [point.x[0], point.y[0]]) }));
      if (fewer.length) drawn.push({ kind: "rival-line", points: [[1, 0], ...fewer.map(({ x, y }) => [x[0], y[0]])] });
      const axis = (title, range, tick) => ({ title, range, tick });
      chart.draw({
        x: axis("speedup over its own baseline", ranges.x, (value) => `${+value.toFixed(2)}x`),
        y: axis(loss, ranges.y, (value) => `${+(100 * value).toFixed(1)}%`), points: [...points, ...fewer], lines: drawn,
      });
    }

    host.hidden = false;
    host.append(element("div", "choices", element("label", "", "Study ", select)), place, said);
    select.addEventListener("change", () => {
      draw();
      const { title, fewer } = studies[select.value];
      said.textContent = `${title}: ${fewer.length ? "the dashed line is fewer steps" : "nothing is known of fewer steps"}.`;
    });
    draw();
  }

  // How the hypervolume grew with the points measured.
  function growth(host, { volumes, points }) {
    const place = element("div", "chart");
    const drawn = volumes.map((value, index) => ({
      id: `${index}`, x: [index + 1], y: [value], kind: "step",
      label: `${index + 1} points, trial ${points[index].number}: hypervolume ${value.toPrecision(4)}`,
    }));
    host.hidden = false;
    host.append(place);
    const axis = (title, range, tick) => ({ title, range, tick });
    scatter.make(place, { label: "Hypervolume against points measured. Left and right go from point to point." }).draw({
      x: axis("points measured", scatter.rangeOf([0.5, volumes.length + 0.5]), (value) => (Number.isInteger(value) ? `${value}` : "")),
      y: axis("hypervolume", scatter.rangeOf(volumes, [0]), (value) => `${+value.toPrecision(3)}`),
      points: drawn, lines: [{ kind: "front-line", steps: true, points: drawn.map(({ x, y }) => [x[0], y[0]]) }],
    });
  }

  return { start, growth };
})();
