// The world, and its history as a film.

const WALL = 10; // side of the wall where a strategy has no world
const MOST_EVENTS = 40;
const MOST_AT_ONCE = 20; // moments that came together whose changes light up

let cursor = 0; // place of the moment that is shown
let playing = 0; // the timer of a film that runs
const shown = { cells: new Map(), upTo: -1, wall: 0, rewrites: 0 }; // the world after the moments 0..upTo
const drawn = { side: 0, cells: new Map(), svg: null, focus: "0,0" }; // the grid on the page

// The world after the moments 0..place; going on is quick, going back begins again.
function worldAt(place) {
  if (place < shown.upTo || shown.rewrites !== rewrites) {
    shown.cells.clear();
    Object.assign(shown, { upTo: -1, wall: 0, rewrites });
  }
  const fresh = new Set();
  const since = shown.upTo < 0 ? place : Math.max(shown.upTo + 1, place - MOST_AT_ONCE);
  let wall = shown.wall;
  for (let at = shown.upTo + 1; at <= place; at += 1) {
    const { scene, life } = moments[at];
    if (scene) {
      for (const [row, column, number] of scene.cells) {
        shown.cells.set(`${row},${column}`, number);
        if (at >= since) fresh.add(`${row},${column}`);
      }
    } else if (!hasWorld()) {
      const spot = `${Math.floor(wall / WALL) % WALL},${wall % WALL}`;
      shown.cells.set(spot, life.genome);
      if (at >= since) fresh.add(spot);
      wall += 1;
    }
  }
  shown.upTo = place;
  shown.wall = wall;
  return fresh;
}

const side = () => (found.side ??= findSide());

function findSide() {
  if (!hasWorld()) return WALL;
  let most = (story.single.plan?.world.side ?? 1) - 1;
  for (const scene of story.scenes) for (const [row, column] of scene.cells) most = Math.max(most, row, column);
  return most + 1;
}

function makeGrid(count) {
  drawn.side = count;
  drawn.cells.clear();
  if (drawn.focus.split(",").some((each) => Number(each) >= count)) drawn.focus = "0,0";
  drawn.svg = s("svg", { viewBox: `0 0 ${count * 100} ${count * 100}`, role: "presentation" });
  for (let row = 0; row < count; row += 1) {
    const line = s("g", { role: "row" });
    for (let column = 0; column < count; column += 1) {
      const spot = `${row},${column}`;
      const cell = s("g", { class: "cell", role: "gridcell", tabindex: spot === drawn.focus ? 0 : -1, "aria-selected": "false",
        transform: `translate(${column * 100 + 2} ${row * 100 + 2})`,
        onclick: () => chooseCell(spot), onkeydown: (event) => onKey(event, row, column), onmouseenter: () => hover(spot), onmouseleave: () => hover(null) });
      drawn.cells.set(spot, { cell, looks: "" });
      line.append(cell);
    }
    drawn.svg.append(line);
  }
  put($("grid"), drawn.svg);
}

function onKey(event, row, column) {
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  if (event.key in moves) {
    const [down, right] = moves[event.key];
    const spot = `${Math.min(Math.max(row + down, 0), drawn.side - 1)},${Math.min(Math.max(column + right, 0), drawn.side - 1)}`;
    drawn.cells.get(drawn.focus)?.cell.setAttribute("tabindex", -1);
    drawn.focus = spot;
    const next = drawn.cells.get(spot).cell;
    next.setAttribute("tabindex", 0);
    next.focus();
    event.preventDefault();
  } else if (event.key === "Enter" || event.key === " ") {
    chooseCell(`${row},${column}`);
    event.preventDefault();
  }
}

function chooseCell(spot) {
  const number = shown.cells.get(spot);
  if (number !== undefined) choose(number);
}

function hover(spot) {
  over = shown.cells.get(spot) ?? null;
  showLife();
}

function drawGrid(fresh) {
  const count = side();
  if (count !== drawn.side) makeGrid(count);
  const [low, high] = scoreRange();
  for (const [spot, entry] of drawn.cells) {
    const number = shown.cells.get(spot);
    const score = number === undefined ? undefined : scoreOf(number);
    const rgb = score === undefined ? null : colour((score - low) / (high - low));
    const looks = `${number} ${score} ${rgb} ${widest}`;
    if (looks !== entry.looks) {
      const paint = rgb ? css(rgb) : "var(--raised)";
      put(entry.cell, s("rect", { width: 96, height: 96, rx: 6, fill: paint, stroke: "var(--line)" }),
        ...(number === undefined ? [] : bands(number, 10, 8, 80, 80, rgb ? inkOn(rgb) : "currentColor")),
        s("rect", { class: "frame", width: 96, height: 96, rx: 6 }), s("rect", { class: "flash", width: 96, height: 96, rx: 6 }));
      const [row, column] = spot.split(",").map(Number);
      entry.cell.setAttribute("aria-label", `Row ${row + 1}, column ${column + 1}: ${number === undefined ? "nobody yet"
        : `${keyOf(number)}, ${score === undefined ? "no score" : scored(score)}`}`);
      entry.looks = looks;
    }
    entry.cell.setAttribute("aria-selected", String(number !== undefined && number === chosen));
    entry.cell.classList.toggle("fresh", fresh.has(spot));
  }
  drawLegend(low, high);
}

function drawLegend(low, high) {
  const strip = s("svg", { viewBox: "0 0 120 12", role: "presentation" },
    Array.from({ length: 24 }, (_, place) => s("rect", { x: place * 5, width: 5.5, height: 12, fill: css(colour(place / 23)) })));
  put($("legend"), h("span", {}, `${scored(low, 1)} `, strip, ` ${scored(high, 1)} short score`),
    h("span", {}, "a band is a layer, as wide as it has filters; thin lines are pools; arcs are skips"));
}

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
  const gain = parents.length && Number.isFinite(life.score) ? `, ${points(life.score - Math.max(...parents))} against its better parent` : "";
  const early = life.why === "behind" ? ", stopped early" : "";
  return `${life.operator}: ${life.score === undefined ? NONE : `short score ${scored(life.score)}`}${gain}${early}`;
}

function drawEvents() {
  redraw($("events"), putEvents);
}

function putEvents() {
  const from = Math.max(0, cursor - MOST_EVENTS + 1);
  put($("events"), ...moments.slice(from, cursor + 1).reverse().map((moment) => {
    const number = moment.life?.genome ?? moment.scene?.cells[0]?.[2];
    const words = momentWords(moment);
    return h("li", {}, h("time", {}, clock(moment.time)), number === undefined ? words
      : h("button", { type: "button", class: "link", onclick: () => choose(number) }, words));
  }));
}

function show(place) {
  if (!moments.length) { drawGrid(new Set()); return; }
  cursor = Math.min(Math.max(place, 0), moments.length - 1);
  const fresh = worldAt(cursor);
  drawGrid(fresh);
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
    else show(cursor + 1);
  }, 1000 / Number($("speed").value));
}

// The film after what is new: whoever was at its end stays there.
function goOn(atEnd) {
  if (atEnd) cursor = Math.max(0, moments.length - 1);
  $("moment").max = Math.max(0, moments.length - 1);
}

whenChosen.push(() => drawGrid(new Set()));

$("play").addEventListener("click", () => play(!playing));
$("back").addEventListener("click", () => { play(false); show(cursor - 1); });
$("next").addEventListener("click", () => { play(false); show(cursor + 1); });
$("moment").addEventListener("input", (event) => { play(false); show(Number(event.target.value)); });
$("speed").addEventListener("change", () => { if (playing) play(true); });
