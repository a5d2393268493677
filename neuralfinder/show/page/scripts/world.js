// The world at one moment: who lives where, the grid of cells, and what its colours mean.

const MOST_AT_ONCE = 20; // moments that came together whose changes light up

const shown = { cells: new Map(), homes: new Map(), upTo: -1, wall: 0, rewrites: 0 }; // the world after the moments 0..upTo
const drawn = { side: 0, cells: new Map(), svg: null, above: null, focus: "0,0" }; // the grid on the page

// The cells of founders that are trained before the world is settled: number of a genome -> cell.
const settling = () => (found.settling ??= new Map(story.scenes.length && story.scenes[0].round === undefined
  ? story.scenes[0].cells.map(([row, column, number]) => [number, `${row},${column}`]) : []));

// The world after the moments 0..place; going on is quick, going back begins again. Returns the cells that changed lately.
function worldAt(place) {
  if (place < shown.upTo || shown.rewrites !== rewrites) {
    shown.cells.clear();
    shown.homes.clear();
    Object.assign(shown, { upTo: -1, wall: 0, rewrites });
  }
  const fresh = new Set();
  const since = shown.upTo < 0 ? place : Math.max(shown.upTo + 1, place - MOST_AT_ONCE);
  const settle = (spot, number, at) => {
    shown.cells.set(spot, number);
    shown.homes.set(number, spot);
    if (at >= since) fresh.add(spot);
  };
  for (let at = shown.upTo + 1; at <= place; at += 1) {
    const { scene, life } = moments[at];
    if (scene) {
      for (const [row, column, number] of scene.cells) settle(`${row},${column}`, number, at);
    } else if (!hasWorld()) {
      settle(`${Math.floor(shown.wall / side()) % side()},${shown.wall % side()}`, life.genome, at);
      shown.wall += 1;
    } else if (settling().has(life.genome) && !shown.homes.has(life.genome)) {
      settle(settling().get(life.genome), life.genome, at);
    }
  }
  shown.upTo = place;
  return fresh;
}

const WALL = 10; // side of the wall where a strategy has no world
const side = () => (found.side ??= findSide());

function findSide() {
  const { run, plan } = story.single;
  const planned = [null, undefined, "artificial-life"].includes(run?.settings.strategy) ? plan?.world.side : undefined;
  if (!hasWorld()) return planned ?? WALL;
  let most = (planned ?? 1) - 1;
  for (const scene of story.scenes) for (const [row, column] of scene.cells) most = Math.max(most, row, column);
  return most + 1;
}

const CELL = 96, PITCH = 100;
const corner = (spot) => spot.split(",").reverse().map((each) => Number(each) * PITCH + 2);
const centre = (spot) => corner(spot).map((each) => each + CELL / 2);

function makeGrid(count) {
  drawn.side = count;
  drawn.cells.clear();
  if (drawn.focus.split(",").some((each) => Number(each) >= count)) drawn.focus = "0,0";
  drawn.svg = s("svg", { viewBox: `0 0 ${count * PITCH} ${count * PITCH}`, role: "presentation" });
  for (let row = 0; row < count; row += 1) {
    const line = s("g", { role: "row" });
    for (let column = 0; column < count; column += 1) {
      const spot = `${row},${column}`;
      const inner = s("g", { class: "inner" });
      const cell = s("g", { class: "cell", role: "gridcell", tabindex: spot === drawn.focus ? 0 : -1, "aria-selected": "false",
        transform: `translate(${corner(spot).join(" ")})`, onclick: () => chooseCell(spot), onkeydown: (event) => onKey(event, row, column),
        onmouseenter: () => hover(spot), onmouseleave: () => hover(null), onfocus: () => hover(spot), onblur: () => hover(null) },
      inner, s("rect", { class: "frame", width: CELL, height: CELL, rx: 14 }), s("rect", { class: "flash", width: CELL, height: CELL, rx: 14 }));
      drawn.cells.set(spot, { cell, inner, looks: "", number: undefined });
      line.append(cell);
    }
    drawn.svg.append(line);
  }
  drawn.above = s("g", { class: "above", "aria-hidden": "true" });
  drawn.svg.append(drawn.above);
  put($("grid"), drawn.svg);
}

