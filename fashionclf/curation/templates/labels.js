// Moves to a card, decides, and shows what can be decided and what was.
const byId = (id) => document.getElementById(id);

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
    else if (numbers.length < 2) tell("Select the garment's pictures first (x, or their corners).");
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
  const focused = byId("choices").contains(document.activeElement);
  byId("about").textContent = "No pictures.";
  byId("choices").replaceChildren();
  if (current < 0) return;
  const card = cards[current], several = selected.size ? `${selected.size} selected` : "";
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
  byId("choices").replaceChildren(...buttons);
  if (focused) list.focus({ preventScroll: true });
}

function showCounts() {
  const { right, wrong, drop, same } = counts();
  const open = cards.filter((_, number) => asked[number] && !decided.has(number)).length;
  const all = right + wrong + drop + same;
  byId("count").textContent = `${all} decision${all === 1 ? "" : "s"} (${[
    `${right} right`, `${wrong} wrong`, `${drop} dropped`, `${same} same`].filter(
    (text) => !text.startsWith("0 ")).join(", ") || "none yet"}); ${open} left to decide`;
  byId("save").textContent = saved ? "Save decisions" : "Save decisions •";
  byId("storage").hidden = kept;
}

function tell(text) {
  byId("told").textContent = text;
}

function toggle(number) {
  if (number < 0) return;
  if (!selected.delete(number)) selected.add(number);
  refresh([number]);
  showBar();
}

function deselect() {
  const before = [...selected];
  selected.clear();
  refresh(before);
  showBar();
}
