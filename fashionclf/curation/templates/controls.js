// Filters, the list of classes, files, and what mouse, keys and thumb do.
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
  selected.clear(); // what is no longer in sight must not be decided with the rest
  arrange(wanted);
  scrollTo(0, Math.min(scrollY, list.offsetTop));
  goTo(places.has(current) ? current : shown[0] ?? -1);
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
  u: deciding.undo, x: () => toggle(current), Escape: () => deselect(),
};

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
