// What is known of the run: takes in what story.py tells, and answers what follows from it. Draws nothing.

const story = { genomes: new Map(), lives: new Map(), scenes: [], finals: [], impossible: {}, now: 0, began: 0, stages: {}, single: {}, leftOut: null, totals: { trained: 0, failed: 0, seconds: 0 } };
const byGenome = new Map(); // number -> {sum, count, lives}
const numbers = new Map(); // key -> number
let moments = []; // {time, life} for every end of a training, {time, scene} for every change of the world, in order
let rewrites = 0; // grows when moments that were known change: whoever built on them begins again
let widest = 64; // filters of the widest layer
let found = {}; // what was worked out from the story since the last news

// Adds what is new; what is known is not looked at again, so that a long story stays quick.
function take(news) {
  found = {};
  if (news.whole) {
    for (const known of [story.genomes, story.lives, numbers, byGenome]) known.clear();
    story.scenes = []; story.finals = []; story.single = {};
    moments = [];
    rewrites += 1;
  }
  for (const [number, key, layers] of news.genomes ?? []) {
    story.genomes.set(number, { number, key, layers });
    numbers.set(key, number);
    for (const [kind, filters] of layers) if (kind === "conv") widest = Math.max(widest, filters);
  }
  const settled = hasWorld();
  const came = [];
  for (const life of news.lives ?? []) {
    count(life, story.lives.get(life.id));
    story.lives.set(life.id, life);
    if (life.ended !== undefined) came.push({ time: life.ended, life });
  }
  for (const scene of news.scenes ?? []) {
    story.scenes.push(scene);
    came.push({ time: scene.time, scene });
  }
  if (hasWorld() !== settled) rewrites += 1; // a world takes the place of the wall
  grow(came);
  story.finals.push(...(news.finals ?? []));
  for (const name of ["run", "data", "plan", "stop", "answers", "finished", "ablation", "account", "standing", "reliability", "metric"]) {
    if (name in news) story.single[name] = news[name];
  }
  story.totals = news.totals;
  if (news.impossible) story.impossible = news.impossible;
  if (news.left_out) story.leftOut = news.left_out;
  story.now = news.now;
  if (news.began) Object.assign(story, { began: news.began, stages: news.stages });
}

function count(life, before) {
  if (!byGenome.has(life.genome)) byGenome.set(life.genome, { sum: 0, count: 0, lives: [] });
  const entry = byGenome.get(life.genome);
  if (before) entry.lives[entry.lives.indexOf(before)] = life;
  else entry.lives.push(life);
  for (const [one, sign] of [[before, -1], [life, 1]]) {
    if (one?.score !== undefined) { entry.sum += sign * one.score; entry.count += sign; }
  }
}

// A scene is told with the question that follows the answers of its second.
const inOrder = (a, b) => a.time - b.time || (a.scene ? 1 : 0) - (b.scene ? 1 : 0) || (a.life?.id ?? 0) - (b.life?.id ?? 0);

function grow(came) {
  came.sort(inOrder);
  const late = moments.length && came.length && inOrder(moments[moments.length - 1], came[0]) > 0;
  for (const moment of came) moments.push(moment);
  if (late) { moments.sort(inOrder); rewrites += 1; }
}

const scoreOf = (number) => {
  const entry = byGenome.get(number);
  return entry && entry.count ? entry.sum / entry.count : undefined;
};
const firstLife = (number) => byGenome.get(number)?.lives[0];
const keyOf = (number) => story.genomes.get(number)?.key ?? "?";
const endedLives = () => moments.filter((moment) => moment.life).map((moment) => moment.life);
const hasWorld = () => story.scenes.length > 0;

const leader = () => ("leader" in found ? found.leader : (found.leader = findLeader()));

function findLeader() {
  if (story.single.finished) return numbers.get(story.single.finished.genome);
  let best;
  for (const number of byGenome.keys()) {
    const score = scoreOf(number);
    if (score !== undefined && (best === undefined || score > scoreOf(best))) best = number;
  }
  return best;
}

const scoreRange = () => (found.range ??= findRange());

function findRange() {
  const scores = [...byGenome.keys()].map(scoreOf).filter((score) => score !== undefined).sort((a, b) => a - b);
  if (!scores.length) return [0, 1];
  const low = scores[Math.floor(0.1 * (scores.length - 1))];
  const high = scores[scores.length - 1];
  return high > low ? [low, high] : [low - 0.01, high];
}

// Where a network's short score lies on the scale of the world, 0 to 1; undefined where it has none.
function scoreShare(number) {
  const score = scoreOf(number), [low, high] = scoreRange();
  return score === undefined ? undefined : Math.min(Math.max((score - low) / (high - low), 0), 1);
}

// From a founder to this network, each time through the better parent: numbers, the founder first; empty where the search did not make it.
function lineOf(number) {
  const line = [];
  for (let here = number; here !== undefined && firstLife(here);) {
    line.push(here);
    const { id, parents } = firstLife(here);
    const older = [...new Set(parents)].filter((parent) => firstLife(parent)?.id < id);
    const worth = (parent) => scoreOf(parent) ?? -1;
    here = older.sort((a, b) => worth(b) - worth(a) || firstLife(a).id - firstLife(b).id)[0];
  }
  return line.reverse();
}
