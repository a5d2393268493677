// Curves, dots and bars, each with its numbers as a table below.

const MOST_ROWS = 300;

const TIMES = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400]; // seconds

function ticks(low, high, least = 0, steps = null) {
  const raw = Math.max((high - low) / 5 || 1, least);
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = steps?.find((each) => each >= raw) ?? unit * [1, 2, 5, 10].find((each) => each * unit >= raw);
  const places = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-6; tick += step) places.push(tick);
  return places;
}

const reached = new Map(); // title of a chart -> the dot that its reader has come to

// The dots of a chart one after the other by the arrow keys or under the mouse, each with its words below; Enter picks it.
function walkable(drawing, title, note, spots) {
  const tip = h("p", { class: "tip quiet" }, "Dots: arrow keys or the mouse tell which network each is; Enter or a click shows it.");
  const ring = s("circle", { class: "here", r: 6, visibility: "hidden" });
  drawing.append(ring);
  spots.sort((a, b) => a.x - b.x || a.y - b.y);
  const words = (place) => spots[place].label;
  const go = (place) => {
    const next = Math.min(Math.max(place, 0), spots.length - 1);
    reached.set(title, next);
    for (const [name, value] of Object.entries({ cx: spots[next].x, cy: spots[next].y, visibility: "visible" })) ring.setAttribute(name, value);
    drawing.setAttribute("aria-valuenow", next + 1);
    drawing.setAttribute("aria-valuetext", words(next));
    tip.textContent = words(next);
  };
  const moves = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 20, PageDown: -20, Home: -Infinity, End: Infinity };
  const start = Math.min(reached.get(title) ?? spots.length - 1, spots.length - 1);
  fill(drawing, { role: "slider", tabindex: 0, "aria-label": `${title}. ${note ?? ""}`, "aria-valuemin": 1, "aria-valuemax": spots.length, "aria-valuenow": start + 1, "aria-valuetext": words(start),
    onfocus: () => go(reached.get(title) ?? start),
    onkeydown: (event) => {
      if (event.key in moves) go((reached.get(title) ?? start) + moves[event.key]);
      else if (event.key === "Enter" && spots[reached.get(title) ?? start].pick) spots[reached.get(title) ?? start].pick();
      else return;
      event.preventDefault();
    } }, []);
  spots.forEach((spot, place) => spot.node.addEventListener("mouseenter", () => go(place)));
  return tip;
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
  for (const tick of ticks(x0, x1, least, xText === clock ? TIMES : null)) {
    drawing.append(s("line", { class: "axis", x1: px(tick), x2: px(tick), y1: H - B, y2: H - B + 4 }),
      s("text", { class: "axis-text", x: px(tick), y: H - B + 17, "text-anchor": "middle" }, xText(tick)));
  }
  drawing.append(s("text", { class: "axis-text", x: (L + W - R) / 2, y: H - 6, "text-anchor": "middle" }, xTitle));
  if (yTitle) drawing.append(s("text", { class: "axis-text", x: 12, y: H / 2, transform: `rotate(-90 12 ${H / 2})`, "text-anchor": "middle" }, yTitle));
  if (diagonal) {
    const low = Math.max(x0, y0), high = Math.min(x1, y1);
    if (high > low) drawing.append(s("line", { class: "diagonal", x1: px(low), y1: py(low), x2: px(high), y2: py(high) }));
  }
  const spots = [];
  for (const { kind, class: name, points: pairs } of series) {
    if (kind === "dots") {
      for (const [vx, vy, pick, label] of pairs) {
        const [x, y] = [px(vx).toFixed(1), py(vy).toFixed(1)];
        const node = name === "full" ? s("rect", { class: "full", x: -4, y: -4, width: 8, height: 8, transform: `translate(${x} ${y}) rotate(45)`, onclick: pick }) : s("circle", { class: name ?? "dot", cx: x, cy: y, r: 3, onclick: pick });
        drawing.append(node);
        if (label) spots.push({ x: Number(x), y: Number(y), pick, label, node });
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
  const tip = spots.length ? walkable(drawing, title, note, spots) : null;
  return h("figure", { class: "chart" }, h("figcaption", {}, title), series.length > 1 ? keyTo(series) : null, drawing, tip, note ? h("p", { class: "quiet" }, note) : null,
    h("details", {}, h("summary", {}, `Numbers${first.length < rows.length ? ` (the first ${first.length} of ${rows.length})` : ""}`),
      table(["", xTitle, yTitle ?? "value"], first)));
}

// What the marks of a chart mean.
const keyTo = (series) => h("p", { class: "key quiet" }, series.map((each) => h("span", {}, s("svg", { viewBox: "0 0 18 10", width: 18, height: 10, "aria-hidden": "true" },
  each.kind !== "dots" ? s("path", { class: each.class ?? "best", d: "M0,5H18" }) : each.class === "full" ? s("rect", { class: "full", x: -4, y: -4, width: 8, height: 8, transform: "translate(9 5) rotate(45)" }) : s("circle", { class: each.class ?? "dot", cx: 9, cy: 5, r: 3.5 })), ` ${each.name}`)));

// One bar of parts, each with its share, named below: rows of [name, value].
function stack(title, rows, text, note) {
  const all = rows.reduce((sum, [, value]) => sum + value, 0);
  if (!all) return null;
  let from = 0;
  const drawing = s("svg", { viewBox: "0 0 420 34", role: "img", "aria-label": `${title}: ${rows.map((row) => `${row[0]} ${text(row)}`).join(", ")}` },
    rows.map(([name, value], place) => {
      const x = from;
      from += 420 * value / all;
      return s("rect", { class: `part part${place}`, x, y: 2, width: Math.max(0.5, 420 * value / all - 1), height: 30, rx: 3 }, s("title", {}, `${name} ${text([name, value])}`));
    }));
  return h("figure", { class: "chart" }, h("figcaption", {}, title), drawing,
    h("dl", { class: "parts" }, rows.map((row, place) => h("div", {}, h("dt", {}, s("svg", { viewBox: "0 0 10 10", width: 10, height: 10, "aria-hidden": "true" }, s("rect", { class: `part part${place}`, width: 10, height: 10, rx: 2 })), ` ${row[0]}`), h("dd", {}, `${text(row)}, ${percent(row[1] / all, 0)}`)))),
    note ? h("p", { class: "quiet" }, note) : null);
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

// Accuracy on the validation part at each look; a single look is no curve.
const curve = (title, looks) => (looks?.length > 1 ? chart({
  title, xTitle: "measurement", y: [Math.max(0, Math.min(...looks) - 0.01), Math.min(1, Math.max(...looks) + 0.01)],
  series: [{ kind: "line", name: "validation", points: looks.map((score, place) => [place + 1, score]) }],
}) : null);
