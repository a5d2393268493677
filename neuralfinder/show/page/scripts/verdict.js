// The first of the page: how good the network is, against what, and some of what it answered.

const SHOWN = { picture: 6, text: 4 }; // right answers, and as many wrong ones
const LETTERS = 160; // of a text

function drawVerdict() {
  const { finished: done, answers } = story.single;
  $("verdict").hidden = !done;
  for (const id of ["classes", "mistakes"]) $(id).hidden = !answers;
  for (const link of document.querySelectorAll("nav a")) link.hidden = $(link.hash.slice(1)).hidden;
  if (!done) return;
  redraw($("verdict-body"), () => put($("verdict-body"),
    done.verdict && h("h1", { class: "sentence" }, done.verdict), // runs of older versions have none
    done.cautions?.length ? h("ul", { class: "cautions" }, done.cautions.map((each) => h("li", {}, each))) : null,
    h("div", { class: "panes" }, h("div", { class: "pane" }, figure(done)), answers && h("div", { class: "pane" }, some(answers)))));
}

function figure(done) {
  const rows = story.single.standing.map((row, place) => ({
    name: row.title, terms: row.terms, at: row.score, interval: row.interval, own: !place, elsewhere: row.part === "validation",
    text: scored(row.score),
  }));
  const least = Math.min(...rows.map((row) => row.interval?.[0] ?? row.at ?? 1));
  return [
    h("p", { class: "answer" }, h("strong", {}, rows[0].text), h("span", {}, reachedWords(done, rows[0].interval))),
    dots({
      title: "Beside plainer means", rows, from: Math.min(0.8, Math.floor(5 * least) / 5), xText: (v) => scored(v, 0),
      xTitle: `${axisWords(done)}${rows.some((row) => row.elsewhere) ? "; hollow: of the validation part" : ""}`,
    }),
    h("p", { class: "quiet" }, `All classes counted alike ${story.single.metric ? "its accuracy" : "it"} is ${percent(done.test_balanced_accuracy)}. On the validation part, by which it was chosen, it had ${scored(scoreAmong(done, "validation"))}.`),
  ];
}

// What the first figure of the page is of, and how sure it is; beside another metric how many answers are right.
function reachedWords(done, interval) {
  const tested = testSamples(done.data.test);
  const right = `of ${tested} answered rightly; 95% interval ${done.test_interval.map((end) => percent(end)).join(" to ")}`;
  if (!story.single.metric) return right;
  const ends = interval.map((end) => scored(end));
  if (ofRun().loss) ends.reverse();
  return `${ofMetric()} on ${tested}; 95% interval ${ends.join(" to ")}. Accuracy: ${percent(done.test_accuracy)} ${right}`;
}

function axisWords({ copies }) {
  if (!story.single.metric) return `test ${sampleKind()}s answered rightly, in %; whiskers: 95% intervals`;
  const { title, percent: shares, loss } = ofRun();
  return `${title} on the test part${shares ? ", in %" : loss ? ", of which less is better" : ""}; whiskers: 95% interval of this ${copies > 1 ? "team" : "network"}`;
}

function some({ mistakes, rightly, confusion }) {
  const count = SHOWN[sampleKind()];
  const wrong = confusion.flat().reduce((sum, each) => sum + each, 0) - confusion.reduce((sum, row, place) => sum + row[place], 0);
  return [
    rightly?.length ? [h("h2", {}, "Answered rightly"), samples(rightly.slice(0, count), LETTERS)] : null,
    h("h2", {}, "Answered wrongly"),
    wrong ? [samples(mistakes.slice(0, count), LETTERS), h("p", {}, h("a", { href: "#mistakes" }, wrong === 1 ? "The mistake, to export" : `All ${whole(wrong)} mistakes, to filter and export`))]
      : h("p", {}, "None of the test part."),
  ];
}
