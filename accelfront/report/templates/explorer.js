"use strict";

// The front of a study: points to look at, budgets to move, axes to choose.
const explorer = (() => {
  const STEP = { "%": 0.001, MiB: 128 };
  const MARKS = { answer: "the answer", inside: "front, inside the budgets", outside: "front, outside", other: "beaten or left out", plain: "the pipeline alone" };
  const FORMS = {
    x: (value) => `${value.toFixed(2)}x`,
    "%": (value) => `${(100 * value).toFixed(1).replace("-0.0", "0.0")}%`,
    s: (value) => `${+value.toPrecision(3)} s`,
    MiB: (value) => (value < 1024 ? `${Math.round(value)} MiB` : `${+(value / 1024).toPrecision(3)} GiB`),
  };

  const ROUGH = "Drag a budget's line, or move it with the arrow keys. Other budgets are judged by what is measured: "
    + "a study that is run with them would measure its best points again.";
  const limited = (unit, most) => (unit === "%" ? `${+(100 * most).toPrecision(3)}%` : FORMS[unit](most));

  function element(name, classes, ...content) {
    const made = document.createElement(name);
    made.className = classes;
    made.append(...content);
    return made;
  }

  const told = (unit, ends) => {
    const form = FORMS[unit], [value, low, high] = ends;
    return low === null || high === null || low === high ? form(value) : `${form(value)} (${form(low)} to ${form(high)})`;
  };

  function chooser(label, axes, chosen, change) {
    const select = element("select", "");
    Object.entries(axes).forEach(([name, { title }]) => select.append(new Option(title, name, false, name === chosen)));
    select.addEventListener("change", () => change(select.value));
    return element("label", "", `${label} `, select);
  }

  // The pictures of a point, from where the page has them.
  function picturesOf(id, number, aspect, mode) {
    const held = document.querySelector(`[data-pictures="${id}-${number}"]`), image = held?.querySelector("img");
    if (!image) return element("p", "faint", "No pictures of this point are on this page.");
    const set = element("div", "pair-set"), sheet = element("img", "pair-sheet");
    Object.assign(sheet, { src: image.src, alt: image.alt });
    Object.assign(sheet.dataset, { columns: image.dataset.columns, rows: "0 1" });
    set.dataset.labels = '["baseline", "accelerated"]';
    set.dataset.notes = held.dataset.notes ?? held.querySelector(".pair-set").dataset.notes;
    set.style.setProperty("--aspect", aspect);
    set.append(sheet);
    pairViewer.enhance(set, mode);
    return set;
  }

  function start(host, values, copyable) {
    const { axes, loss, points } = values, id = host.dataset.study, own = values.budgets;
    const chosen = { x: "speedup", y: loss };
    let asked = { ...own }, shownIs = null, ranges;
    const byNumber = Object.fromEntries(points.map((point) => [point.number, point]));

    const sayAsked = element("p", "asked");
    sayAsked.setAttribute("aria-live", "polite");
    const reset = element("button", "", "Back to the study's budgets");
    const python = element("div", ""), panel = element("div", "panel"), place = element("div", "chart");
    const chart = scatter.make(place, {
      label: "The study's points. Left and right go from point to point.",
      told: (point) => show(point.id),
      moved: (key, value) => {
        asked = { ...asked, [key]: value };
        if (!(key in own) && value >= ranges[chosen.x === key ? "x" : "y"][1]) delete asked[key];
        draw();
      },
    });

    const words = (budgets) => Object.entries(budgets)
      .map(([name, most]) => `${axes[name]?.title ?? name} at most ${axes[name] ? limited(axes[name].unit, most) : most}`).join(" and ");
    const brief = (point) => `trial ${point.number}, ${told("x", point.figures.speedup)} at ${told("%", point.figures[loss])}`;
    const percent = (chance) => `${Math.min(99, Math.floor(100 * chance))}%`;

    function answerIn({ answer, bolder }) {
      const isOwn = JSON.stringify(asked) === JSON.stringify(own);
      const gives = answer ? `${brief(answer)}; inside with a chance of ${percent(judging.chanceInside(answer, asked))}.`
        : "no point is sure to be inside and faster than the pipeline alone.";
      const risks = bolder ? ` The bolder point: ${brief(bolder)}; chance inside ${percent(judging.chanceInside(bolder, asked))}.` : "";
      sayAsked.replaceChildren(element("strong", "", `With ${words(asked)}: `), gives + risks);
      reset.disabled = isOwn;
      const budget = Object.entries(asked).map(([name, most]) =>
        (name === "memory_mib" ? `"memory": "${most / 1024}GiB"` : `"${name}": ${+most.toPrecision(6)}`)).join(", ");
      python.replaceChildren(...(answer && !isOwn
        ? [copyable("The same in Python", `${values.python}.best(budget={${budget}})`)] : []));
    }

    // The loss's own budget leaves no point out.
    const leftOut = (point) => !judging.isInside(point, { ...own, [loss]: Infinity });

    const kindOf = (point, answer) => (point === answer ? "answer" : !point.listed ? "other"
      : judging.isInside(point, asked) ? "inside" : "outside");

    function show(key) {
      if (key === shownIs) return;
      shownIs = key;
      const point = byNumber[key];
      if (!point) {
        panel.replaceChildren(element("p", "panel-title", "The pipeline alone"), element("p", "", "Speedup 1, no loss: what all points are measured beside."));
        return;
      }
      const mode = panel.querySelector(".pair-set")?.dataset.mode;
      const figures = element("dl", "facts");
      const fact = (name, text) => figures.append(element("div", "", element("dt", "", name), element("dd", "", text)));
      Object.entries(axes).forEach(([name, { title, unit }]) => point.figures[name] && fact(title, told(unit, point.figures[name])));
      if (point.worst) fact("worst 5% of prompts", point.worst);
      fact("chance inside", percent(judging.chanceInside(point, asked)));
      const marks = [point.role, point.confirmed && "confirmed on unseen prompts", point.disturbed && "disturbed"].filter(Boolean);
      panel.replaceChildren(
        element("p", "panel-title", `Trial ${point.number}`, ...(marks.length ? [element("span", "faint", ` ${marks.join(", ")}`)] : [])),
        element("div", "panel-pictures", picturesOf(id, point.number, host.style.getPropertyValue("--aspect"), mode)),
        element("code", "lines", point.params), figures,
        point.command ? copyable("Write a script of it", point.command)
          : element("p", "faint", point.listed ? point.why
            : leftOut(point) ? "Left out: it breaks a budget other than that of the loss." : "Not on the front: other points beat it."));
    }

    function limits() {
      return ["x", "y"].filter((axis) => STEP[axes[chosen[axis]].unit]).map((axis) => {
        const key = chosen[axis], { title, unit } = axes[key], most = asked[key];
        const text = most === undefined ? `no budget of ${title}: drag` : `${title} at most ${limited(unit, most)}`;
        return { axis, key, value: most ?? Infinity, step: STEP[unit], words: text, label: `Budget of ${title}` };
      });
    }

    // The points that no other one beats on both axes, among those that break no budget but the loss's; less is better for seconds and losses.
    function frontOf(drawn) {
      const sign = (name) => (name === "speedup" ? -1 : 1);
      const others = { ...asked, [loss]: Infinity };
      const sorted = drawn.filter((point) => judging.isInside(byNumber[point.id], others)).sort((a, b) => sign(chosen.x) * (a.x[0] - b.x[0]) || a.y[0] - b.y[0]);
      let best = Infinity;
      return sorted.filter((point) => sign(chosen.y) * point.y[0] < best && (best = sign(chosen.y) * point.y[0], true))
        .map((point) => [point.x[0], point.y[0]]);
    }

    function draw(fresh = false) {
      const found = judging.judge(values, asked);
      const drawn = points.filter((point) => point.figures[chosen.x] && point.figures[chosen.y]).map((point) => {
        const kind = kindOf(point, found.answer);
        return {
          id: `${point.number}`, x: point.figures[chosen.x], y: point.figures[chosen.y], kind, words: kind === "answer" ? `trial ${point.number}` : "",
          label: `Trial ${point.number}${kind === "answer" ? ", the answer" : ""}: ${axes[chosen.x].title} `
            + `${told(axes[chosen.x].unit, point.figures[chosen.x])}, ${axes[chosen.y].title} ${told(axes[chosen.y].unit, point.figures[chosen.y])}`,
        };
      });
      const line = { points: frontOf(drawn), kind: "front-line", steps: true };
      const hasPlain = chosen.x === "speedup" && axes[chosen.y].unit === "%";
      if (hasPlain) drawn.push({ id: "plain", x: [1], y: [0], kind: "plain", label: "The pipeline alone", words: "" });
      if (fresh) {
        ranges = Object.fromEntries(["x", "y"].map((axis) =>
          [axis, scatter.rangeOf(drawn.map((point) => point[axis][0]), own[chosen[axis]] === undefined ? [] : [own[chosen[axis]], 1.5 * own[chosen[axis]]])]));
      }
      const axis = (name, which) => ({ title: axes[name].title, range: ranges[which], tick: FORMS[axes[name].unit] });
      chart.draw({ x: axis(chosen.x, "x"), y: axis(chosen.y, "y"), points: drawn, lines: [line], limits: limits() });
      answerIn(found);
      if (shownIs === null && points.length) {
        const first = found.answer ?? found.bolder ?? points.find((point) => point.listed) ?? points[0];
        chart.keep(`${first.number}`);
        show(`${first.number}`);
      }
    }

    reset.type = "button";
    reset.addEventListener("click", () => { asked = { ...own }; draw(); });
    const pick = (axis) => (name) => { chosen[axis] = name; draw(true); };
    host.hidden = false;
    host.append(sayAsked,
      element("div", "choices", chooser("Across", axes, chosen.x, pick("x")), chooser("Up", axes, chosen.y, pick("y")), reset),
      element("div", "explore", element("div", "beside", place, scatter.legend(MARKS), element("p", "hint", ROUGH)), panel), python);
    draw(true);
    return { choose: (number) => chart.choose(`${number}`) };
  }

  return { start, element, told };
})();
