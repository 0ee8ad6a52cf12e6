"use strict";

const { pairs, names, post, file } = JSON.parse(document.getElementById("data").textContent);
const part = (id) => document.getElementById(id);
const choices = [...document.querySelectorAll("[data-choice]")];
const OTHER = { trial: "rival", rival: "trial" };
const KEYS = {
  ArrowLeft: () => choose(0), 1: () => choose(0), ArrowRight: () => choose(1), 2: () => choose(1),
  ArrowDown: () => choose(null), "=": () => choose(null), u: undo, Backspace: undo,
};
let voter = "", chosen = [], kept = [], busy = false;

function show() {
  const at = chosen.length, isDone = at === pairs.length;
  part("start").hidden = true;
  part("vote").hidden = isDone;
  part("done").hidden = !isDone;
  part("progress").value = at;
  part("count").textContent = isDone ? `all ${at} answered` : `pair ${at + 1} of ${pairs.length}`;
  part("undo").disabled = !at;
  if (isDone) {
    tell();
    part("done").focus();
    return;
  }
  part("prompt").textContent = pairs[at].prompt;
  choices.forEach((button, place) => { button.querySelector("img").src = pairs[at].pictures[place]; });
}

// The page only says at the end whose picture it was.
function tell() {
  const count = (winner) => chosen.filter((each) => each === winner).length;
  part("own").textContent = `Of ${chosen.length} pairs you preferred ${names.trial} in ${count("trial")}, ${names.rival} in `
    + `${count("rival")}, and saw no difference in ${count("neither")}.`;
  part("save").hidden = Boolean(post);
}

// A vote is kept before the next pair is shown; an undone vote is followed by one that withdraws it.
async function keep(at, winner) {
  const { pair, shown_first } = pairs[at], vote = { pair, shown_first, winner };
  if (!post) {
    kept.push({ ...vote, voted_at: new Date().toISOString() });
    return;
  }
  const answer = await fetch(post, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ...vote, voter }),
  });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  part("all").textContent = told.all && `All votes so far: ${names.trial} preferred in ${told.all}.`;
}

async function step(at, winner, after) {
  if (busy) return;
  busy = true;
  part("fault").textContent = "";
  try {
    await keep(at, winner);
    after();
    show();
  } catch (error) {
    part("fault").textContent = `The vote was not kept: ${error.message}. Is the command still running?`;
  } finally {
    busy = false;
  }
}

function choose(place) {
  const at = chosen.length;
  if (!voter || at === pairs.length) return;
  const { shown_first } = pairs[at], winner = place === null ? "neither" : place ? OTHER[shown_first] : shown_first;
  step(at, winner, () => chosen.push(winner));
}

function undo() {
  if (voter && chosen.length) step(chosen.length - 1, "withdrawn", () => chosen.pop());
}

function save() {
  const content = JSON.stringify({ ...file, voter, votes: kept }, null, 1), link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type: "application/json" }));
  link.download = "votes.json";
  link.click();
  URL.revokeObjectURL(link.href);
}

part("start").addEventListener("submit", (event) => {
  event.preventDefault();
  voter = part("voter").value.trim();
  if (voter) show();
});
choices.forEach((button) => button.addEventListener("click", () => choose(+button.dataset.choice)));
part("equal").addEventListener("click", () => choose(null));
part("undo").addEventListener("click", undo);
part("back").addEventListener("click", undo);
part("save").addEventListener("click", save);
addEventListener("keydown", (event) => {
  const act = KEYS[event.key];
  if (!act || !voter || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  // A key that is held down votes once, as nobody has looked at the next pair yet.
  if (!event.repeat) act();
});
