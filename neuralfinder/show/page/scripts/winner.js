// The panel of the network found: its layers, what it costs, how it learned, what each gene is worth.

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
  const count = Number(done.epochs.toPrecision(3));
  const copies = done.copies ?? 1, alone = firstLife(number)?.milliseconds?.[0];
  parts.push(h("div", {},
    facts([
      ["networks", copies > 1 && `${copies} of this kind, each with weights of its own, answer together`],
      ["parameters", whole(done.parameters)], ["size", `${(4 * done.parameters / 1e6).toPrecision(3)} MB`],
      ["multiply-adds", `${short(done.macs)} a sample`], ["one sample", alone && `${Number((copies * alone).toPrecision(4))} ms on ${done.device}`],
      ["trained", `${count} epoch${count === 1 ? "" : "s"}${copies > 1 ? " each" : ""}${done.refit ? ", the last of them on training and validation part" : ""}`],
    ]),
    curve(done.refit ? "Learning curve until the last training" : "Learning curve", done.curve)), ablation(story.single.ablation));
  put(body, h("div", { class: "winner" }, parts));
}

function ablation(removals) {
  if (!removals) {
    const again = Object.keys(story.single.run?.address ?? {}).length; // arrays cannot be read again
    return again ? h("p", { class: "quiet" }, "What each gene is worth is not measured; neuralfinder show RUN --ablate does it.") : null;
  }
  const [all, ...others] = removals.rows;
  return h("div", {}, h("h3", {}, "What each gene is worth"),
    h("p", { class: "quiet" }, `Trained again as candidates were, the winner has ${story.single.metric ? "an accuracy of " : ""}${percent(all.score)}; without a gene:`),
    table(["gene", "without it", "change", ""], others.map((row) => [`${row.place} ${row.gene}`, percent(row.score),
      row.change === null ? row.why : points(row.change), row.change !== null && Math.abs(row.change) <= row.noise ? "within the noise" : ""]), [0, 3]));
}

panel("winner-body", putWinner);
