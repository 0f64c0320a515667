"use strict";
// Tables of the class `sortable` sort by a click on a column's heading.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells], body = table.tBodies[0], original = [...body.rows];
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    heading.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      // A column of numbers begins with the highest; the third click brings the table's own order back.
      const cycle = "number" in heading.dataset ? ["descending", "ascending", "none"] : ["ascending", "descending", "none"];
      const order = cycle[(cycle.indexOf(heading.getAttribute("aria-sort")) + 1) % 3];
      for (const other of headings) other.setAttribute("aria-sort", other === heading ? order : "none");
      const sign = order === "descending" ? -1 : 1, key = (row) => row.cells[column].dataset.value;
      const compare = "number" in heading.dataset ? (a, b) => key(a) - key(b) : (a, b) => key(a).localeCompare(key(b), "en");
      body.append(...(order === "none" ? original : original.toSorted((a, b) => sign * compare(a, b))));
    });
  });
}
