"use strict";
const collator = new Intl.Collator("en", { numeric: true });

function compare(a, b) {
  const [x, y] = [Number(a), Number(b)];
  return Number.isNaN(x) || Number.isNaN(y) ? collator.compare(a, b) : x - y;
}

function sort(header) {
  const table = header.closest("table");
  const now = header.getAttribute("aria-sort");
  const opposite = { ascending: "descending", descending: "ascending" };
  const order = opposite[now] ?? header.dataset.first;
  const key = (row) => row.cells[header.cellIndex].dataset.sort;
  const sign = order === "ascending" ? 1 : -1;
  const rows = [...table.tBodies[0].rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    return x === "" || y === "" ? (x === "") - (y === "") : sign * compare(x, y);
  });
  for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
  header.setAttribute("aria-sort", order);
  table.tBodies[0].append(...rows);
}

function filter(box) {
  const frame = box.closest(".filter");
  const rows = [...frame.nextElementSibling.querySelector("tbody").rows];
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  frame.querySelector("output").value = words.length ? `${shown} of ${rows.length} shown` : "";
}

for (const box of document.querySelectorAll(".filter input")) {
  box.closest(".filter").hidden = false;
  filter(box);
}

document.addEventListener("input", (event) => {
  if (event.target.closest(".filter")) filter(event.target);
});

document.addEventListener("click", (event) => {
  const header = event.target.closest("thead th");
  if (header) sort(header);
});
