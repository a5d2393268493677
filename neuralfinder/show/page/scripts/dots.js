// Shares on one axis, a line each: a dot, whiskers to the ends of its interval, and its numbers beside it.

// rows: {name, terms?, at?, interval?, mark?, text, own?, elsewhere?}, where `mark` is what the dot is held against
function dots({ title, xTitle, rows, from, xText = (v) => percent(v, 0), note }) {
  const place = (share) => `${100 * (share - from) / (1 - from)}%`;
  const at = (name, left, right) => {
    const node = h("span", { class: name });
    node.style.left = place(left);
    if (right !== undefined) node.style.right = `calc(100% - ${place(right)})`;
    return node;
  };
  const places = ticks(from, 1);
  const track = (...marks) => h("div", { class: "track", "aria-hidden": true }, places.map((tick) => at("tick", tick)), marks);
  return h("figure", { class: "dots" }, title ? h("figcaption", {}, title) : null,
    h("ul", {}, rows.map((row) => h("li", { class: row.own && "own" },
      h("div", { class: "name" }, row.name, row.terms ? h("div", { class: "quiet" }, row.terms) : null),
      track(row.interval ? at("whisker", ...row.interval) : null, row.mark === undefined ? null : at("mark", row.mark),
        row.at === undefined ? null : at(`spot${row.elsewhere ? " elsewhere" : ""}`, row.at)),
      h("div", { class: "value" }, row.text)))),
    h("div", { class: "under", "aria-hidden": true }, h("div", { class: "track" }, places.map((tick) => {
      const label = at("label", tick);
      label.textContent = xText(tick);
      return label;
    })), h("div", { class: "quiet" }, xTitle)),
    note ? h("p", { class: "quiet" }, note) : null);
}
