// The panel of the search: best against time, where the time went, plan against reality, sizes, foresight, operators, diversity.

const MOST_DOTS = 1500;

function runningBest(pairs) {
  let best = -Infinity;
  return pairs.filter(([, score]) => score > best && ((best = score), true));
}

function runningMedian(pairs) {
  const sorted = [], out = [];
  const every = Math.ceil(pairs.length / 300);
  pairs.forEach(([at, score], place) => {
    let low = 0, high = sorted.length;
    while (low < high) { const middle = (low + high) >> 1; if (sorted[middle] < score) low = middle + 1; else high = middle; }
    sorted.splice(low, 0, score);
    if (place % every === 0 || place === pairs.length - 1) out.push([at, sorted[sorted.length >> 1]]);
  });
  return out;
}

// All of them, or where there are too many to draw the improvements and others evenly.
function thinned(pairs) {
  const step = Math.ceil(pairs.length / MOST_DOTS);
  if (step <= 1) return pairs;
  let best = -Infinity;
  return pairs.filter(([life], place) => {
    const better = life.score > best;
    if (better) best = life.score;
    return better || place % step === 0;
  });
}

// How a training is written on a dot, and what a click on it does.
const dotTitle = (life) => `${life.operator}-${life.id + 1}: ${keyOf(life.genome)}, short score ${percent(life.score)}`;
const dotPick = (life) => () => { choose(life.genome); $("life").scrollIntoView({ block: "nearest" }); };

function putSearch(body) {
  const lives = endedLives();
  const good = lives.filter((life) => life.score !== undefined);
  const ended = lives.filter((life) => !life.failure); // some were stopped early and have no score
  const full = story.finals.filter((each) => each.in_race && each.score !== undefined);
  const [low, high] = [scoreRange()[0] - 0.02, [...good, ...full].reduce((most, each) => Math.max(most, each.score), 0) + 0.005];
  const range = [low, good.reduce((most, life) => Math.max(most, life.score), 0) + 0.005];
  const some = thinned(good.map((life, place) => [life, place + 1]));
  const few = some.length < good.length ? ` ${whole(some.length)} of ${whole(good.length)} trainings are drawn: the improvements, and others evenly.` : "";
  const progress = (what, at, xTitle, xText, end, later) => chart({
    title: `Best against ${what}`, xTitle, xText, y: later.length ? [low, high] : range, yTitle: "validation accuracy (%)",
    note: `A short training ranks networks; in a full training some of the best are trained on, and are judged on the same samples.${few}`,
    series: [...progressSeries(some, at, end), ...(later.length ? [{ kind: "dots", name: "full training", class: "full", points: later }] : [])],
  });
  const fulls = full.map((each) => [each.ended, each.score, numbers.has(each.genome) ? dotPick({ genome: numbers.get(each.genome) }) : undefined, `${each.name}: ${each.genome}, full training ${percent(each.score)}`]);
  put(body, ...[
    lives.length ? null : soon(),
    progress("time", ([life]) => life.ended, "time since the start (min:s)", clock, story.now, fulls), timeSpent(), planTable(),
    progress("number of trainings", ([, place]) => place, "short trainings (count)", whole, good.length, []),
    sizes(good, some, range), foresight(ended), operators(ended), diversity(), failures(lives),
    story.leftOut ? h("p", { class: "quiet" }, `${whole(story.leftOut[0])} of ${whole(story.leftOut[1])} lives are left out here, so that the page stays quick; the record has all.`) : null,
  ].filter(Boolean));
}

function progressSeries(some, at, end) {
  const pairs = some.map((one) => [at(one), one[0].score]);
  const close = (line) => (line.length ? [...line, [end, line[line.length - 1][1]]] : line);
  return [{ kind: "dots", name: "short training", points: some.map((one) => [at(one), one[0].score, dotPick(one[0]), dotTitle(one[0])]) },
    { kind: "step", name: "median so far", class: "median", points: close(runningMedian(pairs)) },
    { kind: "step", name: "best so far", class: "best", points: close(runningBest(pairs)) }];
}

function sizes(good, some, range) {
  if (!good.length) return null;
  const bySize = [...good].sort((a, b) => a.parameters - b.parameters || b.score - a.score);
  const front = runningBest(bySize.map((life) => [Math.log10(life.parameters), life.score]));
  return chart({ title: "Short score against size", xTitle: "parameters (count, on a scale of powers)", yTitle: "short score (%)", xText: (v) => short(10 ** v), y: range, note: "Line: what no smaller network beats (Pareto front).",
    series: [{ kind: "dots", name: "training", points: some.map(([life]) => [Math.log10(life.parameters), life.score, dotPick(life), dotTitle(life)]) },
      { kind: "step", name: "front", points: front }] });
}

