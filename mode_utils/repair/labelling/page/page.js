// The page: what is seen of the task, and what keys and clicks do to it.

const THUMBNAIL = 68; // pixels that one needs in the strip, with its margin
const WITH_KEYS = 20; // labels that get a key each; of more, one is searched by its name
const MOST_BUTTONS = 100; // labels that are in the page at once: thousands of buttons would make each answer slow
const at = (id) => document.getElementById(id);
const keys = keysOfClasses(task.classes);
const searching = !keys.size;
const keyOf = new Map([...keys].map(([key, label]) => [label, key]));
const lowerNames = task.classes.map((name) => name.toLowerCase());
let view = task.rows.map((_, place) => place); // the rows that are shown, after the filters
let current = 0; // the row that is asked about

// From a key to a class: names of one sign are their own keys; digits and letters otherwise.
function keysOfClasses(names) {
  if (names.every((name) => /^[^\s-]$/u.test(name))) return new Map(names.map((name, label) => [name, label]));
  if (names.length > WITH_KEYS) return new Map();
  return new Map([..."1234567890abcdefghij"].slice(0, names.length).map((key, label) => [key, label]));
}

// The buttons of some labels, or of the first of many; what is said of the others is how to find them.
function showClasses(fitting) {
  at("classes").replaceChildren(...fitting.slice(0, MOST_BUTTONS).map(classButton));
  const hidden = fitting.length - MOST_BUTTONS;
  at("more-classes").hidden = hidden <= 0;
  at("more-classes").textContent = hidden > 0 ? `and ${hidden} more: type a part of a name` : "";
  markClasses();
}

function classButton(label) {
  const name = task.classes[label], key = keyOf.get(label);
  const button = node("button", { type: "button", "data-label": label }, node("span", {}, name));
  if (key !== undefined && key !== name) button.append(" ", node("kbd", {}, key));
  button.addEventListener("click", () => answer(label));
  return button;
}

function markClasses() {
  for (const button of at("classes").children) {
    button.disabled = !view.includes(current);
    button.setAttribute("aria-pressed", !button.disabled && labels.get(current) === Number(button.dataset.label));
  }
}

function makeGuesses() {
  const counts = new Map();
  for (const row of task.rows) if (row.guess !== undefined) counts.set(row.guess, (counts.get(row.guess) || 0) + 1);
  at("by-guess").append(node("option", { value: "" }, "anything"));
  for (const name of [...counts.keys()].sort()) {
    at("by-guess").append(node("option", { value: `=${name}` }, `${name} (${counts.get(name)})`));
  }
}

function stateOf(place) {
  const label = labels.get(place);
  return label === undefined ? "open" : label === CANNOT_TELL ? "cannot-tell" : "labelled";
}

function nameOf(label) {
  return label === CANNOT_TELL ? "cannot tell" : task.classes[label];
}

function filter() {
  const state = at("by-state").value, guess = at("by-guess").value;
  view = task.rows.flatMap((row, place) => {
    const fits = (state === "all" || stateOf(place) === state) && (!guess || `=${row.guess}` === guess);
    return fits ? [place] : [];
  });
}

function filterAnew() {
  filter();
  if (!view.includes(current) && view.length) current = view.find((place) => place > current) ?? view[0];
  draw();
}

function show(place) {
  current = place;
  draw();
}

function move(steps) {
  if (!view.length) return;
  const here = view.indexOf(current);
  show(view[Math.min(Math.max(here + steps, 0), view.length - 1)]);
}

function answer(label) {
  if (!view.includes(current)) return;
  const place = current;
  decide(place, label);
  say(`Input ${place + 1}: ${nameOf(label)}.`);
  clearSearch();
  goOn(place);
}

// On to the next row without a label, or where all that are shown have one, to the next.
function goOn(place) {
  filter();
  const after = [...view.filter((each) => each > place), ...view.filter((each) => each < place)];
  const open = after.find((each) => stateOf(each) === "open");
  const next = open ?? view.find((each) => each > place) ?? view.at(-1);
  show(next ?? place);
}

