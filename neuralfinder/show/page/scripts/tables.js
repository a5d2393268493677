// A table that is sorted by the heads of its columns.

const sortedBy = new Map(); // name of a table -> [place of the column, whether the largest comes first]

// columns: {title, value(row), cell?(row), text?}; what has no value stands last. The name keeps the order over redraws.
function sortable(name, columns, rows, first) {
  if (!sortedBy.has(name)) sortedBy.set(name, first);
  const lines = rows.map((row) => [row, h("tr", {}, columns.map(({ value, cell, text }) => h("td", { class: text && "text" }, (cell ?? value)(row) ?? NONE)))]);
  const body = h("tbody");
  const heads = columns.map(({ title, text }, place) => h("th", { scope: "col", class: text && "text" }, h("button", { type: "button", class: "head", onclick: () => {
    const [now, down] = sortedBy.get(name);
    sortedBy.set(name, [place, now === place ? !down : !text]);
    sort();
  } }, title)));
  function sort() {
    const [place, down] = sortedBy.get(name), { value } = columns[place];
    const order = (a, b) => (typeof a === "number" ? a - b : String(a).localeCompare(String(b), undefined, { numeric: true }));
    lines.sort(([one], [other]) => {
      const [a, b] = [value(one), value(other)];
      return a === undefined || b === undefined ? (a === undefined) - (b === undefined) : down ? order(b, a) : order(a, b);
    });
    body.append(...lines.map(([, line]) => line));
    for (const head of heads) head.removeAttribute("aria-sort");
    heads[place].setAttribute("aria-sort", down ? "descending" : "ascending");
  }
  sort();
  return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": name }, h("table", { class: "sortable" }, h("thead", {}, h("tr", {}, heads)), body));
}
