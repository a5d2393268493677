// The panel of the family tree: the ancestors of the chosen life, the oldest on the left.

const MOST_ANCESTORS = 60;

// The chosen life and its ancestors: number -> {level, parents}; level 0 is the life itself, parents are numbers among them.
function ancestorsOf(number) {
  const nodes = new Map([[number, { level: 0, parents: [] }]]);
  const queue = [number];
  while (queue.length && nodes.size < MOST_ANCESTORS) {
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
  return nodes;
}

function treeOf(nodes) {
  const levels = Math.max(...[...nodes.values()].map((node) => node.level)) + 1;
  const W = 236, H = 64, line = new Set(descentShown ? lineOf(chosen ?? leader()) : []);
  const rows = Array(levels).fill(0);
  for (const node of nodes.values()) { node.row = rows[node.level]; rows[node.level] += 1; }
  const x = (node) => (levels - 1 - node.level) * (W + 40) + 4, y = (node) => node.row * (H + 12) + 4;
  const wide = levels * (W + 40), tall = Math.max(...rows) * (H + 12) + 8; // at the usual size of letters, and larger with them
  const drawing = s("svg", { viewBox: `0 0 ${wide} ${tall}`, width: `${wide / 16}rem`, height: `${tall / 16}rem`, role: "group", "aria-label": "Ancestors, the oldest on the left" });
  for (const [child, node] of nodes) {
    for (const parent of node.parents) {
      const from = nodes.get(parent);
      const [x1, y1, x2, y2] = [x(from) + W, y(from) + H / 2, x(node), y(node) + H / 2];
      drawing.append(s("path", { class: line.has(child) && line.has(parent) ? "edge lit" : "edge", d: `M${x1},${y1} C${x1 + 30},${y1} ${x2 - 30},${y2} ${x2},${y2}` }));
    }
    const life = firstLife(child) ?? { parents: [] };
    const score = scoreOf(child);
    const parents = life.parents.map(scoreOf).filter((each) => each !== undefined);
    const gain = parents.length && score !== undefined ? gained(score, Math.max(...parents)) : undefined;
    const pick = () => choose(child);
    drawing.append(s("g", { class: line.has(child) ? "node lit" : "node", tabindex: 0, role: "button", transform: `translate(${x(node)} ${y(node)})`, onclick: pick,
      onkeydown: (event) => { if (event.key === "Enter" || event.key === " ") { pick(); event.preventDefault(); } },
      "aria-label": `${keyOf(child)}, ${scored(score)}${gain === undefined ? "" : `, ${gain}`}` },
      s("rect", { width: W, height: H, rx: 6 }), s("g", { transform: "translate(6 8)" }, portrait(child, 48)), s("text", { x: 60, y: 18 }, cut(keyOf(child), 25), s("title", {}, keyOf(child))),
      s("text", { x: 60, y: 36 }, `${scored(score)}  ${life.operator ?? ""}`),
      s("text", { x: 60, y: 54, class: "axis-text" }, `${!life.parents.length ? "founder" : gain === undefined ? "" : gain}${life.inherits?.length ? ", weights inherited" : ""}`)));
  }
  return drawing;
}

function putFamily(body) {
  const number = chosen ?? leader();
  if (number === undefined) { put(body, soon()); return; }
  const account = story.single.account;
  put(body,
    h("p", { class: "quiet" }, `Ancestors of ${keyOf(number)}. Scores are short scores: validation ${ofMetric()} after a short training. The gain is the score minus that of the better parent. Choose a life in the world, or here.`),
    h("div", { class: "tree", tabindex: 0, role: "region", "aria-label": "Family tree" }, treeOf(ancestorsOf(number))),
    account?.length ? [h("h3", {}, "How the winner came about"), h("ol", {}, account.map((line) => h("li", {}, line)))] : null);
}

whenChosen.push(panel("family-body", putFamily));