function undo() {
  const place = takeBack();
  if (place === null) return say("There is nothing to undo.");
  filter();
  if (!view.includes(place)) {
    at("by-state").value = "all";
    at("by-guess").value = "";
    filter();
  }
  say(`Undone: input ${place + 1}.`);
  show(place);
}

function say(text) {
  at("said").textContent = text;
}

function draw() {
  drawInput();
  drawProgress();
  drawStrip();
}

function drawInput() {
  const row = task.rows[current], here = view.includes(current);
  const alt = row.name ?? `input ${row.index} of the pool`;
  at("shown").replaceChildren(...(here ? [viewOf(current, alt)] : []));
  at("which").textContent = here ? `Input ${current + 1} of ${task.rows.length}` : "";
  at("nothing").hidden = here;
  at("nothing").textContent = here ? "" : "No input is like that. Show all, or download the labels.";
  const sure = row.confidence === undefined ? "" : `, ${Math.round(100 * row.confidence)}% sure`;
  tell("facts", here && {
    "labelled as": labels.has(current) ? nameOf(labels.get(current)) : "nothing yet",
    "model says": row.predicted === undefined || !at("hints").checked ? undefined : `${row.predicted}${sure}`,
    "seems to be": at("hints").checked ? row.guess : undefined,
  });
  at("by-guess-row").hidden = !at("hints").checked || at("by-guess").options.length < 3;
  tell("more", here && { "why it is asked": at("hints").checked ? row.reason : undefined, "name": row.name, "place in the pool": row.index });
  markClasses();
  at("cannot-tell").setAttribute("aria-pressed", here && labels.get(current) === CANNOT_TELL);
  at("cannot-tell").disabled = !here;
}

function tell(id, facts) {
  const told = Object.entries(facts || {}).filter(([, fact]) => fact !== undefined);
  at(id).replaceChildren(...told.map(([what, fact]) => node("div", {}, node("dt", {}, what), node("dd", {}, `${fact}`))));
}

function drawProgress() {
  const counts = countStates(), left = secondsLeft();
  at("bar").max = task.rows.length;
  at("bar").value = labels.size;
  const parts = [`${counts.labelled} of ${task.rows.length} labelled`];
  if (counts.cannotTell) parts.push(`${counts.cannotTell} cannot tell`);
  if (!counts.open) parts.push("all done: download labels.csv");
  else if (left !== null) parts.push(`about ${duration(left)} left`);
  at("progress").textContent = `${parts.join(", ")}.`;
  at("undo").disabled = !past.length;
  at("warning").hidden = stored;
  at("warning").textContent = stored ? "" : "This browser keeps nothing here (a private window?): download labels.csv before you close or reload this page.";
}

function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// Only the neighbours that there is room for are in the page: thousands of inputs make it no slower.
function drawStrip() {
  const strip = at("strip"), n = Math.max(3, Math.floor(strip.clientWidth / THUMBNAIL));
  const here = Math.max(0, view.indexOf(current));
  const first = Math.max(0, Math.min(here - Math.floor(n / 2), view.length - n));
  strip.replaceChildren(...view.slice(first, first + n).map(thumbnail));
}

function thumbnail(place) {
  const label = labels.get(place), state = label === undefined ? "" : nameOf(label);
  const what = task.kind === "image" ? pictureOf(place, "") : node("span", { class: "number" }, `${place + 1}`);
  const says = `input ${place + 1}${state && `, ${state}`}`;
  const button = node("button", { type: "button", tabindex: "-1", "aria-label": says }, what, node("span", { class: "state" }, label === CANNOT_TELL ? "?" : state));
  if (place === current) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => show(place));
  return button;
}

function download() {
  const link = node("a", { download: "labels.csv" });
  link.href = URL.createObjectURL(new Blob([labelsAsTable()], { type: "text/csv" }));
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  downloaded = past.length;
  say("labels.csv is downloaded.");
}

