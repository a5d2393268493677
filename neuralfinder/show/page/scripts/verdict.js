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
  const [low, high] = done.test_interval, kind = sampleKind();
  const rows = story.single.standing.map((row, place) => ({
    name: row.title, terms: row.terms, at: row.accuracy, interval: row.interval, own: !place, elsewhere: row.part === "validation",
    text: percent(row.accuracy),
  }));
  const least = Math.min(...rows.filter((row) => row.interval).map((row) => row.interval[0]));
  return [
    h("p", { class: "answer" }, h("strong", {}, percent(done.test_accuracy)),
      h("span", {}, `of ${testSamples(done.data.test)} answered rightly; 95% interval ${percent(low)} to ${percent(high)}`)),
    dots({
      title: "Beside plainer means", rows, from: Math.min(0.8, Math.floor(5 * least) / 5),
      xTitle: `test ${kind}s answered rightly, in %; whiskers: 95% intervals${rows.some((row) => row.elsewhere) ? "; hollow: of the validation part" : ""}`,
    }),
    h("p", { class: "quiet" }, `All classes counted alike it is ${percent(done.test_balanced_accuracy)}. On the validation part, by which it was chosen, it had ${percent(done.validation_accuracy)}.`),
  ];
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
