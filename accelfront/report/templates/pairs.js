"use strict";

// Pairs of pictures: side by side, flipped, wiped, compared, enlarged. It knows nothing of the page around it.
const pairViewer = (() => {
  const MODES = { side: "Side by side", flip: "Flip", wipe: "Wipe", difference: "Difference" };
  const KEYS = { s: "side", f: "flip", w: "wipe", d: "difference" };
  const GAP = 4 / 256; // Between the pictures of a grid, by their longer side (objectives/quality/picture_grid.py).
  const READ = { willReadFrequently: true };
  const RIM = 1;
  const AMPLIFIED = 4; // In a difference map, as most differences are faint.
  const SEEN = 10; // Of 255: compressing a picture changes it by less.

  function element(name, classes, ...content) {
    const made = document.createElement(name);
    made.className = classes;
    made.append(...content);
    return made;
  }

  function button(words, act, classes = "") {
    const made = element("button", classes, words);
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  }

  // A part of an image as its own canvas, once the image has loaded.
  function canvasOf({ image, part }) {
    const canvas = document.createElement("canvas");
    image.loading = "eager";
    canvas.ready = image.decode().then(() => {
      const { x, y, width, height } = part(image);
      Object.assign(canvas, { width, height });
      canvas.getContext("2d", READ).drawImage(image, x, y, width, height, 0, 0, width, height);
    }, () => { canvas.width = canvas.height = 0; });
    return canvas;
  }

  const whole = (image) => ({ x: 0, y: 0, width: image.naturalWidth, height: image.naturalHeight });

  // One picture of a sheet without its rim: compressed, the white gap next to it colours that.
  const place = (column, row, columns, aspect) => (image) => {
    const { naturalWidth: across, naturalHeight: down } = image;
    const [wide, high] = [Math.min(1, aspect), Math.min(1, 1 / aspect)];
    const side = across / (columns * wide + (columns - 1) * GAP);
    const x = Math.ceil(column * (across + side * GAP) / columns) + RIM, y = Math.ceil(row * (down + side * GAP) / 2) + RIM;
    return { x, y, width: Math.floor(side * wide) - 2 * RIM, height: Math.floor(side * high) - 2 * RIM };
  };

  // How far two pictures differ, drawn from black (equal) over orange to white, and in words.
  function drawDifference(canvas, before, after) {
    const [width, height] = [Math.min(before.width, after.width), Math.min(before.height, after.height)];
    if (!width || !height) return "no picture to compare";
    const [one, two] = [before, after].map((each) => each.getContext("2d", READ).getImageData(0, 0, width, height).data);
    Object.assign(canvas, { width, height });
    const context = canvas.getContext("2d", READ), map = context.createImageData(width, height);
    let sum = 0, seen = 0;
    for (let at = 0; at < one.length; at += 4) {
      const far = Math.max(...[0, 1, 2].map((colour) => Math.abs(one[at + colour] - two[at + colour])));
      sum += far;
      seen += far > SEEN;
      const bright = Math.min(1, AMPLIFIED * far / 255);
      [1.6 * bright, 1.6 * bright - 0.45, 2.5 * bright - 1.5].forEach((part, colour) => {
        map.data[at + colour] = 255 * Math.min(1, Math.max(0, part));
      });
      map.data[at + 3] = 255;
    }
    context.putImageData(map, 0, 0);
    const pixels = one.length / 4;
    return `${(100 * seen / pixels).toFixed(1)}% of the pixels differ by more than ${SEEN} of 255, `
      + `${(sum / pixels).toFixed(1)} at the mean (shown ${AMPLIFIED} times as bright)`;
  }

  // What a set shows: both sides of every pair, with their words.
  function pairsOf(set) {
    const sheets = [...set.querySelectorAll(":scope > .pair-sheet")];
    if (!sheets.length) {
      return [...set.querySelectorAll(":scope > .pair")].map((figure) => {
        const [before, after] = [...figure.querySelectorAll("img")].map((image) => ({ image, part: whole }));
        const words = figure.querySelector(".pair-words");
        return { before, after, caption: words.firstChild.textContent, figures: words.lastElementChild.textContent };
      });
    }
    const aspect = parseFloat(set.style.getPropertyValue("--aspect")), notes = JSON.parse(set.dataset.notes);
    const sides = sheets.flatMap((image) => image.dataset.rows.split(" ").map((row) => ({ image, row: +row })));
    const columns = Math.min(...sheets.map((sheet) => +sheet.dataset.columns));
    return Array.from({ length: columns }, (_, column) => {
      const [before, after] = sides.map(({ image, row }) =>
        ({ image, part: place(column, row, +image.dataset.columns, aspect) }));
      const [caption, figures] = notes[column] ?? [`pair ${column + 1}`, ""];
      return { before, after, caption, figures };
    });
  }

  // A figure of one pair. Its set says in which way it is shown.
  function figureOf(pair, labels) {
    const [before, after] = [pair.before, pair.after].map(canvasOf), difference = document.createElement("canvas");
    const stage = element("div", "pair-stage"), measured = element("span", "pair-measured");
    [[before, "before", labels[0]], [after, "after", labels[1]], [difference, "difference", "difference"]]
      .forEach(([canvas, side, label]) => {
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `${pair.caption}: ${label}`);
        stage.append(element("div", `pair-picture pair-${side}`, canvas, element("span", "pair-label", label)));
      });
    const words = element("span", "pair-words", pair.caption, element("span", "pair-figures", pair.figures), measured);
    const figure = element("figure", "pair", stage, element("figcaption", "", words));
    figure.compare = () => Promise.all([before.ready, after.ready]).then(() => {
      measured.textContent ||= drawDifference(difference, before, after);
    });
    return figure;
  }

  function setMode(set, mode) {
    // Pressing it again flips the pair.
    set.classList.toggle("flipped", mode === "flip" && set.dataset.mode === "flip" && !set.classList.contains("flipped"));
    set.dataset.mode = mode;
    set.querySelectorAll(".pair-modes button").forEach((each) =>
      each.setAttribute("aria-pressed", each.dataset.mode === mode));
    const [before, after] = JSON.parse(set.dataset.labels);
    const shown = set.classList.contains("flipped") ? after : before;
    set.querySelector(".pair-told").textContent = mode === "flip" ? `${shown} shown` : "";
    if (mode === "difference") set.querySelectorAll(".pair").forEach((figure) => figure.compare());
  }

  function wipeTo(set, share) {
    const range = set.querySelector(".pair-wipe");
    range.value = Math.min(100, Math.max(0, share));
    set.style.setProperty("--wipe", `${range.value}%`);
  }

  function toolsOf(set, labels) {
    const modes = element("div", "pair-modes", ...Object.entries(MODES).map(([mode, words]) => {
      const made = button(words, () => setMode(set, mode));
      made.dataset.mode = mode;
      made.setAttribute("aria-keyshortcuts", mode[0]);
      made.title = `Key ${mode[0]}`;
      return made;
    }));
    modes.setAttribute("role", "group");
    modes.setAttribute("aria-label", "How the pictures are compared");
    const range = element("input", "pair-wipe");
    Object.assign(range, { type: "range", min: 0, max: 100, value: 50 });
    range.setAttribute("aria-label", `Wipe from ${labels[1]} to ${labels[0]}`);
    range.addEventListener("input", () => wipeTo(set, range.value));
    const told = element("span", "pair-told unseen");
    told.setAttribute("aria-live", "polite");
    return element("div", "pair-tools", modes, range, told);
  }

  // What a press on a picture does; a wipe follows the pointer.
  function listen(set, enlargeAt) {
    set.tabIndex = -1; // So that keys go to the set whose picture was pressed last.
    const stageOf = (event) => event.target.closest?.(".pair-stage");
    set.addEventListener("click", (event) => {
      const stage = stageOf(event);
      if (!stage) return;
      if (set.dataset.mode === "flip") setMode(set, "flip");
      else if (set.dataset.mode !== "wipe") enlargeAt?.([...set.querySelectorAll(".pair-stage")].indexOf(stage));
    });
    const follow = (event) => {
      const stage = set.dataset.mode === "wipe" && (event.type === "pointerdown" || event.buttons) && stageOf(event);
      if (!stage) return;
      const { left, width } = stage.getBoundingClientRect();
      wipeTo(set, 100 * (event.clientX - left) / width);
    };
    set.addEventListener("pointerdown", follow);
    set.addEventListener("pointermove", follow);
    set.addEventListener("keydown", (event) => {
      const mode = KEYS[event.key.toLowerCase()];
      if (mode && !event.ctrlKey && !event.metaKey && !event.altKey) setMode(set, mode);
    });
  }

  function fill(set, pairs, labels, mode, enlargeAt) {
    const figures = pairs.map((pair, index) => {
      const figure = figureOf(pair, labels);
      if (enlargeAt) {
        const enlarge = button("Enlarge", () => enlargeAt(index));
        enlarge.setAttribute("aria-label", `Enlarge ${pair.caption}`);
        figure.lastChild.append(enlarge);
      }
      return figure;
    });
    set.querySelectorAll(":scope > .pair").forEach((old) => old.remove());
    if (!set.querySelector(".pair-tools")) set.append(toolsOf(set, labels));
    set.append(...figures);
    set.classList.add("ready");
    setMode(set, mode);
  }

  // One pair as large as the screen; the arrow keys go to the next one.
  function enlarge(set, pairs, index) {
    const labels = JSON.parse(set.dataset.labels), large = element("div", "pair-set");
    large.dataset.labels = set.dataset.labels;
    large.style.cssText = set.style.cssText;
    const count = element("span", "pair-count");
    const show = (to, mode) => {
      index = (to + pairs.length) % pairs.length;
      count.textContent = `${index + 1} of ${pairs.length}`;
      fill(large, [pairs[index]], labels, mode ?? large.dataset.mode);
    };
    const [previous, next] = [button("Previous", () => show(index - 1)), button("Next", () => show(index + 1))];
    const dialog = element("dialog", "pair-dialog",
      element("div", "pair-bar", count, previous, next, button("Close", () => dialog.close())), large);
    previous.disabled = next.disabled = pairs.length < 2;
    dialog.setAttribute("aria-label", "Pair of pictures");
    dialog.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step && event.target.type !== "range") show(index + step);
      else if (KEYS[event.key] && !large.contains(event.target)) setMode(large, KEYS[event.key]);
    });
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => dialog.remove());
    listen(large);
    document.body.append(dialog);
    show(index, set.dataset.mode);
    dialog.showModal();
  }

  // Let a set of pairs be shown in these ways, beginning with one of them.
  function enhance(set, mode = "side") {
    if (set.classList.contains("ready")) return;
    const pairs = pairsOf(set), enlargeAt = (index) => enlarge(set, pairs, index);
    listen(set, enlargeAt);
    fill(set, pairs, JSON.parse(set.dataset.labels), mode, enlargeAt);
  }

  // All sets of a page, each once it comes near the screen: hundreds at once would hold the page up.
  function watch(root = document) {
    const watcher = new IntersectionObserver((entries) =>
      entries.filter((entry) => entry.isIntersecting).forEach((entry) => {
        watcher.unobserve(entry.target);
        enhance(entry.target);
      }), { rootMargin: "400px" });
    root.querySelectorAll(".pair-set:not(.ready)").forEach((set) => watcher.observe(set));
  }

  return { enhance, watch };
})();
