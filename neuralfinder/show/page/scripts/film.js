// The history of the world as a film: its moments in words, the slider, and what goes with it.

const MOST_EVENTS = 40;

let cursor = 0; // place of the moment that is shown
let playing = 0; // the timer of a film that runs

function momentWords({ life, scene }) {
  if (scene) {
    if (scene.round === undefined) return `${scene.cells.length} founders settled`;
    const [row, column] = scene.main;
    const place = `the life in row ${row + 1}, column ${column + 1}`;
    if (scene.outcome === "displaced") return `round ${scene.round}: ${place} was displaced; ${scene.cells.length} cells changed`;
    if (scene.outcome === "renewed") return `round ${scene.round}: ${place} led to nothing and was renewed`;
    return `round ${scene.round}: ${place} stayed, its children were no better`;
  }
  if (life.failure) return `${life.operator}: ${life.failure}`;
  const parents = life.parents.map(scoreOf).filter((score) => score !== undefined);
  const gain = parents.length && Number.isFinite(life.score) ? `, ${gained(life.score, Math.max(...parents))} against its better parent` : "";
  const early = life.why === "behind" ? ", stopped early" : "";
  return `${life.operator}: ${life.score === undefined ? NONE : `short score ${scored(life.score)}`}${gain}${early}`;
}

function drawEvents() {
  redraw($("events"), putEvents);
}

function putEvents() {
  if (!moments.length) { put($("events"), h("li", {}, soon())); return; }
  const from = Math.max(0, cursor - MOST_EVENTS + 1);
  put($("events"), ...moments.slice(from, cursor + 1).reverse().map((moment) => {
    const number = moment.life?.genome ?? moment.scene?.cells[0]?.[2];
    const words = momentWords(moment);
    return h("li", {}, h("time", {}, clock(moment.time)), number === undefined ? words
      : h("button", { type: "button", class: "link", onclick: () => choose(number) }, words));
  }));
}

// With `moving`, what changed is seen to happen.
function show(place, moving = false) {
  if (!moments.length) { drawGrid(new Set()); drawDescent(); drawEvents(); return; }
  const before = cursor, homes = new Map(shown.homes);
  cursor = Math.min(Math.max(place, 0), moments.length - 1);
  const changes = drawGrid(worldAt(cursor));
  drawDescent();
  if (moving && cursor > before) {
    enact(changes, homes);
    if (moments[cursor].life) ring(moments[cursor].life);
  }
  drawEvents();
  const slider = $("moment");
  slider.value = cursor;
  const text = `${clock(moments[cursor].time)}, step ${cursor + 1} of ${moments.length}`;
  slider.setAttribute("aria-valuetext", text);
  $("when").textContent = text;
}

function play(on) {
  clearInterval(playing);
  playing = 0;
  $("play").textContent = on ? "Pause" : "Play";
  if (!on) return;
  if (cursor >= moments.length - 1) show(0);
  playing = setInterval(() => {
    if (cursor >= moments.length - 1) play(false);
    else show(cursor + 1, true);
  }, 1000 / Number($("speed").value));
}

// The film after what is new: whoever was at its end stays there.
function goOn(atEnd) {
  const before = cursor;
  if (atEnd) cursor = Math.max(0, moments.length - 1);
  $("moment").max = Math.max(0, moments.length - 1);
  return cursor - before;
}

// Shows a network where it lives, or at the last moment at which it did; says whether it ever settled.
function visit(number) {
  play(false);
  choose(number);
  const lives = () => [...shown.cells].find(([, each]) => each === number)?.[0];
  if (lives() === undefined) {
    const last = moments.findLastIndex(({ scene, life }) => scene?.cells.some(([, , each]) => each === number) || (!hasWorld() && life?.genome === number));
    if (last >= 0) show(last);
  }
  const spot = lives();
  $("world").scrollIntoView({ block: "start" });
  if (spot === undefined) $("descent-said").textContent = `${keyOf(number)} never settled in the world.`;
  else focusCell(spot);
  return spot !== undefined;
}

whenChosen.push(() => { drawGrid(new Set()); drawDescent(); });

$("play").addEventListener("click", () => play(!playing));
$("back").addEventListener("click", () => { play(false); show(cursor - 1); });
$("next").addEventListener("click", () => { play(false); show(cursor + 1, true); });
$("moment").addEventListener("input", (event) => { play(false); show(Number(event.target.value)); });
$("speed").addEventListener("change", () => { if (playing) play(true); });
$("descent").addEventListener("click", () => { descentShown = !descentShown; choose(chosen); });
