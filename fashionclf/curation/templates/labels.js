// What a person does: moves, decides, filters, saves; by mouse, keys or thumb.
const byId = (id) => document.getElementById(id);
const show = byId("show"), search = byId("search"), dialog = byId("dialog"), word = byId("word");

const FILTERS = [["Everything", () => true], ["To decide", (number) => asked[number]],
                 ["Without a decision", (number) => !decided.has(number)],
                 ["Decided", (number) => decided.has(number)]];

function fillFilters() {
  const kinds = new Map();
  cards.forEach(({ reasons, error }) => {
    for (const kind of new Set([...(error ? ["can't be used"] : []), ...reasons.map(kindOf)])) {
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
  });
  const labels = new Map();
  cards.forEach(({ label }) => labels.set(label, (labels.get(label) ?? 0) + 1));
  const option = (value, text) => Object.assign(make("option", "", text), { value });

  show.append(...FILTERS.map(([text], number) => option(`f${number}`, text)));
  for (const [heading, sign, texts] of [["Reasons", "r", [...kinds]], ["Classes", "c", [...labels]]]) {
    if (texts.length > 100 || !texts.length) continue; // reasons that are all different
    const group = make("optgroup", "");
    group.label = heading;
    group.append(...texts.sort().map(([text, size]) =>
      option(sign + text, `${text || "without a class"} (${size.toLocaleString("en")})`)));
    show.append(group);
  }
}

function kindOf(reason) {
  return reason.split(":")[0];
}

function wanted(number) {
  const { reasons, error, label, path } = cards[number];
  const sign = show.value[0], text = show.value.slice(1);
  const fits = sign === "f" ? FILTERS[text][1](number) : sign === "c" ? label === text
    : reasons.some((reason) => kindOf(reason) === text) || (error && text === "can't be used");
  return fits && path.toLowerCase().includes(search.value.toLowerCase());
}

function filter() {
  arrange(wanted);
  scrollTo(0, Math.min(scrollY, list.offsetTop));
  goTo(places.has(current) ? current : shown[0] ?? -1);
}

// Makes a card the one that keys and buttons act on.
function goTo(number) {
  byId(`card${current}`)?.classList.remove("current");
  current = number;
  if (number >= 0) {
    const row = rows[places.get(number)];
    const top = row.top + list.offsetTop, end = top + row.height;
    const low = byId("tools").offsetHeight, high = innerHeight - byId("bar").offsetHeight;
    if (top < scrollY + low) scrollTo(0, top - low - 8);
    else if (end > scrollY + high) scrollTo(0, end - high + 8);
    draw();
    byId(`card${number}`).classList.add("current");
    list.setAttribute("aria-activedescendant", `card${number}`);
  }
  showBar();
}

function step(by) {
  const at = shown.indexOf(current);
  goTo(shown[Math.max(0, Math.min(shown.length - 1, at + by))] ?? -1);
}

// To the card below or above, in the same column.
function stepRow(by) {
  const at = places.get(current);
  if (at === undefined) return;
  const column = rows[at].cards.indexOf(current);
  for (let number = at + by; rows[number]; number += by) {
    const inRow = rows[number].cards;
    if (inRow) return goTo(inRow[Math.min(column, inRow.length - 1)]);
  }
}

function next() {
  const at = shown.indexOf(current);
  const open = (number) => !decided.get(number)?.decision;
  const number = shown.slice(at + 1).find(open) ?? shown.find(open);
  if (number !== undefined) goTo(number);
}

// Decides, shows it, and goes on if it was about the current card.
function act(changes) {
  if (!changes.length) return;
  change(changes);
  const numbers = changes.map(([number]) => number);
  selected.clear();
  redrawAll();
  if (numbers.includes(current) && decided.get(current)?.decision) next();
  else showBar();
}

function redrawAll() {
  for (const number of [...drawn.keys()]) redraw(number);
  showCounts();
}

// The cards that a decision is about: those selected, else the current one, if it is in sight.
function targets() {
  if (selected.size) return [...selected].sort((a, b) => a - b);
  if (current < 0) return [];
  if (inSight()) return [current];
  goTo(current);
  tell("Back at the picture that keys and buttons are about.");
  return [];
}

function inSight() {
  const box = byId(`card${current}`)?.getBoundingClientRect();
  return Boolean(box) && box.top < innerHeight - byId("bar").offsetHeight && box.bottom > 0;
}

const deciding = {
  right: () => act(targets().filter((number) => cards[number].label && !cards[number].error)
    .map((number) => decision(number, "right"))),
  wrong: (name) => act(targets().filter((number) => !cards[number].error)
    .map((number) => decision(number, "wrong", name))),
  drop: () => act(targets().map((number) => decision(number, "drop"))),
  same: () => {
    const numbers = garment();
    if (numbers.length > 1 && (selected.size || targets().length)) act(sameGarment(numbers));
    else if (numbers.length < 2) tell("Select the other pictures of the garment first (x, or their corners).");
  },
  undo: () => {
    const [first] = undo();
    redrawAll();
    if (places.has(first)) goTo(first);
    else showBar();
  },
};

// What "same" joins: the selected cards, or the group of the current one.
function garment() {
  const { group = null } = cards[current] ?? {};
  if (selected.size || group === null) return [...selected].sort((a, b) => a - b);
  return shown.filter((number) => cards[number].group === group);
}

// Other classes than the label's, which the number keys give.
function offered() {
  if (current < 0 || cards[current].error) return [];
  const { suggested, given, alternatives, label } = cards[current];
  return [...new Set([suggested, given, ...alternatives])]
    .filter((name) => name && name !== label).slice(0, 9);
}

function showBar() {
  byId("bar").hidden = current < 0;
  if (current < 0) return;
  const card = cards[current], several = selected.size > 1 ? `${selected.size} selected` : "";
  const state = decided.get(current);
  byId("about").textContent = several || [`${shown.indexOf(current) + 1} of ${shown.length}`,
    ...labelTexts(card), state && stamp(state), card.path].filter(Boolean).join(" · ");

  const button = (text, key, action, style = "") => {
    const element = make("button", style, text);
    element.type = "button";
    element.append(make("kbd", "", key));
    element.onclick = action;
    return element;
  };
  const buttons = [];
  if (card.label && !card.error) {
    buttons.push(button(several ? "Right" : `Right: ${card.label}`, "y", deciding.right, "yes"));
  }
  offered().forEach((name, place) => buttons.push(
    button(name, place + 1, () => deciding.wrong(name), place > 1 ? "more" : "")));
  if (!card.error) buttons.push(button("Other class…", "w", choose));
  buttons.push(button("Drop", "d", deciding.drop));
  if (garment().length > 1) buttons.push(button("Same garment", "s", deciding.same));
  if (undoable.length) buttons.push(button("Undo", "u", deciding.undo));
  const focused = byId("choices").contains(document.activeElement);
  byId("choices").replaceChildren(...buttons);
  if (focused) list.focus({ preventScroll: true });
}

function showCounts() {
  const { right, wrong, drop, same } = counts();
  const open = cards.filter((_, number) => asked[number] && !decided.has(number)).length;
  byId("count").textContent = `${right + wrong + drop + same} decisions (${[
    `${right} right`, `${wrong} wrong`, `${drop} dropped`, `${same} same`].filter(
    (text) => !text.startsWith("0 ")).join(", ") || "none yet"}); ${open} left to decide`;
  byId("save").textContent = saved ? "Save decisions" : "Save decisions •";
  byId("storage").hidden = kept;
}

function tell(text) {
  byId("told").textContent = text;
}

function choose() {
  word.value = "";
  showMatches();
  dialog.showModal();
  word.focus();
}

function matches() {
  const text = word.value.trim().toLowerCase();
  const found = data.classes.filter((name) => name.toLowerCase().includes(text));
  const begins = (name) => name.toLowerCase().startsWith(text);
  return [...found.filter(begins), ...found.filter((name) => !begins(name))];
}

function showMatches() {
  const buttons = matches().map((name) => {
    const button = make("button", "", name);
    button.type = "button";
    button.onclick = () => chosen(name);
    return button;
  });
  byId("matches").replaceChildren(...buttons.length ? buttons : [make("p", "", "No such class.")]);
}

function chosen(name) {
  dialog.close();
  deciding.wrong(name);
}

function save() {
  const link = make("a", "");
  link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
  link.download = `decisions-${data.key.slice(0, 8)}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  saved = true;
  remember();
  showCounts();
}

const keys = {
  j: () => step(1), ArrowRight: () => step(1), k: () => step(-1), ArrowLeft: () => step(-1),
  ArrowDown: () => stepRow(1), ArrowUp: () => stepRow(-1), n: next,
  y: deciding.right, Enter: deciding.right, w: choose, d: deciding.drop, s: deciding.same,
  u: deciding.undo, x: () => toggle(current),
};

function toggle(number) {
  if (number < 0) return;
  if (!selected.delete(number)) selected.add(number);
  refresh([number]);
  showBar();
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, dialog");
  const pressing = event.key === "Enter" && event.target.closest("button, summary, label");
  if (typing || pressing || event.ctrlKey || event.metaKey || event.altKey) return;
  const name = /^[1-9]$/.test(event.key) ? offered()[event.key - 1] : undefined;
  const action = name ? () => deciding.wrong(name) : keys[event.key];
  if (!action) return;
  event.preventDefault();
  tell("");
  action();
});

list.addEventListener("click", (event) => {
  const element = event.target.closest(".card");
  if (!element) return;
  const number = Number(element.id.slice(4));
  const several = event.target.closest(".corner") || event.shiftKey || event.ctrlKey || event.metaKey;
  goTo(number);
  if (several) toggle(number);
});

word.addEventListener("input", showMatches);
word.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  event.preventDefault();
  const [first] = matches();
  if (first !== undefined) chosen(first);
});
byId("cancel").addEventListener("click", () => dialog.close());
byId("save").addEventListener("click", save);
byId("load").addEventListener("change", async ({ target }) => {
  try {
    const [changes, text] = loaded(await target.files[0].text());
    tell(text);
    if (changes.length) change(changes);
    redrawAll();
    showBar();
  } catch (error) {
    tell(`${target.files[0].name} can't be loaded: ${error.message}.`);
  }
  target.value = "";
});
show.addEventListener("change", filter);
search.addEventListener("input", filter);

let pending = false;
addEventListener("scroll", () => {
  if (!pending) requestAnimationFrame(() => { pending = false; draw(); });
  pending = true;
}, { passive: true });
let { innerWidth: width } = window;
addEventListener("resize", () => { // a phone's bars change the height while it scrolls
  if (width !== innerWidth) arrange(wanted);
  width = innerWidth;
  draw();
});
addEventListener("beforeunload", (event) => {
  if (!saved && decided.size) event.preventDefault();
});
document.addEventListener("DOMContentLoaded", redrawAll); // by now, all thumbnails are there

recall();
fillFilters();
filter();
showCounts();
if (!kept) byId("storage").hidden = false;
