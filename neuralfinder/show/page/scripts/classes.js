// Class by class: what is found of each, what is taken for what, and how far the network's probabilities can be trusted.

const MOST_CLASSES = 30; // of a matrix that can be read
const STEP = 5; // thousandths between two places of the slider

let least = 900; // thousandths of the least probability that is answered

function putClasses(body) {
  const { answers } = story.single;
  if (!answers) return;
  put(body, h("div", { class: "pane" }, byClass(answers)), answers.classes.length > MOST_CLASSES ? null : h("div", { class: "pane" }, matrix(answers)),
    answers.sure?.length ? h("div", { class: "pane" }, threshold(answers.sure)) : null,
    story.single.reliability?.length ? h("div", { class: "pane" }, trust(story.single.reliability)) : null);
}

function byClass({ classes, confusion }) {
  const rows = classes.map((name, i) => {
    const there = confusion[i].reduce((sum, each) => sum + each, 0);
    const given = confusion.reduce((sum, row) => sum + row[i], 0);
    const [most, with_] = confusion[i].reduce((best, count, j) => (j !== i && count > best[0] ? [count, j] : best), [0, -1]);
    return { name, there, precision: given ? confusion[i][i] / given : undefined, recall: there ? confusion[i][i] / there : undefined, most, other: classes[with_] };
  });
  const share = (name) => ({ title: name, value: (row) => row[name], cell: (row) => percent(row[name], 1) });
  return [h("h3", {}, "How well each class is told"), sortable("Classes", [
    { title: "class", text: true, value: (row) => row.name }, { title: "samples", value: (row) => row.there, cell: (row) => whole(row.there) },
    share("precision"), share("recall"),
    { title: "most taken for", text: true, value: (row) => -row.most, cell: (row) => (row.most ? `${row.other} (${row.most} of ${row.there})` : NONE) },
  ], rows, [3, false]), h("p", { class: "quiet" }, "Precision: of the answers with this class, the share that is right. Recall: of the samples of this class, the share that is found.")];
}

function matrix({ classes, confusion }) {
  const cells = confusion.map((row, i) => {
    const there = row.reduce((sum, each) => sum + each, 0);
    return h("tr", {}, h("th", { scope: "row", class: "text" }, classes[i]), row.map((count, j) => {
      const wrong = count && i !== j;
      const cell = h("td", { class: "share" }, wrong ? h("button", { type: "button", "aria-label": `${classes[i]} answered as ${classes[j]}: ${count}; show them`, onclick: () => showPair(classes[i], classes[j]) }, count) : count || "");
      const rgb = colour(there ? count / there : 0);
      cell.style.backgroundColor = css(rgb);
      cell.style.color = inkOn(rgb);
      return cell;
    }));
  });
  return [h("h3", {}, "What is taken for what"), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Confusion matrix" },
    h("table", { class: `matrix${classes.some((name) => name.length > 3) ? " long" : ""}` }, h("thead", {}, h("tr", {}, h("th", { class: "text", scope: "col" }, "class \\ answer"), classes.map((name) => h("th", { scope: "col" }, cut(name, 14))))), h("tbody", {}, cells))),
  h("p", { class: "quiet" }, "Counts of the test part; brighter: more of the class. A number off the diagonal shows those mistakes.")];
}

// What is left at a least probability: answers, and how many of them are right.
function leftAt(sure, thousandths) {
  return sure.reduce(([count, right], [step, of, true_]) => (step >= thousandths ? [count + of, right + true_] : [count, right]), [0, 0]);
}

function threshold(sure) {
  const [all, allRight] = leftAt(sure, 0);
  const curve = [];
  for (let step = 0; step <= 1000; step += STEP) {
    const [count, right] = leftAt(sure, step);
    if (count && count / all !== curve[curve.length - 1]?.[0]) curve.push([count / all, right / count]);
  }
  curve.reverse();
  const said = h("output", { for: "least", class: "said" }), drawn = h("div"), command = h("code");
  const slider = h("input", { id: "least", tabindex: 0, type: "range", min: 0, max: 1000, step: STEP, value: least, oninput: () => { least = Number(slider.value); draw(); } });
  function draw() {
    const [count, right] = leftAt(sure, least), probability = percent(least / 1000, 1);
    command.textContent = `neuralfinder predict RUN new/ --threshold ${least / 1000}`;
    slider.setAttribute("aria-valuetext", `at least ${probability}`);
    put(said, count ? [h("strong", {}, `${percent(count / all, 1)} answered, ${percent(right / count)} of them right. `), `With a probability of at least ${probability} it answers ${whole(count)} of ${testSamples(all)}; `,
      count < all ? `the other ${whole(all - count)} are “not sure”, ${whole(all - count - (allRight - right))} of which it would have got wrong.` : "none is “not sure”."]
      : `No answer has a probability of ${probability}: all are “not sure”.`);
    redraw(drawn, () => put(drawn, chart({
      title: "Accuracy of what is answered, against how much that is", xTitle: "share answered", yTitle: "of them right", xText: (x) => percent(x, 0), yText: (y) => percent(y, 1),
      y: [Math.max(0, Math.min(...curve.map(([, y]) => y)) - 0.01), 1],
      series: [{ kind: "line", name: "all thresholds", points: curve }, ...(count ? [{ kind: "dots", name: "chosen", class: "chosen", points: [[count / all, right / count]] }] : [])],
    })));
  }
  draw();
  return [h("h3", {}, "Answers only where it is sure enough"), h("div", { class: "controls" }, h("label", { for: "least" }, "Least probability"), slider), said, drawn,
    h("p", { class: "quiet" }, command, " answers so.")];
}

function trust(bins) {
  const { error_after: error } = story.single.finished.calibration;
  const edge = (share) => (100 * share).toFixed(0);
  return [h("h3", {}, "Whether its probabilities come true"), dots({
    title: "", from: 0, xTitle: "share answered rightly, in %; bar: the probability stated; whiskers: 95% intervals",
    rows: bins.map((bin) => ({ name: `${edge(bin.from)}–${edge(bin.to)}% sure`, at: bin.came, interval: bin.interval, mark: bin.said, text: `${whole(bin.count)} answer${bin.count === 1 ? "" : "s"}` })),
    note: `Where the dot is on the bar, what was stated came true. On average they are ${percent(error)} apart (calibration error over ${story.single.finished.calibration.bins} bins, ${testSamples(bins.reduce((sum, bin) => sum + bin.count, 0))}).`,
  })];
}

panel("classes-body", putClasses);
