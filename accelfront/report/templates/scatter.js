"use strict";

// A chart of points with intervals, of lines, and of limits that are dragged: SVG, for pointers, fingers and keys.
const scatter = (() => {
  const MARGIN = { left: 58, right: 16, top: 30, bottom: 42 };
  const NEAR = 28; // Pixels from which a point answers to a pointer.
  const SHAPES = {
    answer: "M0-9 9 0 0 9-9 0Z", inside: "M5.5 0A5.5 5.5 0 1 1-5.5 0 5.5 5.5 0 1 1 5.5 0Z",
    outside: "M5 0A5 5 0 1 1-5 0 5 5 0 1 1 5 0Z", other: "M-3.5-3.5 3.5 3.5M-3.5 3.5 3.5-3.5",
    plain: "M-5-5H5V5H-5Z", step: "M3 0A3 3 0 1 1-3 0 3 3 0 1 1 3 0Z",
  };

  function svg(name, attributes = {}, ...content) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.entries(attributes).forEach(([key, value]) => made.setAttribute(key, value));
    made.append(...content);
    return made;
  }

  // Round numbers between two ends, about as many as asked for.
  function ticksOf(low, high, count) {
    const rough = (high - low) / count, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
    const first = Math.ceil(low / step - 1e-9);
    return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, index) => (first + index) * step);
  }

  // The range of an axis: its values, a tenth of room, and values that must always be visible.
  function rangeOf(values, always = []) {
    const all = [...values, ...always], low = Math.min(...all), high = Math.max(...all);
    const room = (high - low || Math.abs(high) || 1) * 0.08;
    return [low - room, high + room];
  }

  // Args: host: an element. label: the chart's name. told: called when a point is shown (point, whether it stays).
  function make(host, { label, told = () => {}, moved = () => {} }) {
    const root = svg("svg", { role: "group", "aria-label": label, class: "scatter" });
    const back = svg("g"), marks = svg("g"), limits = svg("g");
    root.append(back, limits, marks);
    host.append(root);
    let drawing, place, current = null;

    function scales(width, height) {
      const inner = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
      const { x, y } = drawing;
      return {
        width, height,
        x: (value) => MARGIN.left + inner[0] * (value - x.range[0]) / (x.range[1] - x.range[0]),
        y: (value) => MARGIN.top + inner[1] * (1 - (value - y.range[0]) / (y.range[1] - y.range[0])),
        backX: (at) => x.range[0] + (at - MARGIN.left) / inner[0] * (x.range[1] - x.range[0]),
        backY: (at) => y.range[0] + (1 - (at - MARGIN.top) / inner[1]) * (y.range[1] - y.range[0]),
      };
    }

    function drawAxes() {
      const { x, y } = drawing, { width, height } = place, floor = height - MARGIN.bottom;
      const lines = ticksOf(...y.range, 5).flatMap((value) => [
        svg("line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: place.y(value), y2: place.y(value) }),
        svg("text", { x: MARGIN.left - 8, y: place.y(value), "text-anchor": "end", "dominant-baseline": "middle" }, y.tick(value)),
      ]);
      const feet = ticksOf(...x.range, Math.max(3, width / 110)).map((value) =>
        svg("text", { x: place.x(value), y: floor + 18, "text-anchor": "middle" }, x.tick(value)));
      const names = [
        svg("text", { class: "name", x: width - MARGIN.right, y: height - 6, "text-anchor": "end" }, x.title),
        svg("text", { class: "name", x: 0, y: 12 }, y.title),
      ];
      back.replaceChildren(...lines, svg("line", { class: "axis", x1: MARGIN.left, x2: width - MARGIN.right, y1: floor, y2: floor }),
        ...feet, ...names);
    }

    function drawLines() {
      (drawing.lines ?? []).forEach(({ points, kind, steps }) => {
        const parts = points.map(([x, y], index) => {
          const [left, top] = [place.x(x), place.y(y)];
          return index === 0 ? `M${left} ${top}` : steps ? `H${left}V${top}` : `L${left} ${top}`;
        });
        back.append(svg("path", { class: `line ${kind}`, d: parts.join("") }));
      });
    }

    function drawPoint(point) {
      const [left, top] = [place.x(point.x[0]), place.y(point.y[0])];
      // An interval ends at the edge of the chart; an unknown end is beyond it.
      const end = (axis, value, beyond) => {
        const [low, high] = drawing[axis].range;
        return place[axis](Math.min(high, Math.max(low, value ?? beyond)));
      };
      const bars = [["x", left], ["y", top]].filter(([axis]) => point[axis].length > 1).map(([axis, at]) => {
        const [from, to] = [end(axis, point[axis][1], -Infinity) - at, end(axis, point[axis][2], Infinity) - at];
        return svg("path", { class: "interval-bar", d: axis === "x" ? `M${from} 0H${to}` : `M0 ${from}V${to}` });
      });
      const group = svg("g", {
        class: `point ${point.kind}`, transform: `translate(${left} ${top})`, role: "button", tabindex: -1, "aria-label": point.label,
        "data-id": point.id,
      }, ...bars, svg("path", { class: "shape", d: SHAPES[point.kind] ?? SHAPES.plain }));
      if (point.words) group.append(svg("text", { x: 12, y: -8 }, point.words));
      group.addEventListener("focus", () => look(point, true));
      return group;
    }

    const groupOf = (id) => marks.querySelector(`[data-id="${CSS.escape(id)}"]`);

    // Show a point; one that is only hovered gives way again.
    function look(point, stays) {
      marks.querySelectorAll(".looked").forEach((each) => each.classList.remove("looked"));
      groupOf(point.id)?.classList.add("looked");
      if (stays) {
        marks.querySelectorAll("[tabindex='0']").forEach((each) => each.setAttribute("tabindex", -1));
        groupOf(point.id)?.setAttribute("tabindex", 0);
        current = point.id;
      }
      told(point, stays);
    }

    function drawMarks() {
      const hadFocus = marks.contains(document.activeElement);
      // In the order of the arrow keys; where points overlap, the least important are drawn first.
      const points = [...drawing.points].sort((a, b) => a.x[0] - b.x[0]);
      marks.replaceChildren(...points.map(drawPoint));
      ["other", "outside", "inside", "answer"].forEach((kind) => marks.append(...marks.querySelectorAll(`.${kind}`)));
      const first = groupOf(current ?? "") ?? marks.querySelector(".answer") ?? marks.firstChild;
      first?.setAttribute("tabindex", 0);
      if (groupOf(current ?? "")) groupOf(current).classList.add("looked");
      if (hadFocus) first?.focus({ preventScroll: true });
    }

    function nearest(event) {
      const box = root.getBoundingClientRect();
      const away = (point) => Math.hypot(place.x(point.x[0]) - (event.clientX - box.left), place.y(point.y[0]) - (event.clientY - box.top));
      const found = drawing.points.reduce((best, point) => (!best || away(point) < away(best) ? point : best), null);
      return found && away(found) < NEAR ? found : null;
    }

    function step(event) {
      if (event.target.getAttribute("role") !== "button") return;
      const order = [...drawing.points].sort((a, b) => a.x[0] - b.x[0] || a.y[0] - b.y[0]);
      const at = order.findIndex((point) => point.id === event.target.dataset.id);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: order.length - 1 }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      groupOf(order[Math.min(order.length - 1, Math.max(0, to))].id).focus();
    }

    // A limit: a line across the chart with a handle, which keys and pointers move.
    function limitOf(limit) {
      const group = svg("g", {
        class: `limit ${limit.axis}`, role: "slider", tabindex: 0, "aria-label": limit.label, "data-key": limit.key,
        "aria-orientation": limit.axis === "y" ? "vertical" : "horizontal",
      }, svg("line", { class: "limit-grip" }), svg("line", { class: "limit-line" }), svg("text"), svg("path", { class: "limit-handle" }));
      const set = (value) => {
        const [low, high] = drawing[group.limit.axis].range;
        moved(group.limit.key, Math.min(high, Math.max(low, Math.round(value / group.limit.step) * group.limit.step)));
      };
      group.addEventListener("keydown", (event) => {
        const { value, step: size } = group.limit, [low, high] = drawing[group.limit.axis].range;
        const from = Math.min(high, value);
        const to = {
          ArrowUp: from + size, ArrowRight: from + size, ArrowDown: from - size, ArrowLeft: from - size,
          PageUp: from + 10 * size, PageDown: from - 10 * size, Home: low, End: high,
        }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        set(to);
      });
      group.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        group.focus({ preventScroll: true });
        group.setPointerCapture(event.pointerId);
      });
      // A finger on the line drags it instead of scrolling: CSS cannot set this for a part of a chart.
      group.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
      group.addEventListener("pointermove", (event) => {
        if (!group.hasPointerCapture(event.pointerId)) return;
        const box = root.getBoundingClientRect();
        set(group.limit.axis === "y" ? place.backY(event.clientY - box.top) : place.backX(event.clientX - box.left));
      });
      return group;
    }

    function drawLimits() {
      const wanted = drawing.limits ?? [];
      [...limits.children].filter((each) => !wanted.some((limit) => limit.key === each.dataset.key && each.classList.contains(limit.axis)))
        .forEach((each) => each.remove());
      wanted.forEach((limit) => {
        let group = limits.querySelector(`.${limit.axis}[data-key="${CSS.escape(limit.key)}"]`);
        if (!group) limits.append(group = limitOf(limit));
        group.limit = limit;
        const { width, height } = place, [low, high] = drawing[limit.axis].range, value = Math.min(high, Math.max(low, limit.value));
        const across = limit.axis === "y", at = across ? place.y(value) : place.x(value), floor = height - MARGIN.bottom;
        const ends = across ? { x1: MARGIN.left, x2: width - MARGIN.right, y1: at, y2: at } : { x1: at, x2: at, y1: MARGIN.top, y2: floor };
        group.querySelectorAll("line").forEach((line) => Object.entries(ends).forEach(([key, end]) => line.setAttribute(key, end)));
        const [words, handle] = [group.querySelector("text"), group.querySelector("path")];
        words.textContent = limit.words;
        // Below the line, far from fast points that lose much, except for a line at the floor.
        words.setAttribute("text-anchor", across ? "end" : "start");
        words.setAttribute("x", across ? width - MARGIN.right - 14 : at + 6);
        words.setAttribute("y", across ? (at > floor - 24 ? at - 6 : at + 16) : MARGIN.top + 12);
        handle.setAttribute("d", across ? `M${width - MARGIN.right - 8} ${at}l8-8v16Z` : `M${at} ${floor - 8}l-8 8h16Z`);
        Object.entries({ "aria-valuemin": low, "aria-valuemax": high, "aria-valuenow": value, "aria-valuetext": limit.words })
          .forEach(([key, each]) => group.setAttribute(key, each));
      });
    }

    function draw(next) {
      drawing = next ?? drawing;
      if (!drawing || !host.clientWidth) return;
      const width = host.clientWidth, height = Math.round(Math.min(560, Math.max(320, width * 0.72)));
      place = scales(width, height);
      Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` }).forEach(([key, value]) => root.setAttribute(key, value));
      drawAxes();
      drawLines();
      drawLimits();
      drawMarks();
    }

    root.addEventListener("keydown", step);
    root.addEventListener("pointermove", (event) => {
      if (event.buttons || event.pointerType === "touch") return;
      const point = nearest(event);
      if (point && !groupOf(point.id).classList.contains("looked")) look(point, false);
    });
    root.addEventListener("pointerleave", () => {
      const kept = drawing?.points.find((point) => point.id === current);
      if (kept) look(kept, false);
    });
    root.addEventListener("click", (event) => {
      const point = nearest(event);
      if (point) groupOf(point.id).focus({ preventScroll: true });
    });
    new ResizeObserver(() => { if (drawing && host.clientWidth !== place?.width) draw(); }).observe(host);
    return { draw, choose: (id) => groupOf(id)?.focus({ preventScroll: true }), keep: (id) => { current = id; } };
  }

  // The meaning of the marks: words by kind.
  function legend(kinds) {
    const list = document.createElement("ul");
    list.className = "legend";
    Object.entries(kinds).forEach(([kind, words]) => {
      const item = document.createElement("li");
      const mark = svg("g", { class: `point ${kind}` }, svg("path", { class: "shape", d: SHAPES[kind] }));
      item.append(svg("svg", { viewBox: "-12 -12 24 24", "aria-hidden": "true" }, mark), ` ${words}`);
      list.append(item);
    });
    return list;
  }

  return { make, rangeOf, legend };
})();
