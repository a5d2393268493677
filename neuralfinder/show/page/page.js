"use strict";
// Draws the story of a run, see story.py. Text from the data goes into the page as text nodes alone.
(() => {
  const $ = (id) => document.getElementById(id);
  const NONE = "–";
  const WALL = 10; // side of the wall where a strategy has no world
  const MOST_EVENTS = 40;
  const MOST_CHILDREN = 12;
  const MOST_DOTS = 1500;
  const MOST_ROWS = 300;
  const MOST_AT_ONCE = 20; // moments that came together whose changes light up
  const REST_EVERY = 2000; // milliseconds

  // --- the story so far ---

  const story = { genomes: new Map(), lives: new Map(), scenes: [], finals: [], impossible: {}, now: 0, single: {}, leftOut: null, totals: { trained: 0, failed: 0, seconds: 0 } };
  const byGenome = new Map(); // number -> {sum, count, lives}
  const numbers = new Map(); // key -> number
  let moments = []; // {time, life} for every end of a training, {time, scene} for every change of the world, in order
  let cursor = 0;
  let chosen = null; // number of a genome
  let over = null; // number of the genome under the mouse
  let lost = false; // whether the server is out of reach
  const told = $("story"); // the whole story, in a file of its own
  let playing = 0;
  let widest = 64; // filters of the widest layer
  let found = {}; // what was worked out from the story since the last news

  // Adds what is new; what is known is not looked at again, so that a long story stays quick.
  function take(news) {
    found = {};
    const atEnd = cursor >= moments.length - 1;
    if (news.whole) {
      for (const known of [story.genomes, story.lives, numbers, byGenome]) known.clear();
      story.scenes = []; story.finals = []; story.single = {};
      moments = [];
      shown.upTo = -1;
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
    if (hasWorld() !== settled) shown.upTo = -1; // a world takes the place of the wall
    grow(came, atEnd);
    story.finals.push(...(news.finals ?? []));
    for (const name of ["run", "data", "plan", "stop", "answers", "finished", "ablation", "account"]) {
      if (name in news) story.single[name] = news[name];
    }
    story.totals = news.totals;
    if (news.impossible) story.impossible = news.impossible;
    if (news.left_out) story.leftOut = news.left_out;
    story.now = news.now;
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

  function grow(came, atEnd) {
    came.sort(inOrder);
    const late = moments.length && came.length && inOrder(moments[moments.length - 1], came[0]) > 0;
    for (const moment of came) moments.push(moment);
    if (late) { moments.sort(inOrder); shown.upTo = -1; }
    if (atEnd) cursor = Math.max(0, moments.length - 1);
    $("moment").max = Math.max(0, moments.length - 1);
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

  // --- small helpers ---

  const SVG = "http://www.w3.org/2000/svg";

  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== undefined && value !== null && value !== false) node.setAttribute(name, value);
    }
    for (const child of children.flat(3)) {
      if (child !== undefined && child !== null) node.append(child);
    }
    return node;
  }
  const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
  const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

  function put(node, ...children) {
    node.replaceChildren();
    fill(node, {}, children);
  }

  // Draws a part of the page anew, and leaves as it was what the reader had opened, scrolled to and focused.
  function redraw(node, draw) {
    const all = (selector) => [...node.querySelectorAll(selector)];
    const open = all("details").map((each) => each.open);
    const places = all(".scroll, .tree").map((each) => [each.scrollLeft, each.scrollTop]);
    const focused = all("button, summary, [tabindex]").indexOf(document.activeElement);
    draw();
    all("details").forEach((each, place) => { each.open = open[place] ?? false; });
    all(".scroll, .tree").forEach((each, place) => { [each.scrollLeft, each.scrollTop] = places[place] ?? [0, 0]; });
    if (focused >= 0) all("button, summary, [tabindex]")[focused]?.focus({ preventScroll: true });
  }

  const percent = (x, digits = 2) => (x === undefined || x === null ? NONE : `${(100 * x).toFixed(digits)} %`);
  const points = (x) => `${x >= 0 ? "+" : "−"}${Math.abs(100 * x).toFixed(2)} points`;
  const whole = (x) => (x === undefined || x === null ? NONE : Math.round(x).toLocaleString("en"));
  const short = (x) => (x >= 9.995e8 ? `${(x / 1e9).toPrecision(3)} G` : x >= 9.995e5 ? `${(x / 1e6).toPrecision(3)} M`
    : x >= 1e4 ? `${(x / 1e3).toPrecision(3)} k` : whole(x));
  const seconds = (x) => (x === undefined || x === null ? NONE : x < 10 ? `${x.toFixed(1)} s` : x < 120 ? `${x.toFixed(0)} s`
    : x < 7200 ? `${(x / 60).toFixed(1)} min` : `${(x / 3600).toFixed(1)} h`);
  const clock = (x) => {
    const all = Math.floor(x);
    const two = (n) => String(n).padStart(2, "0");
    return `${all >= 3600 ? `${Math.floor(all / 3600)}:` : ""}${two(Math.floor(all / 60) % 60)}:${two(all % 60)}`;
  };
  const cut = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
  const facts = (rows) => h("dl", { class: "facts" }, rows.filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

  function table(titles, rows, text = [0]) {
    const kind = (place) => (text.includes(place) ? "text" : undefined);
    return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Table" }, h("table", {},
      h("thead", {}, h("tr", {}, titles.map((title, place) => h("th", { scope: "col", class: kind(place) }, title)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell, place) => h("td", { class: kind(place) }, cell)))))));
  }

  // Cividis (Nuñez, Anderton & Renslow 2018): even in grey, and for the colour-blind.
  const SCALE = [[0, 34, 78], [53, 69, 108], [102, 105, 112], [148, 142, 119], [200, 184, 102], [254, 232, 56]];
  function colour(share) {
    const place = Math.min(Math.max(share, 0), 1) * (SCALE.length - 1);
    const low = Math.min(Math.floor(place), SCALE.length - 2);
    return SCALE[low].map((from, i) => Math.round(from + (place - low) * (SCALE[low + 1][i] - from)));
  }
  const css = (rgb) => `rgb(${rgb.join(",")})`;
  const inkOn = (rgb) => (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] > 120 ? "#111" : "#fff");

  const scoreRange = () => (found.range ??= findRange());

  function findRange() {
    const scores = [...byGenome.keys()].map(scoreOf).filter((score) => score !== undefined).sort((a, b) => a - b);
    if (!scores.length) return [0, 1];
    const low = scores[Math.floor(0.1 * (scores.length - 1))];
    const high = scores[scores.length - 1];
    return high > low ? [low, high] : [low - 0.01, high];
  }

  // --- networks as drawings ---

  const band = (layer) => (layer[1] ? Math.min(1, 0.15 + 0.85 * Math.log2(1 + layer[1]) / Math.log2(1 + widest)) : 0.1);

  // A network in a cell: a band for each layer, as wide as it has filters, thin lines for pools, arcs for skips.
  function bands(number, x, y, width, height, ink) {
    const layers = story.genomes.get(number)?.layers ?? [];
    const step = Math.min(height / Math.max(layers.length, 1), height / 5);
    const top = y + (height - step * layers.length) / 2;
    return layers.flatMap(([kind, filters, , skips], place) => {
      const wide = width * 0.86 * (kind === "pool" || kind === "dropout" || kind === "identity" ? 0.5 : band([kind, filters]));
      const tall = kind === "conv" || kind === "head" ? step * 0.72 : Math.max(1.5, step * 0.18);
      const middle = top + (place + 0.5) * step;
      const bar = s("rect", {
        x: x + (width * 0.86 - wide) / 2, y: middle - tall / 2, width: wide, height: tall, rx: kind === "head" ? tall / 2 : 1,
        fill: ink, "fill-opacity": kind === "conv" ? 0.8 : kind === "head" ? 0.55 : 0.6,
      });
      const arcs = skips.map((back) => {
        const from = top + (place - back + 0.5) * step;
        const right = x + width * 0.86;
        return s("path", { d: `M${right},${from} C${x + width},${from} ${x + width},${middle} ${right},${middle}`, fill: "none", stroke: ink, "stroke-width": 1.5 });
      });
      return [bar, ...arcs];
    });
  }

  // The network to read: a box for each layer, shapes on the edges, arcs for skips.
  function architecture(number) {
    const genome = story.genomes.get(number);
    if (!genome) return h("p", { class: "quiet" }, "No network yet.");
    const sample = story.single.plan?.task.shape;
    const row = 46, left = 10, width = 300;
    const embedding = (sample?.vocabulary ?? 0) * (sample?.channels ?? 0);
    const rows = [["input", 0, story.single.data?.kind ?? "sample", [], sample ? shapeText(sample) : "", embedding], ...genome.layers];
    const legend = ([, , , , after, parameters]) => [after, parameters ? `${short(parameters)} parameters` : ""].filter(Boolean).join(", ");
    const drawing = s("svg", { viewBox: `0 0 ${left + width + 60} ${rows.length * row}`, width: left + width + 60, role: "img",
      "aria-label": `Network ${genome.key}: ${rows.map((layer) => `${layer[2]} ${legend(layer)}`.trim()).join(", then ")}` });
    rows.forEach((layer, place) => {
      const [kind, filters, text, skips] = layer;
      const y = place * row + 6;
      const wide = kind === "conv" || kind === "head" ? Math.max(90, width * band([kind, filters])) : 110;
      const x = left + (width - wide) / 2;
      const elsewhere = place > 0 && /\.in\d/.test(text) && !skips.includes(1); // its input comes by arcs alone
      if (place && !elsewhere) drawing.append(s("line", { class: "edge", x1: left + width / 2, x2: left + width / 2, y1: y - 20, y2: y }));
      drawing.append(s("rect", { class: `layer ${kind}`, x, y, width: wide, height: 26, rx: kind === "head" || kind === "input" ? 13 : 4 }));
      drawing.append(s("text", { x: left + width / 2, y: y + 17, "text-anchor": "middle" }, cut(text, Math.max(14, wide / 7))));
      drawing.append(s("text", { class: "axis-text", x: left + width / 2 + 8, y: y + 38 }, legend(layer)));
      for (const back of skips) {
        const from = (place - back) * row + 19, to = y + 13, edge = left + width + 4;
        drawing.append(s("path", { class: "arc", d: `M${edge - 14},${from} C${edge + 40},${from} ${edge + 40},${to} ${edge - 14},${to}` }));
      }
    });
    return h("div", { class: "drawing" }, drawing);
  }

  const shapeText = (shape) => (shape.vocabulary ? `${shape.width} tokens of ${whole(shape.vocabulary)}`
    : `${shape.channels}x${shape.height}x${shape.width}`);

  // --- charts ---

  function ticks(low, high, least = 0) {
    const raw = Math.max((high - low) / 5 || 1, least);
    const unit = 10 ** Math.floor(Math.log10(raw));
    const step = unit * [1, 2, 5, 10].find((each) => each * unit >= raw);
    const places = [];
    for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-6; tick += step) places.push(tick);
    return places;
  }

  // series: {kind: "step" | "line" | "dots", name, class, points: [[x, y, onpick?, title?]]}; below y[0] is drawn at y[0]
  function chart({ title, xTitle, yTitle, series, y, xText = whole, yText = (v) => percent(v, 1), note, diagonal }) {
    const all = series.flatMap((each) => each.points);
    if (!all.length) return null;
    const bounds = (place, given) => {
      if (given) return given;
      let low = Infinity, high = -Infinity;
      for (const point of all) { low = Math.min(low, point[place]); high = Math.max(high, point[place]); }
      return high > low ? [low, high] : [low - 0.5, high + 0.5];
    };
    const [x0, x1] = bounds(0), [y0, y1] = bounds(1, y);
    const least = xText === whole || xText === clock ? 1 : 0;
    const W = 420, H = 260, L = 58, R = 12, T = 8, B = 40;
    const px = (v) => L + (v - x0) / (x1 - x0) * (W - L - R), py = (v) => H - B - (Math.max(v, y0) - y0) / (y1 - y0) * (H - T - B);
    const drawing = s("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": `${title}. ${note ?? ""}` });
    for (const tick of ticks(y0, y1)) {
      drawing.append(s("line", { class: "axis", x1: L, x2: W - R, y1: py(tick), y2: py(tick) }),
        s("text", { class: "axis-text", x: L - 6, y: py(tick) + 4, "text-anchor": "end" }, yText(tick)));
    }
    for (const tick of ticks(x0, x1, least)) {
      drawing.append(s("line", { class: "axis", x1: px(tick), x2: px(tick), y1: H - B, y2: H - B + 4 }),
        s("text", { class: "axis-text", x: px(tick), y: H - B + 17, "text-anchor": "middle" }, xText(tick)));
    }
    drawing.append(s("text", { class: "axis-text", x: (L + W - R) / 2, y: H - 6, "text-anchor": "middle" }, xTitle));
    if (yTitle) drawing.append(s("text", { class: "axis-text", x: 12, y: H / 2, transform: `rotate(-90 12 ${H / 2})`, "text-anchor": "middle" }, yTitle));
    if (diagonal) {
      const low = Math.max(x0, y0), high = Math.min(x1, y1);
      if (high > low) drawing.append(s("line", { class: "diagonal", x1: px(low), y1: py(low), x2: px(high), y2: py(high) }));
    }
    for (const { kind, class: name, points: pairs } of series) {
      if (kind === "dots") {
        for (const [vx, vy, pick, label] of pairs) {
          drawing.append(s("circle", { class: name ?? "dot", cx: px(vx).toFixed(1), cy: py(vy).toFixed(1), r: 3, onclick: pick },
            label ? s("title", {}, label) : null));
        }
        continue;
      }
      const d = pairs.map(([vx, vy], place) => {
        const to = `${px(vx).toFixed(1)},${py(vy).toFixed(1)}`;
        return place === 0 ? `M${to}` : kind === "step" ? `H${px(vx).toFixed(1)}V${py(vy).toFixed(1)}` : `L${to}`;
      }).join("");
      drawing.append(s("path", { class: name ?? "best", d }));
    }
    const rows = [...series].reverse().flatMap((each) => each.points.map((point) => [each.name, xText(point[0]), yText(point[1])]));
    const first = rows.slice(0, MOST_ROWS);
    return h("figure", { class: "chart" }, h("figcaption", {}, title), drawing, note ? h("p", { class: "quiet" }, note) : null,
      h("details", {}, h("summary", {}, `Numbers${first.length < rows.length ? ` (the first ${first.length} of ${rows.length})` : ""}`),
        table(["", xTitle, yTitle ?? "value"], first)));
  }

  function bars(title, rows, text, note) { // rows: [name, value, of?]
    if (!rows.length) return null;
    const most = Math.max(...rows.map((row) => row[1]), 1e-12);
    const W = 420, step = 24, L = 150;
    const drawing = s("svg", { viewBox: `0 0 ${W} ${rows.length * step}`, role: "img",
      "aria-label": `${title}: ${rows.map((row) => `${row[0]} ${text(row)}`).join(", ")}` });
    rows.forEach((row, place) => {
      const y = place * step;
      drawing.append(s("text", { x: L - 8, y: y + 16, "text-anchor": "end" }, cut(String(row[0]), 22), s("title", {}, String(row[0]))),
        s("rect", { class: "bar", x: L, y: y + 4, width: Math.max(1, row[1] / most * (W - L - 110)), height: 16, rx: 2 }),
        s("text", { x: L + row[1] / most * (W - L - 110) + 6, y: y + 16 }, text(row)));
    });
    return h("figure", { class: "chart" }, h("figcaption", {}, title), drawing, note ? h("p", { class: "quiet" }, note) : null);
  }

  // --- the world and its film ---

  const shown = { cells: new Map(), upTo: -1, wall: 0 };

  // The world after the moments 0..place; going on is quick, going back begins again.
  function worldAt(place) {
    if (place < shown.upTo || shown.upTo < 0) { shown.cells.clear(); shown.upTo = -1; }
    const fresh = new Set();
    const since = shown.upTo < 0 ? place : Math.max(shown.upTo + 1, place - MOST_AT_ONCE);
    let wall = shown.upTo < 0 ? 0 : shown.wall;
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

  const drawn = { side: 0, cells: new Map(), svg: null, focus: "0,0" };

  const side = () => (found.side ??= findSide());

  function findSide() {
    if (!hasWorld()) return WALL;
    let most = (story.single.plan?.world_size ?? 1) - 1;
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

  // A life, or with null whoever is the best.
  function choose(number) {
    const focused = document.activeElement;
    chosen = number;
    drawGrid(new Set());
    showLife();
    drawFamily();
    if (!focused.isConnected && document.activeElement === document.body) $("life").querySelector("h3")?.focus({ preventScroll: true });
    const life = chosen ?? leader();
    $("said").textContent = life === undefined ? "" : `${keyOf(life)}, ${percent(scoreOf(life))}`;
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
          : `${keyOf(number)}, ${score === undefined ? "no score" : percent(score)}`}`);
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
    put($("legend"), h("span", {}, `${percent(low, 1)} `, strip, ` ${percent(high, 1)} validation`),
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
    const gain = parents.length ? `, ${points(life.score - Math.max(...parents))} against its better parent` : "";
    const early = life.why === "behind" ? ", stopped early" : "";
    return `${life.operator}: ${percent(life.score)}${gain}${early}`;
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

  // --- one life ---

  function showLife() {
    redraw($("life"), putLife);
  }

  function putLife() {
    const number = over ?? chosen ?? leader();
    const panel = $("life");
    if (number === undefined || !story.genomes.has(number)) {
      put(panel, h("p", { class: "quiet" }, "Nothing was trained yet."));
      return;
    }
    const life = firstLife(number) ?? {};
    const count = byGenome.get(number)?.count ?? 0;
    const jump = (target) => h("button", { type: "button", class: "link genome", onclick: () => choose(target) },
      `${cut(keyOf(target), 60)} ${percent(scoreOf(target))}`);
    const children = [...new Set([...story.lives.values()].filter((other) => other.parents.includes(number)).map((child) => child.genome))];
    const state = life.failure ? h("span", { class: "bad" }, `${life.failure} ${life.detail ?? ""}`)
      : life.id === undefined ? (story.leftOut ? "left out here; the record has it" : "was not trained in the search") : life.ended === undefined ? "in training"
        : life.why === "behind" ? "stopped early, behind the others" : "trained";
    put(panel, 
      chosen === null ? null : h("button", { type: "button", onclick: () => choose(null) }, "Back to the best"),
      h("h3", { tabindex: -1 }, number === leader() ? (story.single.finished ? "The winner" : "The best so far") : life.id === undefined ? "A life" : `Life ${life.id}`),
      h("p", { class: "genome" }, keyOf(number)),
      facts([
        ["score", `${percent(scoreOf(number))}${count > 1 ? ` (mean of ${count} trainings)` : ""}`],
        ["state", state], ["made by", life.operator ?? NONE],
        ["expected", life.expected === undefined ? undefined : `to beat ${percent(life.expected, 0)} of those before it${life.beaten === undefined ? "" : `, has beaten ${percent(life.beaten, 0)}`}`],
        ["parameters", life.parameters && whole(life.parameters)], ["multiply-adds", life.macs && short(life.macs)],
        ["training", life.seconds === undefined ? undefined : `${seconds(life.seconds)}${life.done !== undefined && life.done < 1 ? `, ${percent(life.done, 0)} of it done` : ""}`],
        ["one sample", life.milliseconds && `${life.milliseconds[0]} ms`],
        ["weights", life.inherits?.length ? `from candidate ${life.inherits.join(", ")}` : undefined],
        ["parents", life.parents?.length ? [...new Set(life.parents)].map((parent) => h("div", {}, jump(parent))) : undefined],
        ["children", children.length ? [children.slice(0, MOST_CHILDREN).map((child) => h("div", {}, jump(child))),
          children.length > MOST_CHILDREN ? h("div", { class: "quiet" }, `and ${children.length - MOST_CHILDREN} more`) : null] : undefined],
      ]),
      architecture(number), curve("Learning curve in the search", life.curve),
      story.finals.filter((full) => full.genome === keyOf(number))
        .map((full) => curve(`Learning curve of the full training ${full.name}, ${full.epochs} epochs`, full.curve)));
  }

  // Accuracy on the validation part at each look; a single look is no curve.
  const curve = (title, looks) => (looks?.length > 1 ? chart({
    title, xTitle: "measurement", y: [Math.max(0, Math.min(...looks) - 0.01), Math.min(1, Math.max(...looks) + 0.01)],
    series: [{ kind: "line", name: "validation", points: looks.map((score, place) => [place + 1, score]) }],
  }) : null);

  // --- the winner ---

  function drawWinner() {
    redraw($("winner-body"), putWinner);
  }

  function putWinner() {
    const done = story.single.finished;
    const number = leader();
    const body = $("winner-body");
    if (number === undefined) { put(body, h("p", { class: "quiet" }, "Nothing was trained yet.")); return; }
    const parts = [h("div", {}, h("p", { class: "genome" }, keyOf(number)), architecture(number))];
    if (!done) {
      parts.push(h("div", {}, facts([["validation so far", percent(scoreOf(number))]]),
        h("p", { class: "quiet" }, "The winner is trained fully and measured on the test part at the end.")));
      put(body, h("div", { class: "winner" }, parts));
      return;
    }
    const [low, high] = done.test_interval;
    const rivals = [["the winner", done.test_accuracy], ...Object.entries(done.baselines).filter(([, each]) => each)
      .map(([name, each]) => [name, each.test_accuracy])];
    parts.push(h("div", {},
      facts([
        ["test accuracy", h("strong", {}, `${percent(done.test_accuracy)} (95 % interval ${percent(low)} to ${percent(high)})`)],
        ["balanced", percent(done.test_balanced_accuracy)], ["validation", percent(done.validation_accuracy)],
        ["parameters", whole(done.parameters)], ["size", `${(4 * done.parameters / 1e6).toPrecision(3)} MB`],
        ["multiply-adds", `${short(done.macs)} a sample`],
        ["one sample", firstLife(number)?.milliseconds && `${firstLife(number).milliseconds[0]} ms on ${done.device}`],
        ["trained", `${Number(done.epochs.toPrecision(3))} epochs${done.refit ? ", then once more on training and validation part" : ""}`],
      ]),
      bars("Test accuracy beside plainer means", rivals, (row) => percent(row[1])),
      curve("Learning curve of the full training", done.curve), ablation(story.single.ablation)));
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

  // --- the family ---

  function drawFamily() {
    redraw($("family-body"), putFamily);
  }

  function putFamily() {
    const number = chosen ?? leader();
    const body = $("family-body");
    if (number === undefined) { put(body, h("p", { class: "quiet" }, "Nothing was trained yet.")); return; }
    const nodes = new Map([[number, { level: 0, parents: [] }]]);
    const queue = [number];
    while (queue.length && nodes.size < 60) {
      const child = queue.shift();
      const life = firstLife(child);
      for (const parent of new Set(life?.parents ?? [])) {
        const known = nodes.has(parent);
        const older = (firstLife(parent)?.id ?? -1) < life.id;
        if (!known && older && story.genomes.has(parent)) {
          nodes.set(parent, { level: nodes.get(child).level + 1, parents: [] });
          queue.push(parent);
        }
        if (older && nodes.has(parent)) nodes.get(child).parents.push(parent);
      }
    }
    // whoever is older stands further left: the youngest first, each child puts its parents a level beyond its own
    const age = (each) => firstLife(each)?.id ?? -1;
    for (const child of [...nodes.keys()].sort((a, b) => age(b) - age(a))) {
      for (const parent of nodes.get(child).parents) {
        nodes.get(parent).level = Math.max(nodes.get(parent).level, nodes.get(child).level + 1);
      }
    }
    const levels = Math.max(...[...nodes.values()].map((node) => node.level)) + 1;
    const W = 190, H = 64;
    const rows = Array(levels).fill(0);
    for (const node of nodes.values()) { node.row = rows[node.level]; rows[node.level] += 1; }
    const x = (node) => (levels - 1 - node.level) * (W + 40) + 4, y = (node) => node.row * (H + 12) + 4;
    const drawing = s("svg", { width: levels * (W + 40), height: Math.max(...rows) * (H + 12) + 8, role: "group", "aria-label": "Ancestors, the oldest on the left" });
    for (const [child, node] of nodes) {
      for (const parent of node.parents) {
        const from = nodes.get(parent);
        const [x1, y1, x2, y2] = [x(from) + W, y(from) + H / 2, x(node), y(node) + H / 2];
        drawing.append(s("path", { class: "edge", d: `M${x1},${y1} C${x1 + 30},${y1} ${x2 - 30},${y2} ${x2},${y2}` }));
      }
      const life = firstLife(child) ?? { parents: [] };
      const score = scoreOf(child);
      const parents = life.parents.map(scoreOf).filter((each) => each !== undefined);
      const gain = parents.length && score !== undefined ? score - Math.max(...parents) : undefined;
      const pick = () => choose(child);
      drawing.append(s("g", { class: "node", tabindex: 0, role: "button", transform: `translate(${x(node)} ${y(node)})`, onclick: pick,
        onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { pick(); event.preventDefault(); } },
        "aria-label": `${keyOf(child)}, ${percent(score)}${gain === undefined ? "" : `, ${points(gain)}`}` },
        s("rect", { width: W, height: H, rx: 6 }), s("text", { x: 8, y: 18 }, cut(keyOf(child), 26), s("title", {}, keyOf(child))),
        s("text", { x: 8, y: 36 }, `${percent(score)}  ${life.operator ?? ""}`),
        s("text", { x: 8, y: 54, class: "axis-text" }, `${!life.parents.length ? "founder" : gain === undefined ? "" : points(gain)}${life.inherits?.length ? ", weights inherited" : ""}`)));
    }
    const account = story.single.account;
    put(body, 
      h("p", { class: "quiet" }, `Ancestors of ${keyOf(number)}. The gain is the score minus that of the better parent. Choose a life in the world, or here.`),
      h("div", { class: "tree", tabindex: 0, role: "region", "aria-label": "Family tree" }, drawing),
      account?.length ? [h("h3", {}, "How the winner came about"), h("ol", {}, account.map((line) => h("li", {}, line)))] : null);
  }

  // --- the search ---

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

  function drawSearch() {
    redraw($("search-body"), putSearch);
  }

  function putSearch() {
    const lives = endedLives();
    const good = lives.filter((life) => life.score !== undefined);
    const pick = (life) => () => { choose(life.genome); $("life").scrollIntoView({ block: "nearest" }); };
    const range = [scoreRange()[0] - 0.02, good.reduce((most, life) => Math.max(most, life.score), 0) + 0.005];
    const title = (life) => `${keyOf(life.genome)} ${percent(life.score)}`;
    const some = thinned(good.map((life, place) => [life, place + 1]));
    const close = (pairs, end) => (pairs.length ? [...pairs, [end, pairs[pairs.length - 1][1]]] : pairs);
    const few = some.length < good.length ? ` ${whole(some.length)} of ${whole(good.length)} trainings are drawn: the improvements, and others evenly.` : "";
    const progress = (at, xTitle, xText, end) => {
      const pairs = some.map((one) => [at(one), one[0].score]);
      return chart({
        title: `Best and median score against ${xTitle}`, xTitle, xText, y: range, note: `Line: best so far; dashed: median so far; dots: trainings.${few}`,
        series: [{ kind: "dots", name: "training", points: some.map((one) => [at(one), one[0].score, pick(one[0]), title(one[0])]) },
          { kind: "step", name: "median", class: "median", points: close(runningMedian(pairs), end) },
          { kind: "step", name: "best", class: "best", points: close(runningBest(pairs), end) }],
      });
    };
    const front = runningBest([...good].sort((a, b) => a.parameters - b.parameters || b.score - a.score).map((life) => [Math.log10(life.parameters), life.score]));
    const foreseen = thinned(good.filter((life) => life.beaten !== undefined).map((life) => [life]));
    const operators = new Map();
    for (const life of good) {
      const parents = life.parents.map(scoreOf).filter((score) => score !== undefined);
      if (!parents.length) continue;
      const entry = operators.get(life.operator) ?? [0, 0];
      entry[0] += life.score > Math.max(...parents);
      entry[1] += 1;
      operators.set(life.operator, entry);
    }
    const failures = new Map();
    for (const life of lives) if (life.failure) failures.set(life.failure, (failures.get(life.failure) ?? 0) + 1);
    for (const [reason, count] of Object.entries(story.impossible)) failures.set(`not possible: ${reason.replace("infeasible", "").replace(/^\W+/, "") || "shape"}`, count);
    put($("search-body"), ...[
      progress(([life]) => life.ended, "time", clock, story.now), progress(([, place]) => place, "trainings", whole, good.length),
      good.length ? chart({ title: "Score against size", xTitle: "parameters", xText: (v) => short(10 ** v), y: range, note: "Line: what no smaller network beats (Pareto front).",
        series: [{ kind: "dots", name: "training", points: some.map(([life]) => [Math.log10(life.parameters), life.score, pick(life), title(life)]) },
          { kind: "step", name: "front", points: front }] }) : null,
      foreseen.length > 2 ? chart({ title: "Foresight: networks before it that each was expected to beat, and has beaten", xTitle: "expected", xText: (v) => percent(v, 0), yTitle: "real", diagonal: true,
        note: "On the dotted line what was expected came.", series: [{ kind: "dots", name: "training", points: foreseen.map(([life]) => [life.expected, life.beaten, pick(life), title(life)]) }] }) : null,
      bars("Children better than their parents, by operator", [...operators].sort((a, b) => b[1][1] - a[1][1]).map(([name, [paid, all]]) => [name, paid / all, paid, all]),
        (row) => `${row[2]} of ${row[3]}`),
      diversity(), timeSpent(), planTable(),
      failures.size ? bars("What could not be trained, by reason", [...failures].sort((a, b) => b[1] - a[1]), (row) => whole(row[1])) : null,
      story.leftOut ? h("p", { class: "quiet" }, `${whole(story.leftOut[0])} of ${whole(story.leftOut[1])} lives are left out here, so that the page stays quick; the record has all.`) : null,
    ].filter(Boolean));
  }

  function diversity() {
    if (!hasWorld()) return null;
    const cells = new Map(), pairs = [];
    for (const scene of story.scenes) {
      for (const [row, column, number] of scene.cells) cells.set(`${row},${column}`, number);
      pairs.push([scene.time, new Set(cells.values()).size / cells.size]);
    }
    return chart({ title: "Diversity of the world", xTitle: "time", xText: clock, yText: (v) => percent(v, 0), y: [0, 1],
      note: "Share of the living networks that are distinct.", series: [{ kind: "step", name: "distinct", points: pairs }] });
  }

  function timeSpent() {
    const training = story.totals.seconds;
    const full = story.finals.reduce((sum, each) => sum + (each.seconds ?? 0), 0);
    const done = story.single.finished;
    const rows = [["training candidates", training], ["full trainings", full]];
    if (done) {
      rows.push(["rest of the search", Math.max(0, done.seconds.search - training)], ["rest of the finish", Math.max(0, done.seconds.finish - full)],
        ["reading and measuring", Math.max(0, done.seconds.total - done.seconds.search - done.seconds.finish)]);
    }
    return bars("What the time was spent on", rows.filter((row) => row[1] > 0), (row) => seconds(row[1]));
  }

  function planTable() {
    const { plan, finished: done } = story.single;
    if (!plan) return null;
    const rows = [["candidates", `${plan.candidates_fixed ? "" : "about "}${whole(plan.candidates)}`, whole(story.totals.trained + story.totals.failed)],
      ["seconds of search", plan.search_seconds ? seconds(plan.search_seconds) : NONE, done ? seconds(done.seconds.search) : NONE],
      ["seconds of training", done ? seconds(done.seconds.training_predicted) : NONE, done ? seconds(done.seconds.training) : NONE],
      ["finalists", whole(plan.finalists), whole(story.finals.filter((each) => each.name.startsWith("final-")).length)],
      ["seconds in all", plan.budget_seconds ? seconds(plan.budget_seconds) : NONE, done ? seconds(done.seconds.total) : seconds(story.now)]];
    return h("figure", {}, h("figcaption", {}, "The plan against what came"), table(["", "planned", "came"], rows));
  }

  // --- the data ---

  function drawData() {
    redraw($("data-body"), putData);
  }

  function putData() {
    const data = story.single.data;
    const body = $("data-body");
    if (!data) { put(body, h("p", { class: "quiet" }, "Not read yet.")); return; }
    put(body, h("ul", {}, data.findings.map((finding) => h("li", {}, `${finding.text}. `, finding.change ? h("span", { class: "quiet" }, finding.change) : null,
      finding.names.length ? h("details", {}, h("summary", {}, `${finding.count} in all`), finding.names.slice(0, 100).join(", "), finding.names.length > 100 ? ` and ${finding.names.length - 100} more` : null) : null))),
      h("div", { class: "charts" }, bars("Samples of each class", data.classes.slice(0, 60).map((row) => [row.label, row.given + row.given_test]), (row) => whole(row[1]),
        data.classes.length > 60 ? `and ${data.classes.length - 60} more classes` : undefined)));
  }

  // --- the whole page ---

  function drawHead() {
    const { run, finished: done, stop, plan } = story.single;
    $("name").textContent = run ? `${run.data.split(/[\\/]/).pop()}, seed ${run.settings.seed}` : "";
    document.title = `NeuralFinder: ${run?.data ?? "run"}`;
    const number = leader();
    const { trained, failed } = story.totals;
    const state = done ? "finished" : told ? "not finished" : lost ? "connection lost" : stop ? "finishing" : plan ? "searching" : "beginning";
    const rows = [["state", state], [done ? "in the search" : "best", number === undefined ? NONE : percent(scoreOf(number))], ["test", done ? percent(done.test_accuracy) : undefined],
      ["trained", whole(trained)], ["failed", failed ? whole(failed) : undefined], ["time", clock(story.now)]];
    put($("headline"), ...rows.filter((row) => row[1] !== undefined).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
    $("world-lead").textContent = hasWorld()
      ? "Every cell is home to one network. Children that are better displace their parents, and their mutants the worst neighbours."
      : [null, undefined, "artificial-life"].includes(run?.settings.strategy)
        ? "The world is not settled yet: its founders in the order in which they were trained."
        : "This strategy has no world: a wall of the networks in the order in which they were trained, the newest over the oldest.";
    const versions = done?.versions;
    $("footer").textContent = run ? `NeuralFinder ${run.version}${versions ? `, Python ${versions.python}, torch ${versions.torch}, numpy ${versions.numpy}, ${done.device}` : ""}` : "";
  }

  function drawAll() {
    drawHead();
    show(cursor);
    showLife();
    document.body.dataset.moments = String(moments.length);
    if (!heavy) heavy = setTimeout(drawRest, document.body.dataset.ready ? REST_EVERY : 0);
  }

  // What lies below the world is drawn after it, and while news come not every time.
  let heavy = 0;
  function drawRest() {
    heavy = 0;
    drawWinner();
    drawFamily();
    drawSearch();
    drawData();
    document.body.dataset.ready = "yes";
  }

  $("play").addEventListener("click", () => play(!playing));
  $("back").addEventListener("click", () => { play(false); show(cursor - 1); });
  $("next").addEventListener("click", () => { play(false); show(cursor + 1); });
  $("moment").addEventListener("input", (event) => { play(false); show(Number(event.target.value)); });
  $("speed").addEventListener("change", () => { if (playing) play(true); });
  $("theme").addEventListener("click", (event) => {
    const root = document.documentElement, order = ["", "dark", "light"];
    const next = order[(order.indexOf(root.dataset.theme ?? "") + 1) % order.length];
    if (next) root.dataset.theme = next; else delete root.dataset.theme;
    event.target.textContent = `Theme: ${next || "as the system"}`;
  });

  if (told) {
    take(JSON.parse(told.textContent));
    drawAll();
    return;
  }
  const source = new EventSource("news");
  let waiting = false;
  source.addEventListener("error", () => { lost = true; drawHead(); });
  source.addEventListener("message", (event) => {
    lost = false;
    take(JSON.parse(event.data));
    if (waiting) return;
    waiting = true; // at most a few times a second, however fast news come
    setTimeout(() => { waiting = false; drawAll(); }, 250);
  });
})();
