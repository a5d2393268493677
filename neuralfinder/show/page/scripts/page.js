// The whole page: its head, when what is drawn again, and where news come from.

const REST_EVERY = 2000; // milliseconds

function drawHead() {
  const { run, finished: done, stop, plan } = story.single;
  $("name").textContent = run ? `${run.data.split(/[\\/]/).pop()}, seed ${run.settings.seed}` : "";
  document.title = `NeuralFinder: ${run?.data ?? "run"}`;
  const number = leader();
  const { trained, failed } = story.totals;
  const state = done ? "finished" : told ? "not finished" : lost ? "connection lost" : stop ? "finishing" : plan ? "searching" : "beginning";
  const rows = [["state", state], ["best short score", done ? undefined : number === undefined ? NONE : scored(scoreOf(number))], ["trained", whole(trained)], ["failed", failed ? whole(failed) : undefined], ["time", clock(clockNow())]];
  put($("headline"), ...rows.filter((row) => row[1] !== undefined).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  $("world-lead").textContent = hasWorld()
    ? "Every cell is home to one network. Children that are better displace their parents, and their mutants the worst neighbours."
    : [null, undefined, "artificial-life"].includes(run?.settings.strategy)
      ? `The world ${done ? "was never settled" : "is not settled yet"}: its founders in the order in which they were trained.`
      : "This strategy has no world: a wall of the networks in the order in which they were trained, the newest over the oldest.";
  const versions = done?.versions;
  $("footer").textContent = run ? `NeuralFinder ${run.version}${versions ? `, Python ${versions.python}, torch ${versions.torch}, numpy ${versions.numpy}, ${done.device}` : ""}` : "";
}

let heavy = 0; // the timer of what is drawn after the world

function drawAll(moving = false) {
  drawHead();
  drawNow();
  drawVerdict();
  show(cursor, moving);
  showLife();
  document.body.dataset.moments = String(moments.length);
  if (!heavy) heavy = setTimeout(drawPanels, document.body.dataset.ready ? REST_EVERY : 0);
}

// What lies below the world is drawn after it, and while news come not every time; a panel a task, so that none is long.
function drawPanels(rest = [...panels]) {
  rest.shift()?.();
  if (rest.length) { heavy = setTimeout(drawPanels, 0, rest); return; }
  heavy = 0;
  document.body.dataset.ready = "yes";
}

$("theme").addEventListener("click", (event) => {
  const root = document.documentElement, order = ["", "dark", "light"];
  const next = order[(order.indexOf(root.dataset.theme ?? "") + 1) % order.length];
  if (next) root.dataset.theme = next; else delete root.dataset.theme;
  for (const name of ["aria-label", "title"]) event.target.setAttribute(name, `Theme: ${next || "as the system"}`);
});

function receive(news) {
  const atEnd = cursor >= moments.length - 1 && !playing;
  take(news);
  goOn(atEnd);
}

function listen() {
  setInterval(() => { if (!story.single.finished) { drawHead(); drawNow(); } }, 1000);
  const source = new EventSource("news");
  let waiting = false;
  source.addEventListener("error", () => { lost = true; drawHead(); drawNow(); });
  source.addEventListener("doing", (event) => { lost = false; heard = Date.now(); doing = JSON.parse(event.data); drawNow(); });
  source.addEventListener("message", (event) => {
    lost = false;
    heard = Date.now();
    receive(JSON.parse(event.data));
    if (waiting) return;
    waiting = true; // at most a few times a second, however fast news come
    setTimeout(() => { waiting = false; drawAll(true); }, 250);
  });
}

if (told) {
  receive(JSON.parse(told.textContent));
  drawAll();
} else {
  drawHead();
  drawNow();
  show(0);
  showLife();
  for (const draw of panels) draw();
  listen();
}
