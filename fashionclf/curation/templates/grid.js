// The pictures in rows, of which only those in sight are drawn.
const NARROWEST = 10.5, CARD = 17, HEADING = 3.2, GAP = 0.5; // rem
const list = document.getElementById("list");
const selected = new Set(); // numbers of cards
// Whether there is a reason to ask a person about the card.
const asked = cards.map(({ reasons, error }) => reasons.length > 0 && !error);
const groups = new Map(); // group -> numbers of its cards
cards.forEach(({ group }, number) => {
  if (group !== null) groups.set(group, [...(groups.get(group) ?? []), number]);
});
let rows = []; // {top, height, cards} or {top, height, heading, rest}
let shown = []; // numbers of the cards in the rows, in their order
let places = new Map(); // number of a card -> the number of its row
let current = -1; // number of the card that keys and buttons act on
const drawn = new Map(); // number of a row -> its element

function rem() {
  return parseFloat(getComputedStyle(document.documentElement).fontSize);
}

// Arranges the cards for which `wanted(number)` is true; a group stays in one row if it fits.
function arrange(wanted) {
  const unit = rem(), width = list.clientWidth / unit;
  const columns = Math.max(2, Math.floor((width + GAP) / (NARROWEST + GAP)));
  rows = [], shown = [], places = new Map();
  let top = 0, end = 0;
  const add = (row, height) => {
    rows.push({ ...row, top, height: height * unit });
    top += height * unit;
  };

  for (const [heading, size] of data.sections) {
    const inside = [];
    for (let number = end; number < end + size; number += 1) if (wanted(number)) inside.push(number);
    end += size;
    if (!inside.length) continue;
    add({ heading, inside }, HEADING);
    for (const row of inRows(inside, columns)) {
      for (const number of row) places.set(number, rows.length);
      add({ cards: row }, CARD);
    }
    shown = shown.concat(inside);
  }

  list.style.height = `${top}px`;
  list.style.setProperty("--columns", columns);
  for (const element of drawn.values()) element.remove();
  drawn.clear();
  draw();
}

function inRows(numbers, columns) {
  const result = [[]];
  for (let i = 0; i < numbers.length; i += 1) {
    const { group } = cards[numbers[i]];
    const starts = group !== null && cards[numbers[i - 1]]?.group !== group;
    let size = 1;
    while (starts && cards[numbers[i + size]]?.group === group) size += 1;
    const left = columns - result.at(-1).length;
    if (!left || (size > left && size <= columns)) result.push([]);
    result.at(-1).push(numbers[i]);
  }
  return result;
}

// Draws the rows in sight, and a few more above and below.
function draw() {
  const start = scrollY - list.offsetTop - innerHeight / 2, end = start + 2 * innerHeight;
  let first = 0, after = rows.length;
  while (first < after) { // the first row that ends below `start`
    const middle = (first + after) >> 1;
    if (rows[middle].top + rows[middle].height < start) first = middle + 1;
    else after = middle;
  }
  while (after < rows.length && rows[after].top < end) after += 1;

  for (const [number, element] of drawn) {
    if (number < first || number >= after) {
      element.remove();
      drawn.delete(number);
    }
  }
  for (let number = first; number < after; number += 1) {
    if (!drawn.has(number)) redraw(number);
  }
}

function redraw(number) {
  const row = rows[number];
  const element = make("div", row.cards ? "row" : "heading");
  element.setAttribute("role", "presentation");
  element.style.top = `${row.top}px`;
  if (row.cards) element.append(...row.cards.map(cardElement));
  else element.append(...headingParts(row));
  drawn.get(number)?.remove();
  drawn.set(number, element);
  list.append(element);
}

function refresh(numbers) {
  for (const number of new Set([...numbers].map((number) => places.get(number)))) {
    if (drawn.has(number)) redraw(number);
  }
}

function make(tag, style, text = "") {
  const element = document.createElement(tag);
  element.className = style;
  element.textContent = text;
  return element;
}

const sheets = new Map(); // number of a sheet -> its thumbnails

// The thumbnail as a data URI; undefined while the browser still reads the file up to it.
function thumbnail(number) {
  const sheet = Math.floor(number / data.sheet);
  const script = document.getElementById(`sheet${sheet}`);
  if (!sheets.has(sheet) && (script?.nextElementSibling || document.readyState !== "loading")) {
    sheets.set(sheet, JSON.parse(script.textContent));
    if (sheets.size > 20) sheets.delete(sheets.keys().next().value);
  }
  return sheets.get(sheet)?.[number % data.sheet];
}

function cardElement(number) {
  const card = cards[number], state = decided.get(number);
  const element = make("div", "card");
  element.id = `card${number}`;
  element.setAttribute("role", "option");
  element.setAttribute("aria-selected", selected.has(number));
  element.setAttribute("aria-setsize", shown.length);
  element.classList.toggle("current", number === current);
  if (state?.decision) element.classList.add(state.decision);

  const picture = make("div", "picture");
  const source = thumbnail(number);
  if (source) {
    const image = make("img", "");
    image.src = `data:image/jpeg;base64,${source}`;
    image.alt = "";
    image.decoding = "async";
    picture.append(image);
  } else {
    picture.append(make("span", "faint", card.error ? "no picture" : "…"));
  }
  const corner = make("span", "corner", selected.has(number) ? "☑" : "☐");
  corner.title = "Select (x)";
  picture.append(corner);
  if (state) picture.append(make("span", "stamp", stamp(state)));
  const group = card.group === null ? [] : groups.get(card.group);
  if (group.length > 1) {
    element.classList.add("alike", group[0] === number ? "begins" : "goes-on");
    picture.append(make("span", "place", `${group.indexOf(number) + 1} of ${group.length}`));
  }

  const reason = [card.error, ...card.reasons].filter(Boolean).join("; ");
  element.title = [card.path, reason].filter(Boolean).join("\n");
  const labels = labelTexts(card).map((text) => make("div", "label", text));
  element.append(picture, ...labels, make("div", "reason", reason),
                 make("div", "path", `\u200e${card.path}`));
  return element;
}

function stamp({ decision, class: name, group }) {
  const words = { right: `✓ ${name}`, wrong: `→ ${name}`, drop: "✗ drop" };
  return [words[decision], group && "= same garment"].filter(Boolean).join(" ");
}

function labelTexts({ given, suggested, probability, error }) {
  const likely = probability === null ? "" : ` ${probability.toFixed(2)}`;
  if (error) return ["can't be used"];
  if (given && suggested && given !== suggested) {
    return [`given: ${given}`, `maybe: ${suggested}${likely}`];
  }
  return suggested || given ? [suggested ? suggested + likely : given] : [];
}

function headingParts({ heading, inside }) {
  const rest = inside.filter((number) => cards[number].label && !cards[number].error
    && !asked[number] && !decided.get(number)?.decision);
  const button = make("button", "rest", `All ${rest.length.toLocaleString("en")} right`);
  button.type = "button";
  button.title = "Those of this section that have no decision";
  button.onclick = () => act(rest.map((number) => decision(number, "right")));
  button.hidden = !rest.length;
  return [make("h2", "", `${heading} (${inside.length.toLocaleString("en")})`), button];
}
