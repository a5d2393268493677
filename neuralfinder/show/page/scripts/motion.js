// What moves above the world: births, displacements, and the line of descent as arrows.

const FLIGHT = 650; // milliseconds
const MOST_FLIGHTS = 16; // at once
const still = matchMedia("(prefers-reduced-motion: reduce)");
let flights = 0;

// Something that moves above the cells, and is gone then; nothing for who wants it still.
function fly(node, steps, duration = FLIGHT) {
  if (still.matches || flights >= MOST_FLIGHTS || !node.animate) return;
  flights += 1;
  node.classList.add("flying");
  drawn.above.append(node);
  node.animate(steps, { duration, easing: "cubic-bezier(.3,.1,.2,1)" }).finished.catch(() => null).then(() => { node.remove(); flights -= 1; });
}

const placed = ([x, y], scale) => `translate(${x}px, ${y}px) scale(${scale}) translate(${-CELL / 2}px, ${-CELL / 2}px)`;

// Who was born flies from its better parent's cell, where that has one, and who lived there before shrinks away.
function enact(changes, homes) {
  for (const [spot, before, number, body] of changes) {
    if (before !== undefined) fly(body, [{ transform: placed(centre(spot), 1), opacity: 1 }, { transform: placed(centre(spot), 0.2), opacity: 0 }]);
    if (number === undefined) continue;
    const parents = (firstLife(number)?.parents ?? []).filter((parent) => homes.has(parent)).sort((a, b) => (scoreOf(b) ?? -1) - (scoreOf(a) ?? -1));
    const from = parents.length ? centre(homes.get(parents[0])) : centre(spot);
    const { inner } = drawn.cells.get(spot);
    fly(inner.cloneNode(true), [{ transform: placed(from, 0.3), opacity: 0.4 }, { transform: placed(centre(spot), 1), opacity: 1 }]);
    if (!still.matches) inner.animate([{ opacity: 0 }, { opacity: 0, offset: 0.8 }, { opacity: 1 }], { duration: FLIGHT });
  }
}

// A child of those who live here was trained: its parents' cells send out a ring.
function ring(life) {
  for (const spot of new Set(life.parents.map((parent) => shown.homes.get(parent)))) {
    if (spot && life.parents.includes(shown.cells.get(spot))) {
      const [x, y] = centre(spot);
      fly(s("circle", { class: "ring", r: CELL / 2 }), [{ transform: `translate(${x}px, ${y}px) scale(0.7)`, opacity: 0.9 }, { transform: `translate(${x}px, ${y}px) scale(1.25)`, opacity: 0 }]);
    }
  }
}

// The line of descent: an arrow from where each ancestor lived to where its child did, numbered from the founder.
function drawDescent() {
  for (const old of drawn.above.querySelectorAll(".descent")) old.remove();
  const line = descentShown ? lineOf(chosen ?? leader()) : [];
  const steps = line.map((number, place) => [shown.homes.get(number), place + 1]).filter(([spot]) => spot);
  const group = s("g", { class: "descent" }), size = Math.min(1, 0.25 + drawn.side / 12); // marks of small worlds are small, too
  steps.slice(1).forEach(([to], place) => {
    const [from] = steps[place];
    if (from === to) return;
    const [[x1, y1], [x2, y2]] = [centre(from), centre(to)];
    const far = Math.hypot(x2 - x1, y2 - y1), bend = Math.min(40, far / 5);
    const [mx, my] = [(x1 + x2) / 2 - (y2 - y1) / far * bend, (y1 + y2) / 2 + (x2 - x1) / far * bend];
    const near = 1 - 30 / Math.hypot(x2 - mx, y2 - my); // ends before the middle of the cell
    const [ex, ey] = [mx + (x2 - mx) * near, my + (y2 - my) * near];
    const angle = Math.atan2(y2 - my, x2 - mx) * 180 / Math.PI;
    group.append(s("path", { class: "way", d: `M${x1},${y1}Q${mx},${my} ${ex},${ey}` }), s("path", { class: "tip", d: "M16,0L-8,-11L-8,11Z", transform: `translate(${ex} ${ey}) rotate(${angle}) scale(${size})` }));
  });
  const taken = new Map();
  for (const [spot, place] of steps) taken.set(spot, [...(taken.get(spot) ?? []), place]);
  for (const [spot, places] of taken) {
    const [x, y] = corner(spot), words = places.join(", "), wide = 14 + 13 * words.length;
    group.append(s("g", { transform: `translate(${x + 4} ${y + 4}) scale(${size})` }, s("rect", { class: "badge", width: wide, height: 28, rx: 14 }), s("text", { class: "badge-text", x: wide / 2, y: 20, "text-anchor": "middle" }, words)));
  }
  drawn.above.append(group);
  const button = $("descent"), searched = lineOf(chosen ?? leader()).length;
  button.disabled = !searched || !hasWorld();
  button.setAttribute("aria-pressed", String(descentShown));
  $("descent-said").textContent = !descentShown ? "" : !searched ? "It was not made by the search, and has no ancestors."
    : `${searched === 1 ? "It is a founder itself" : `${searched} lives from the founder (1) to it (${searched})`}${steps.length < searched ? `; ${steps.length} of them had settled in the world until then` : ""}.`;
}