async function load() {
  const [file] = at("file").files;
  if (!file) return;
  const { taken, strange } = takeTable(await file.text());
  at("file").value = "";
  say(`${taken} labels are taken from ${file.name}${strange ? `; ${strange} rows are not of this task` : ""}.`);
  filterAnew();
}

// Labels whose names have what is typed: the name itself, those that begin with it, others. The first is what Enter gives.
function search() {
  const typed = at("search").value.trim().toLowerCase();
  const rank = (label) => (lowerNames[label] === typed ? 0 : lowerNames[label].startsWith(typed) ? 1 : 2);
  const fitting = [...lowerNames.keys()].filter((label) => lowerNames[label].includes(typed));
  if (typed) fitting.sort((a, b) => rank(a) - rank(b));
  showClasses(fitting);
  if (!typed || !fitting.length) return null;
  at("classes").firstChild.classList.add("first");
  return fitting[0];
}

function clearSearch() {
  if (!at("search").value) return; // the buttons stay, and one of them the focus
  at("search").value = "";
  search();
}

const MOVES = { ArrowLeft: () => -1, ArrowRight: () => 1, PageUp: () => -at("strip").children.length,
  PageDown: () => at("strip").children.length, Home: () => -view.length, End: () => view.length };

function onKey(event) {
  const { key, target } = event, inSearch = target === at("search");
  if ((event.ctrlKey || event.metaKey) && key === "z" && !(inSearch && target.value)) return act(event, undo);
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "Escape") {
    clearSearch();
    return target.blur();
  }
  if (target.matches("select") || (inSearch && target.value && key !== "Enter")) return;
  if (key in MOVES) return act(event, () => move(MOVES[key]()));
  if (event.repeat) return;
  if (key === "Backspace") return act(event, undo);
  if (key === "-") return act(event, () => answer(CANNOT_TELL));
  const label = [key, key.toLowerCase(), key.toUpperCase()].map((each) => keys.get(each)).find((each) => each !== undefined);
  if (label !== undefined) return act(event, () => answer(label));
  if (inSearch && key === "Enter" && search() !== null) return act(event, () => answer(search()));
  if (searching && key.length === 1 && key !== " ") at("search").focus();
}

function act(event, what) {
  event.preventDefault();
  what();
}

let downloaded = 0; // steps that the last download has
let byPointer = false; // whether a filter is being changed by a pointer: keys go on to label after that

function start() {
  recall();
  at("search-row").hidden = !searching;
  search();
  makeGuesses();
  current = Math.max(0, task.rows.findIndex((_, place) => stateOf(place) === "open"));
  at("cannot-tell").addEventListener("click", () => answer(CANNOT_TELL));
  at("undo").addEventListener("click", undo);
  at("previous").addEventListener("click", () => move(-1));
  at("next").addEventListener("click", () => move(1));
  at("download").addEventListener("click", download);
  at("load").addEventListener("click", () => at("file").click());
  at("file").addEventListener("change", load);
  at("search").addEventListener("input", search);
  for (const select of [at("by-state"), at("by-guess")]) {
    select.addEventListener("pointerdown", () => { byPointer = true; });
    select.addEventListener("keydown", () => { byPointer = false; });
    select.addEventListener("change", () => { filterAnew(); if (byPointer) select.blur(); });
  }
  at("hints").checked = task.hints;
  at("hints").addEventListener("change", () => { at("hints").blur(); at("by-guess").value = ""; filterAnew(); });
  document.addEventListener("keydown", onKey);
  addEventListener("resize", draw);
  addEventListener("storage", (event) => { if (event.key === STORED) { recall(); filterAnew(); } });
  addEventListener("beforeunload", (event) => { if (!stored && past.length > downloaded) event.preventDefault(); });
  const answers = searching ? "a part of a name and Enter label" : "the sign on a label gives it";
  at("keys").textContent = `Keys: ${answers}; - cannot tell; Backspace undo; ← → previous and next, PageUp and PageDown further, Home and End to the ends; Tab to all else; Esc leaves a field.`;
  draw();
}

start();