function foresight(ended) {
  const foreseen = thinned(ended.filter((life) => life.beaten !== undefined).map((life) => [life]));
  if (foreseen.length <= 2) return null;
  return chart({ title: "Foresight: networks before it that each was expected to beat, and has beaten", xTitle: "expected to be beaten (%)", xText: (v) => percent(v, 0), yText: (v) => percent(v, 0), yTitle: "beaten (%)", diagonal: true,
    note: "On the dotted line what was expected came.", series: [{ kind: "dots", name: "training", points: foreseen.map(([life]) => [life.expected, life.beaten, dotPick(life), dotTitle(life)]) }] });
}

function operators(ended) {
  const counts = new Map(); // operator -> [children better than their parents, children]
  for (const life of ended) {
    const parents = life.parents.map(scoreOf).filter((score) => score !== undefined);
    if (!parents.length) continue;
    const entry = counts.get(life.operator) ?? [0, 0];
    entry[0] += life.score > Math.max(...parents);
    entry[1] += 1;
    counts.set(life.operator, entry);
  }
  const rows = [...counts].sort((a, b) => b[1][1] - a[1][1]).map(([name, [paid, all]]) => [name, paid / all, paid, all]);
  return bars("Children better than their parents, by operator", rows, (row) => `${row[2]} of ${row[3]}`);
}

function failures(lives) {
  const counts = new Map();
  for (const life of lives) if (life.failure) counts.set(life.failure, (counts.get(life.failure) ?? 0) + 1);
  for (const [reason, count] of Object.entries(story.impossible)) counts.set(`not possible: ${reason.replace("infeasible", "").replace(/^\W+/, "") || "shape"}`, count);
  return bars("What could not be trained, by reason", [...counts].sort((a, b) => b[1] - a[1]), (row) => whole(row[1]));
}

function diversity() {
  if (!hasWorld()) return null;
  const cells = new Map(), pairs = [];
  for (const scene of story.scenes) {
    for (const [row, column, number] of scene.cells) cells.set(`${row},${column}`, number);
    pairs.push([scene.time, new Set(cells.values()).size / cells.size]);
  }
  return chart({ title: "Diversity of the world", xTitle: "time since the start (min:s)", xText: clock, yText: (v) => percent(v, 0), y: [0, 1], yTitle: "distinct networks (%)",
    note: "Share of the living networks that are distinct.", series: [{ kind: "step", name: "distinct", points: pairs }] });
}

// Seconds of each station of the run, as far as it has come; breaks between parts of a run do not count.
function stations() {
  const { stages, single: { finished: done, plan, stop } } = story;
  const now = clockNow();
  if (!plan) return [["reading", stages.data ?? now], ["measuring", stages.data ? now - stages.data : 0]];
  const searching = done ? done.seconds.search : (stages.stop ?? now) - stages.plan;
  const finishing = done ? done.seconds.finish : stop ? now - stages.stop : 0;
  const before = done ? done.seconds.total - searching - finishing : stages.plan;
  const reading = Math.min(stages.data ?? 0, before);
  return [["reading", reading], ["starting, measuring, planning", before - reading], ["searching", searching], ["finishing", finishing]];
}

function timeSpent() {
  if (!story.single.run) return null;
  const rows = stations().filter(([, value]) => value > 0);
  const full = story.finals.reduce((sum, each) => sum + (each.seconds ?? 0), 0);
  const said = story.totals.seconds ? `Short trainings took ${seconds(story.totals.seconds)} of the search${full ? `, full trainings ${seconds(full)} of the finish` : ""}; the rest is choosing, comparing and writing down.` : undefined;
  return stack("Where the time went", rows, (row) => seconds(row[1]), said);
}

function planTable() {
  const { plan, finished: done } = story.single;
  if (!plan) return null;
  const count = story.totals.trained + story.totals.failed;
  const rows = [["candidates (count)", `${plan.search.fixed ? "" : "about "}${whole(plan.search.candidates)}`, whole(count)],
    ["a candidate (time)", plan.search.seconds ? seconds(plan.search.seconds / Math.max(1, plan.search.candidates)) : NONE, count ? seconds(story.totals.seconds / count) : NONE],
    ["search (time)", plan.search.seconds ? seconds(plan.search.seconds) : NONE, done ? seconds(done.seconds.search) : NONE],
    ["training in the search (time)", done ? seconds(done.seconds.training_predicted) : NONE, done ? seconds(done.seconds.training) : NONE],
    ["finalists (count)", whole(plan.finish.finalists), whole(new Set(story.finals.map((each) => /^final-\d+/.exec(each.name)?.[0]).filter(Boolean)).size)],
    ["in all (time)", plan.budget_seconds ? seconds(plan.budget_seconds) : NONE, done ? seconds(done.seconds.total) : seconds(clockNow())]];
  return h("figure", {}, h("figcaption", {}, "The plan against what came"), table(["", "planned", "came"], rows));
}

panel("search-body", putSearch);
