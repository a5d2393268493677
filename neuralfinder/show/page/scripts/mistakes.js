// The gallery of mistakes: what was answered wrongly, by pairs of classes, and as a list to go through and label anew.

let pair = ""; // label and answer of the mistakes that are shown, as JSON; empty for all

const pairOf = (row) => JSON.stringify([row.label, row.answer]);

// All that are known, the surest first; those after the first have no picture or text.
function allMistakes({ classes, mistakes, others }) {
  return [...mistakes, ...(others ?? []).map(([name, label, answer, confidence]) => ({ name, label: classes[label], answer: classes[answer], confidence }))];
}

function putMistakes(body) {
  const { answers } = story.single;
  if (!answers) return;
  const all = allMistakes(answers);
  const tested = answers.confusion.flat().reduce((sum, each) => sum + each, 0);
  const wrong = tested - answers.confusion.reduce((sum, row, place) => sum + row[place], 0);
  if (!wrong) { put(body, h("p", {}, `None: all ${testSamples(tested)} were answered rightly.`)); return; }
  const counts = new Map();
  for (const row of all) counts.set(pairOf(row), (counts.get(pairOf(row)) ?? 0) + 1);
  if (!counts.has(pair)) pair = "";
  const rows = pair ? all.filter((row) => pairOf(row) === pair) : all;
  const seen = rows.filter((row) => row.picture || row.text !== undefined), named = rows.filter((row) => !seen.includes(row)), listed = named.slice(0, MOST_ROWS);
  const option = (value, text) => h("option", { value, selected: value === pair }, text);
  put(body,
    h("p", { class: "lead" }, `${whole(wrong)} of ${testSamples(tested)} ${wrong === 1 ? "was" : "were"} answered wrongly${all.length < wrong ? `; known here are the ${whole(all.length)} surest` : ""}. The surest come first: where the network is sure and wrong, look at the label.`),
    h("div", { class: "controls" },
      h("label", {}, "Show ", h("select", { id: "pair", tabindex: 0, onchange: (event) => { pair = event.target.value; drawMistakes(); } }, option("", `all ${whole(all.length)}`),
        [...counts].sort((a, b) => b[1] - a[1]).map(([key, count]) => { const [label, answer] = JSON.parse(key); return option(key, `${label} answered as ${answer} (${count})`); }))),
      h("button", { type: "button", id: "export", onclick: () => save(`mistakes-of-${runName()}.csv`, asCsv(rows)) }, `Export ${whole(rows.length)} as CSV`),
      h("span", { class: "quiet" }, "A list to go through: name, label, answer, probability.")),
    seen.length ? samples(seen) : null,
    named.length ? [h("h3", {}, `${seen.length ? `And ${whole(named.length)} more, by name` : "By name"}${listed.length < named.length ? `: ${whole(listed.length)} of them, the list has all` : ""}`), table(["name", "label", "answer", "probability"],
      listed.map((row) => [row.name, row.label, row.answer, percent(row.confidence, 1)]), [0, 1, 2])] : null);
}

const drawMistakes = panel("mistakes-body", putMistakes);

// Shows the samples of one class that were answered as another.
function showPair(label, answer) {
  pair = JSON.stringify([label, answer]);
  drawMistakes();
  $("mistakes").scrollIntoView();
  $("pair").focus({ preventScroll: true });
}

const runName = () => (story.single.run?.data ?? "run").split(/[\\/]/).filter(Boolean).pop().replace(/[^\w.-]+/g, "-");

// A cell that no spreadsheet takes for a formula, as `cell` in plain.py has it.
function csvCell(value) {
  if (typeof value === "number") return String(Number(value.toPrecision(6)));
  const text = value.replaceAll("\r", "\\r");
  const safe = /^[=+\-@\t\r]/.test(value) && (!value.trim() || Number.isNaN(Number(value))) ? `'${text}` : text;
  return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const asCsv = (rows) => ["name,label,answer,probability", ...rows.map((row) => [row.name, row.label, row.answer, row.confidence].map(csvCell).join(",")), ""].join("\n");

function save(name, text) {
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
