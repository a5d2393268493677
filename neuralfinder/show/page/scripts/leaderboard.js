// The leaderboard: every network of the run in a table that can be sorted, filtered and searched.

const ON_A_PAGE = 25;
const wanted = { by: "rank", down: false, status: "all", text: "", page: 0, pair: [] }; // what the reader asked for

// Validation scores in the finish, by key: of the race alone, but of the winner what it was judged by at the end.
function fullTrainings() {
  const full = new Map();
  for (const each of story.finals) if (each.in_race && each.score !== undefined) full.set(each.genome, each.score);
  const done = story.single.finished;
  if (done) full.set(done.genome, scoreAmong(done, "validation"));
  return full;
}

function statusOf(number, lives, hasScore) {
  if (story.single.finished?.genome === keyOf(number)) return "winner";
  if (hasScore) return "trained";
  const last = lives[lives.length - 1];
  return last.failure ? "failed" : last.why === "behind" ? "stopped early" : story.single.stop ? "not trained" : "in training";
}

// A row for each network, ranked as `neuralfinder top` ranks them; those without a short score have no rank.
const leaderboard = () => (found.leaderboard ??= findLeaderboard());

function findLeaderboard() {
  const full = fullTrainings(), done = story.single.finished;
  const rows = [...byGenome].map(([number, { lives }]) => {
    const inOrder = [...lives].sort((a, b) => a.id - b.id), good = inOrder.filter((life) => life.score !== undefined);
    const life = good[0] ?? inOrder[0], key = keyOf(number);
    const failure = inOrder.find((each) => each.failure);
    return { number, key, id: life.id, name: `${life.operator}-${life.id + 1}`, operator: life.operator, parents: [...new Set(life.parents)],
      short: good.length ? good.reduce((sum, each) => sum + each.score, 0) / good.length : undefined, trainings: good.length,
      full: full.get(key), test: done?.genome === key ? scoreAmong(done, "test") : undefined,
      parameters: life.parameters, macs: life.macs, seconds: inOrder.reduce((sum, each) => sum + (each.seconds ?? 0), 0),
      status: statusOf(number, inOrder, good.length), why: failure ? `${failure.failure}${failure.detail ? `: ${failure.detail}` : ""}` : "" };
  });
  rows.sort((a, b) => (b.short ?? -1) - (a.short ?? -1) || (a.macs ?? 0) - (b.macs ?? 0) || a.id - b.id);
  rows.forEach((row, place) => { row.rank = row.short === undefined ? undefined : place + 1; });
  if (done && !byGenome.has(numbers.get(done.genome))) {
    rows.push({ number: numbers.get(done.genome), key: done.genome, id: Infinity, name: "by hand", operator: "by hand", parents: [], full: scoreAmong(done, "validation"), test: scoreAmong(done, "test"),
      parameters: done.parameters, macs: done.macs, seconds: 0, trainings: 0, status: "winner", why: "" });
  }
  return rows;
}

// Columns: title, what is sorted by, what stands there, and whether the largest comes first.
const COLUMNS = [
  { id: "rank", title: "rank", value: (row) => row.rank, text: (row) => row.rank ?? "" },
  { id: "name", title: "network", value: (row) => row.key, left: true, text: (row) => networkCell(row) },
  { id: "short", title: "short score", value: (row) => row.short, down: true, text: (row) => `${row.short === undefined ? "" : scored(row.short)}${row.trainings > 1 ? ` (mean of ${row.trainings})` : ""}` },
  { id: "full", title: "full training", value: (row) => row.full, down: true, text: (row) => (row.full === undefined ? "" : scored(row.full)) },
  { id: "test", title: "test", value: (row) => row.test, down: true, text: (row) => (row.test === undefined ? "" : scored(row.test)) },
  { id: "parameters", title: "parameters", value: (row) => row.parameters, text: (row) => (row.parameters === undefined ? "" : whole(row.parameters)) },
  { id: "macs", title: "multiply-adds", value: (row) => row.macs, text: (row) => (row.macs === undefined ? "" : short(row.macs)) },
  { id: "seconds", title: "seconds", value: (row) => row.seconds || undefined, down: true, text: (row) => (row.seconds ? row.seconds.toFixed(1) : "") },
  { id: "born", title: "born by", value: (row) => row.operator, left: true, text: (row) => bornCell(row) },
  { id: "status", title: "status", value: (row) => row.status, left: true, text: (row) => [h("span", { class: row.status === "failed" ? "bad" : row.status === "winner" ? "good" : null }, row.status), row.why ? h("div", { class: "quiet why" }, row.why) : null] },
];

const link = (words, onclick, label) => h("button", { type: "button", class: "link", onclick, "aria-label": label }, words);

function networkCell(row) {
  const picked = wanted.pair.includes(row.key);
  return h("div", { class: "who" }, row.number === undefined ? null : portrait(row.number, 40), h("div", {},
    h("div", { class: "genome" }, row.key),
    h("div", { class: "acts" }, h("span", { class: "quiet" }, row.name), row.number === undefined ? null : [
      h("label", {}, h("input", { type: "checkbox", checked: picked, "aria-label": `Compare ${row.name}`, onchange: () => pickForPair(row.key) }), " compare"),
      link("world", () => visit(row.number), `Show ${row.name} in the world`),
      link("family", () => { choose(row.number); $("family").scrollIntoView({ block: "start" }); }, `Show the family of ${row.name}`)])));
}

