// The decisions: changed and undone, kept in the browser's storage, written and read as CSV.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const cards = data.cards.map(
  ([path, digest, given, suggested, probability, alternatives, reasons, group, error]) =>
    ({ path, digest, given, suggested, probability, alternatives, reasons, group, error,
       label: given ?? suggested ?? "" }));
const HEADER = ["path", "digest", "decision", "class", "group"];
const WORDS = ["right", "wrong", "drop", "same"];
const KEY = `fashionclf labels ${data.key}`;

let decided = new Map(); // number of a card -> {decision, class, group}, each of them may be ""
let saved = true; // whether the CSV that was saved last has all of them
let kept = true; // whether the browser's storage has them
const undoable = []; // steps: [number, what it was before] of each changed card

function remember() {
  try {
    localStorage.setItem(KEY, JSON.stringify({ decided: [...decided], saved }));
    kept = true;
  } catch { // denied, as in private windows, or full
    kept = false;
  }
}

function recall() {
  try {
    const before = JSON.parse(localStorage.getItem(KEY) ?? "null");
    if (before) {
      decided = new Map(before.decided);
      saved = before.saved;
    }
  } catch {
    kept = false;
  }
}

// Changes cards as one step; `changes` has [number, {decision, class, group}], {} for no decision.
function change(changes) {
  undoable.push(changes.map(([number]) => [number, decided.get(number)]));
  for (const [number, state] of changes) put(number, state);
  saved = false;
  remember();
}

function put(number, state) {
  if (state?.decision || state?.group) decided.set(number, state);
  else decided.delete(number);
}

// Returns the numbers of the cards that changed.
function undo() {
  const step = undoable.pop();
  if (!step) return [];
  for (const [number, state] of step) put(number, state);
  saved = false;
  remember();
  return step.map(([number]) => number);
}

// The class is only for "wrong".
function decision(number, word, name = "") {
  const { label } = cards[number];
  const right = word === "right" || (word === "wrong" && name === label);
  return [number, { ...decided.get(number), decision: right ? "right" : word,
                    class: right ? label : name }];
}

// Gives pictures one key; pictures that share a key with one of them get it too.
function sameGarment(numbers) {
  const keys = new Set(numbers.map((number) => decided.get(number)?.group).filter(Boolean));
  const { digest, path } = cards[numbers[0]];
  const [key = digest.slice(0, 12) || path] = keys;
  const joined = [...decided].filter(([, { group }]) => keys.has(group)).map(([number]) => number);
  return [...new Set([...numbers, ...joined])].map((number) =>
    [number, { decision: "", class: "", ...decided.get(number), group: key }]);
}

function counts() {
  const number = { right: 0, wrong: 0, drop: 0, same: 0 };
  for (const { decision, group } of decided.values()) {
    if (decision) number[decision] += 1;
    if (group) number.same += 1;
  }
  return number;
}

// A picture has a row for its label, and one for the garment that it shares.
function csv() {
  const rows = [HEADER];
  for (const number of [...decided.keys()].sort((a, b) => a - b)) {
    const { path, digest } = cards[number];
    const state = decided.get(number);
    if (state.decision) rows.push([path, digest, state.decision, state.class, ""]);
    if (state.group) rows.push([path, digest, "same", "", state.group]);
  }
  const cell = (text) => /[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  return rows.map((row) => `${row.map(cell).join(",")}\n`).join("");
}

function parsed(text) {
  const rows = [[]];
  const cells = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r\n|\n|\r|$)/y;
  text = text.replace(/^\ufeff/, "");
  while (cells.lastIndex < text.length) {
    const match = cells.exec(text);
    if (!match) throw new Error("it is not a CSV");
    const [, cell, end] = match;
    rows.at(-1).push(cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell);
    if (end !== ",") rows.push([]);
  }
  return rows.filter((row) => row.length);
}

// Takes the decisions of a CSV; returns [changes, what to tell].
function loaded(text) {
  const [header = [], ...rows] = parsed(text);
  if (header.join() !== HEADER.join()) throw new Error(`its columns aren't ${HEADER.join()}`);

  const numbers = new Map(cards.map(({ path }, number) => [path, number]));
  const states = new Map();
  let foreign = 0, changed = 0;
  for (const [path, digest, word, name, group] of rows) {
    if (!WORDS.includes(word)) throw new Error(`it has an unknown decision, ${word}`);
    const number = numbers.get(path);
    if (number === undefined) foreign += 1;
    else if (cards[number].digest !== digest) changed += 1;
    else {
      const state = states.get(number) ?? { decision: "", class: "", ...decided.get(number) };
      states.set(number, word === "same" ? { ...state, group }
                                         : { ...state, decision: word, class: name });
    }
  }
  return [[...states], [`${rows.length} decisions read`,
    foreign && `${foreign} are of pictures that this page doesn't show`,
    changed && `${changed} are of pictures that have changed since`].filter(Boolean).join("; ")];
}
