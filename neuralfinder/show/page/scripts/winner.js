// The panel of the winner: its network, how it does on the test part, what each gene is worth, what it gets wrong.

function putWinner(body) {
  const done = story.single.finished;
  const number = leader();
  if (number === undefined) { put(body, h("p", { class: "quiet" }, "Nothing was trained yet.")); return; }
  const parts = [h("div", {}, h("p", { class: "genome" }, keyOf(number)), architecture(number))];
  if (!done) {
    parts.push(h("div", {}, facts([["short score", scored(scoreOf(number))]]),
      h("p", { class: "quiet" }, `A short score is the validation ${ofMetric()} after a short training, and no ${ofMetric()} to expect: the winner is trained fully and measured on the test part at the end.`)));
    put(body, h("div", { class: "winner" }, parts));
    return;
  }
  const { metric } = story.single;
  const key = (metric?.name ?? "accuracy").replaceAll("-", "_");
  const reached = (x) => (!metric || metric.percent || x === undefined ? percent(x) : x.toFixed(4));
  const long = (x) => (metric?.loss ? Math.exp(-x) : x); // of a bar
  const [low, high] = done[metric ? `test_${key}_interval` : "test_interval"];
  const epochs = (each) => {
    const count = Number(each.epochs.toPrecision(3));
    return `${count} epoch${count === 1 ? "" : "s"}`;
  };
  const rivals = [["the winner", done], ...Object.entries(done.baselines).filter(([, each]) => each?.[`test_${key}`] !== undefined)]
    .map(([name, each]) => [name, long(each[`test_${key}`]), reached(each[`test_${key}`])]);
  const terms = Object.entries(done.baselines).filter(([, each]) => each?.epochs !== undefined).map(([name, each]) => {
    const [part, where] = each[`test_${key}`] === undefined ? [`validation_${key}`, " on the validation part"] : [`test_${key}`, ""];
    const said = `The ${name} has ${reached(each[part])}${where} after ${epochs(each)}`;
    if (each.genome === done.genome) return `${said}; it is the winner: ${done.candidates.trained ? "none that was found was better" : "no other was trained"}.`;
    return each.winner_then ? `${said}; the winner had ${reached(each.winner_then[part])} after as many seconds.` : `${said}.`;
  });
  parts.push(h("div", {},
    facts([
      [`test ${ofMetric()}`, h("strong", {}, `${reached(done[`test_${key}`])} (95 % interval ${reached(low)} to ${reached(high)})`)],
      ...(metric ? [["accuracy", percent(done.test_accuracy)]] : []),
      ["balanced", percent(done.test_balanced_accuracy)], ["validation", reached(done[`validation_${key}`])],
      ["parameters", whole(done.parameters)], ["size", `${(4 * done.parameters / 1e6).toPrecision(3)} MB`],
      ["multiply-adds", `${short(done.macs)} a sample`],
      ["one sample", firstLife(number)?.milliseconds && `${firstLife(number).milliseconds[0]} ms on ${done.device}`],
      ["trained", `${epochs(done)}${done.refit ? ", the last of them on training and validation part" : ""}`],
    ]),
    bars(`Test ${ofMetric()} beside plainer means`, rivals, (row) => row[2], terms.join(" ")),
    curve(done.refit ? "Learning curve until the last training" : "Learning curve", done.curve), ablation(story.single.ablation)));
  const answers = story.single.answers;
  put(body, h("div", { class: "winner" }, parts),
    answers && [h("div", { class: "winner" }, confusion(answers)), mistakes(answers)]);
}

function ablation(removals) {
  if (!removals) {
    const again = Object.keys(story.single.run?.address ?? {}).length; // arrays cannot be read again
    return again ? h("p", { class: "quiet" }, "What each gene is worth is not measured; neuralfinder show RUN --ablate does it.") : null;
  }
  const [all, ...others] = removals.rows;
  return h("div", {}, h("h3", {}, "What each gene is worth"),
    h("p", { class: "quiet" }, `Trained again as candidates were, the winner has ${percent(all.score)}; without a gene:`),
    table(["gene", "without it", "change", ""], others.map((row) => [`${row.place} ${row.gene}`, percent(row.score),
      row.change === null ? row.why : points(row.change), row.change !== null && Math.abs(row.change) <= row.noise ? "within the noise" : ""]), [0, 3]));
}

function confusion({ classes, confusion: counts }) {
  const totals = counts.map((row) => row.reduce((a, b) => a + b, 0));
  const right = h("div", {}, h("h3", {}, "Each class"), table(["class", "test samples", "answered rightly"],
    classes.map((name, i) => [String(name), whole(totals[i]), totals[i] ? percent(counts[i][i] / totals[i], 1) : NONE])));
  if (classes.length > 30) return right;
  const cells = counts.map((row, i) => h("tr", {}, h("th", { scope: "row", class: "text" }, String(classes[i])), row.map((count, j) => {
    const rgb = colour(totals[i] ? count / totals[i] : 0);
    const cell = h("td", { class: "share", title: `${classes[i]} answered as ${classes[j]}: ${count}` }, count ? String(count) : "");
    cell.style.backgroundColor = css(rgb);
    cell.style.color = inkOn(rgb);
    return cell;
  })));
  return [h("div", {}, h("h3", {}, "What was taken for what"), h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Confusion matrix" },
    h("table", {}, h("thead", {}, h("tr", {}, h("th", { class: "text", scope: "col" }, "true \\ answer"), classes.map((name) => h("th", { scope: "col" }, cut(String(name), 14))))), h("tbody", {}, cells)))), right];
}

function mistakes({ mistakes: rows }) {
  if (!rows.length) return h("div", {}, h("h3", {}, "Mistakes"), h("p", {}, "None on the test part."));
  return h("div", {}, h("h3", {}, "The most confident mistakes"), h("ul", { class: "mistakes" }, rows.map((row) => h("li", {},
    row.picture ? h("img", { src: row.picture, alt: row.name, width: 96, height: 96 }) : h("blockquote", {}, row.text),
    h("div", {}, `${row.label} taken for ${row.answer}, ${percent(row.confidence, 0)} sure`), h("div", { class: "quiet" }, row.name)))));
}

panel("winner-body", putWinner);