function bornCell(row) {
  const known = row.parents.filter((parent) => byGenome.has(parent));
  return [row.operator, known.length ? h("div", { class: "quiet" }, "of ", known.map((parent, place) => [place ? " and " : "", link(`${firstLife(parent).operator}-${firstLife(parent).id + 1}`, () => seek(parent), `Find parent ${firstLife(parent).operator}-${firstLife(parent).id + 1}`)])) : null];
}

// One more to compare; of three the first goes.
function pickForPair(key) {
  wanted.pair = wanted.pair.includes(key) ? wanted.pair.filter((each) => each !== key) : [...wanted.pair, key].slice(-2);
  for (const draw of whenPicked) draw();
}
const whenPicked = [];

// The page of the table on which a network stands.
function seek(number) {
  Object.assign(wanted, { status: "all", text: "" });
  finder.text.value = ""; finder.status.value = "all";
  wanted.page = Math.max(0, Math.floor(asked().findIndex((row) => row.number === number) / ON_A_PAGE));
  drawBoard();
  const row = $("networks-body").querySelector(`tr[data-number="${number}"]`);
  row?.scrollIntoView({ block: "center" });
  row?.querySelector("input, button")?.focus({ preventScroll: true });
}

// The rows that the reader asked for, in the order asked for; what has no value comes last.
function asked() {
  const column = COLUMNS.find(({ id }) => id === wanted.by), words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = leaderboard().filter((row) => (wanted.status === "all" || row.status === wanted.status)
    && words.every((word) => `${row.key} ${row.name} ${row.status} ${row.why}`.toLowerCase().includes(word)));
  const order = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b) * (wanted.down ? -1 : 1);
  return rows.sort((a, b) => {
    const [x, y] = [column.value(a), column.value(b)];
    return x === undefined || y === undefined ? (x === undefined) - (y === undefined) : order(x, y);
  });
}

function putBoard(body) {
  const all = leaderboard(), rows = asked();
  if (!all.length) { put(body, soon()); return; }
  const pages = Math.max(1, Math.ceil(rows.length / ON_A_PAGE));
  wanted.page = Math.min(wanted.page, pages - 1);
  const from = wanted.page * ON_A_PAGE;
  const head = (column) => h("th", { scope: "col", class: column.left ? "text" : null, "aria-sort": wanted.by !== column.id ? null : wanted.down ? "descending" : "ascending" },
    h("button", { type: "button", class: "head", onclick: () => sortBy(column) }, column.title, h("span", { "aria-hidden": "true" }, wanted.by !== column.id ? "" : wanted.down ? " ▼" : " ▲")));
  const turn = (words, page, off) => h("button", { type: "button", id: `page-${words.toLowerCase()}`, disabled: off, onclick: () => { wanted.page = page; drawBoard(); } }, words);
  put(body, h("p", { class: "quiet", id: "networks-count" }, `${whole(rows.length)} of ${whole(all.length)} networks${rows.length > ON_A_PAGE ? `, ${whole(from + 1)} to ${whole(Math.min(from + ON_A_PAGE, rows.length))} here` : ""}.${story.single.metric ? ` Scores are ${ofMetric()}, also after a full training and in the test.` : ""}${story.leftOut ? ` ${whole(story.leftOut[0])} of ${whole(story.leftOut[1])} lives are left out, so that the page stays quick; ranks beyond 1,000 are among those told.` : ""}`),
    h("div", { class: "scroll board", tabindex: 0, role: "region", "aria-label": "Leaderboard" }, h("table", {},
      h("thead", {}, h("tr", {}, COLUMNS.map(head))),
      h("tbody", {}, rows.slice(from, from + ON_A_PAGE).map((row) => h("tr", { "data-number": row.number, class: row.status === "winner" ? "won" : null },
        COLUMNS.map((column) => h("td", { class: column.left ? "text" : null }, column.text(row)))))))),
    pages > 1 ? h("div", { class: "controls" }, turn("First", 0, !wanted.page), turn("Before", wanted.page - 1, !wanted.page), h("span", { class: "quiet" }, `page ${wanted.page + 1} of ${pages}`),
      turn("After", wanted.page + 1, wanted.page >= pages - 1), turn("Last", pages - 1, wanted.page >= pages - 1)) : null);
}

function sortBy(column) {
  const again = wanted.by === column.id;
  Object.assign(wanted, { by: column.id, down: again ? !wanted.down : Boolean(column.down), page: 0 });
  drawBoard();
}

const STATUSES = ["all", "winner", "trained", "stopped early", "failed", "in training", "not trained"];
const finder = {
  text: h("input", { type: "search", id: "networks-text", placeholder: "C64.bn, mutate, ..." , oninput: (event) => { Object.assign(wanted, { text: event.target.value, page: 0 }); drawBoard(); } }),
  status: h("select", { id: "networks-status", onchange: (event) => { Object.assign(wanted, { status: event.target.value, page: 0 }); drawBoard(); } }, STATUSES.map((each) => h("option", {}, each))),
};
put($("networks-finder"), h("label", {}, "Search ", finder.text), h("label", {}, "Status ", finder.status));

const drawBoard = panel("networks-body", putBoard);
whenPicked.push(drawBoard);
