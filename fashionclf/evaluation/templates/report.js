// Turns the headings of each table.sortable into buttons that sort by column, blank cells last; tells
// where a box has more than it shows.
const text = (row, column) => row.cells[column].textContent.trim();
const number = (cell) => Number(cell.replaceAll(",", ""));

function compare(numeric, a, b) {
  return numeric ? number(a) - number(b) : a.localeCompare(b);
}

function sort(table, column, direction) {
  const rows = [...table.tBodies[0].rows];
  const filled = rows.filter((row) => text(row, column));
  const numeric = filled.every((row) => !Number.isNaN(number(text(row, column))));
  const sign = direction === "ascending" ? 1 : -1;
  filled.sort((a, b) => sign * compare(numeric, text(a, column), text(b, column)));
  table.tBodies[0].append(...filled, ...rows.filter((row) => !text(row, column)));
}

for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  for (const heading of headings) {
    const button = document.createElement("button");
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const now = heading.getAttribute("aria-sort");
      const direction = now === "ascending" ? "descending" : "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", direction);
      sort(table, heading.cellIndex, direction);
    });
  }
}

// Marks boxes that are wider than the screen.
const boxes = new ResizeObserver((entries) => entries.forEach(({ target }) =>
  target.classList.toggle("cut", target.scrollWidth > target.clientWidth)));
document.querySelectorAll(".scroll").forEach((box) => boxes.observe(box));