function focusCell(spot) {
  drawn.cells.get(drawn.focus)?.cell.setAttribute("tabindex", -1);
  drawn.focus = spot;
  const { cell } = drawn.cells.get(spot);
  cell.setAttribute("tabindex", 0);
  cell.focus();
}

function onKey(event, row, column) {
  const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
  if (event.key in moves) {
    const within = (each) => Math.min(Math.max(each, 0), drawn.side - 1);
    focusCell(`${within(row + moves[event.key][0])},${within(column + moves[event.key][1])}`);
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

const EMPTY = [s("rect", { class: "empty", x: 3, y: 3, width: CELL - 6, height: CELL - 6, rx: 14 })];

function drawCell(spot, number, looks) {
  const entry = drawn.cells.get(spot);
  const share = number === undefined ? undefined : scoreShare(number);
  const light = share === undefined ? null : lightness(share);
  put(entry.inner, ...(number === undefined ? EMPTY.map((each) => each.cloneNode()) : [
    s("rect", { class: light === null ? "unscored" : "skin", width: CELL, height: CELL, rx: 14, fill: light === null ? null : tint(light, look(number)) }),
    ...creature(number, CELL, light === null ? "currentColor" : inkAt(light, look(number)))]));
  const [row, column] = spot.split(",").map(Number);
  entry.cell.setAttribute("aria-label", `Row ${row + 1}, column ${column + 1}: ${number === undefined ? "empty, nobody yet"
    : `${keyOf(number)}, ${share === undefined ? "no score" : `short score ${percent(scoreOf(number))}`}`}`);
  Object.assign(entry, { looks, number });
}

// Returns who left and who came: [cell, before, now].
function drawGrid(fresh) {
  const count = side();
  if (count !== drawn.side) makeGrid(count);
  const [low, high] = scoreRange();
  const line = new Set(descentShown ? lineOf(chosen ?? leader()) : []);
  const changes = [];
  for (const [spot, entry] of drawn.cells) {
    const number = shown.cells.get(spot);
    const looks = `${number} ${scoreShare(number)} ${widest} ${number === undefined ? "" : look(number).hue}`;
    if (number !== entry.number) changes.push([spot, entry.number, number, entry.inner.cloneNode(true)]);
    if (looks !== entry.looks) drawCell(spot, number, looks);
    entry.cell.setAttribute("aria-selected", String(number !== undefined && number === chosen));
    entry.cell.classList.toggle("fresh", fresh.has(spot));
    entry.cell.classList.toggle("lit", line.has(number));
  }
  $("grid").classList.toggle("dim", [...shown.cells.values()].some((number) => line.has(number)));
  drawLegend(low, high);
  return changes;
}

function drawLegend(low, high) {
  const strip = s("svg", { viewBox: "0 0 120 12", role: "presentation" },
    Array.from({ length: 24 }, (_, place) => s("rect", { x: place * 5, width: 5.5, height: 12, fill: tint(lightness(place / 23), { hue: 235, chroma: 0.06 }) })));
  const steps = [-1, -0.5, 0, 0.5, 1];
  const square = s("svg", { class: "hues", viewBox: "0 0 50 50", role: "presentation" }, steps.flatMap((wide, row) => steps.map((deep, column) =>
    s("rect", { x: column * 10, y: 40 - row * 10, width: 10.5, height: 10.5, fill: tint(0.66, hueOf([deep, wide])) }))));
  put($("legend"), h("span", {}, "dark to light: short score ", `${percent(low, 1)} `, strip, ` ${percent(high, 1)}`),
    h("span", {}, "hue: ", square, " to the right more layers, upwards more filters; like networks have like hues"),
    h("span", {}, "a short score is the validation accuracy after a short training: it ranks networks, and is no accuracy to expect"),
    h("span", {}, "shape: a rib is a layer, as wide as it has filters; waists are pools, loops skips, the knob at the end is the head"));
}
