// What is to be labelled, what has been, and how it is kept: nothing here knows the page.

const CANNOT_TELL = -1;
const PACES = 50; // decisions that the time left is reckoned from
const task = JSON.parse(document.getElementById("task").textContent);
const STORED = `labels of ${task.key}`;

let labels = new Map(); // from a row's place to a class, or to CANNOT_TELL
let past = []; // what each step changed: [place, what it was before] of each row that it touched
let paces = []; // seconds that a decision took
let since = performance.now();
let stored = true; // whether the browser keeps what is labelled

function keep() {
  try {
    localStorage.setItem(STORED, JSON.stringify({ labels: [...labels], past, paces }));
  } catch {
    stored = false;
  }
}

function recall() {
  let kept = null;
  try {
    kept = localStorage.getItem(STORED);
    localStorage.setItem(`${STORED}, tried`, "1");
    localStorage.removeItem(`${STORED}, tried`);
  } catch {
    stored = false;
  }
  if (!kept) return;
  const last = JSON.parse(kept);
  labels = new Map(last.labels);
  past = last.past;
  paces = last.paces;
}

function change(pairs) {
  past.push(pairs.map(([place]) => [place, labels.has(place) ? labels.get(place) : null]));
  for (const [place, label] of pairs) put(place, label);
  keep();
}

function put(place, label) {
  if (label === null) labels.delete(place);
  else labels.set(place, label);
}

function decide(place, label) {
  const now = performance.now();
  paces = [...paces, (now - since) / 1000].slice(-PACES);
  since = now;
  change([[place, label]]);
}

function takeBack() {
  const last = past.pop();
  if (!last) return null;
  for (const [place, label] of last) put(place, label);
  if (last.length === 1) paces.pop();
  since = performance.now();
  keep();
  return last[0][0];
}

function countStates() {
  const cannotTell = [...labels.values()].filter((label) => label === CANNOT_TELL).length;
  return { labelled: labels.size - cannotTell, cannotTell, open: task.rows.length - labels.size };
}

function secondsLeft() {
  if (paces.length < 3) return null;
  const sorted = [...paces].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] * countStates().open;
}

function labelsAsTable() {
  const named = task.rows.some((row) => "name" in row);
  const header = ["index", ...(named ? ["name"] : []), "label", "note"];
  const rows = task.rows.map((row, place) => {
    const label = labels.get(place);
    const answer = label === undefined || label === CANNOT_TELL ? "" : task.classes[label];
    return [row.index, ...(named ? [row.name ?? ""] : []), answer, label === CANNOT_TELL ? "cannot tell" : ""];
  });
  return writeTable(header, rows);
}

// Take over the labels of a table; return how many, and how many of its rows with a label are not of this task.
function takeTable(text) {
  const places = new Map(task.rows.map((row, place) => [String(row.index), place]));
  const byName = new Map(task.rows.map((row, place) => [row.name, place]));
  const classes = new Map(task.classes.map((name, label) => [name.trim(), label]));
  const pairs = [];
  let strange = 0;
  for (const row of readTable(text)) {
    const unsure = row.label === "cannot tell" && !classes.has(row.label);
    const label = row.label && !unsure ? readLabel(row.label, classes) : unsure || row.note === "cannot tell" ? CANNOT_TELL : null;
    if (label === null) continue;
    const name = row.name && [row.name, row.name.replace(/^'/, "")].find((each) => byName.has(each));
    const place = row.index ? places.get(row.index.replace(/\.0+$/, "")) : byName.get(name);
    const fits = place !== undefined && (!row.name || !task.rows[place].name || byName.get(name) === place);
    if (fits && label !== undefined) pairs.push([place, label]);
    else strange++;
  }
  if (pairs.length) change(pairs);
  return { taken: pairs.length, strange };
}

function readLabel(text, classes) {
  return [text, text.replace(/^'/, "")].map((each) => classes.get(each)).find((label) => label !== undefined);
}
