// Two networks side by side: their numbers, and their layers aligned, with what differs marked.

// Pairs of layers of the cheapest alignment: [of one or null, of the other or null].
function aligned(one, other) {
  const costs = Array.from({ length: one.length + 1 }, (_, i) => Array.from({ length: other.length + 1 }, (_2, j) => (i && j ? 0 : i + j)));
  const change = (i, j) => (one[i][2] === other[j][2] ? 0 : one[i][0] === other[j][0] ? 0.8 : 2);
  for (let i = 1; i <= one.length; i += 1) {
    for (let j = 1; j <= other.length; j += 1) {
      costs[i][j] = Math.min(costs[i - 1][j] + 1, costs[i][j - 1] + 1, costs[i - 1][j - 1] + change(i - 1, j - 1));
    }
  }
  const pairs = [];
  let [i, j] = [one.length, other.length];
  while (i || j) {
    if (i && j && costs[i][j] === costs[i - 1][j - 1] + change(i - 1, j - 1)) { i -= 1; j -= 1; pairs.push([one[i], other[j]]); }
    else if (i && costs[i][j] === costs[i - 1][j] + 1) { i -= 1; pairs.push([one[i], null]); }
    else { j -= 1; pairs.push([null, other[j]]); }
  }
  return pairs.reverse();
}

function putPair(body) {
  const rows = wanted.pair.map((key) => leaderboard().find((row) => row.key === key)).filter(Boolean);
  if (rows.length < 2) {
    put(body, leaderboard().length > 1 ? h("p", { class: "quiet" }, rows.length ? `${rows[0].name} is chosen: choose another to compare it with.` : "Choose two networks of the table to compare them here.") : null);
    return;
  }
  const said = COLUMNS.filter(({ id }) => !["name", "born"].includes(id));
  const number = (column, row) => (column.id === "status" ? row.status : String(column.text(row)) || NONE);
  const facts = said.map((column) => [column.title, ...rows.map((row) => number(column, row))]);
  facts.push(["born by", ...rows.map((row) => row.operator)], ["training", ...rows.map((row) => row.key.split(" | ")[1] ?? "as the recipe says")]);
  const mark = (same, words) => h("td", { class: same ? "text same" : "text differs" }, words);
  const head = (title) => h("thead", {}, h("tr", {}, h("th", { scope: "col", class: "text" }, title), rows.map((row) => h("th", { scope: "col", class: "text" }, row.name)), h("th", { scope: "col", class: "text" }, "")));
  const layer = (each) => (each ? [h("code", {}, each[2]), h("div", { class: "quiet" }, [each[4], each[5] ? `${short(each[5])} parameters` : ""].filter(Boolean).join(", "))] : NONE);
  const relation = (one, other) => (one && other ? (one[2] === other[2] ? "the same" : "changed") : one ? `only in ${rows[0].name}` : `only in ${rows[1].name}`);
  const pairs = aligned(...rows.map((row) => story.genomes.get(row.number).layers));
  put(body, h("h3", {}, `${rows[0].name} and ${rows[1].name} side by side`),
    h("div", { class: "pair" }, rows.map((row) => h("figure", {}, portrait(row.number, 120), h("figcaption", { class: "genome" }, row.key)))),
    h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Two networks compared" }, h("table", { id: "pair-facts" }, head("figure"), h("tbody", {}, facts.map(([title, one, other]) =>
      h("tr", {}, h("th", { scope: "row", class: "text" }, title), mark(one === other, one), mark(one === other, other), h("td", { class: "text quiet" }, one === other ? "the same" : "differs"))))),
    h("table", { id: "pair-layers" }, head("layer"), h("tbody", {}, pairs.map(([one, other], place) => {
      const same = one && other && one[2] === other[2];
      return h("tr", {}, h("th", { scope: "row", class: "text" }, String(place + 1)), mark(same, layer(one)), mark(same, layer(other)), h("td", { class: "text quiet" }, relation(one, other)));
    })))),
    h("p", {}, h("button", { type: "button", onclick: () => { wanted.pair = []; for (const draw of whenPicked) draw(); } }, "Compare others")));
}

whenPicked.push(panel("pair-body", putPair));
