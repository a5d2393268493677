// The panel beside the world: one life, with its parents and children, its network and its learning curves.

const MOST_CHILDREN = 12;

function showLife() {
  redraw($("life"), () => putLife($("life")));
}
whenChosen.push(showLife);

function putLife(place) {
  const number = over ?? chosen ?? leader();
  if (number === undefined || !story.genomes.has(number)) {
    put(place, soon());
    return;
  }
  const life = firstLife(number) ?? {};
  const count = byGenome.get(number)?.count ?? 0;
  const done = number === leader() ? story.single.finished : undefined;
  const jump = (target) => h("button", { type: "button", class: "link genome", onclick: () => choose(target) },
    `${cut(keyOf(target), 60)} ${scored(scoreOf(target))}`);
  const children = [...new Set([...story.lives.values()].filter((other) => other.parents.includes(number)).map((child) => child.genome))];
  const state = life.failure ? h("span", { class: "bad" }, `${life.failure} ${life.detail ?? ""}`)
    : life.id === undefined ? (story.leftOut ? "left out here; the record has it" : "was not trained in the search") : life.ended === undefined ? "in training"
      : life.why === "behind" ? "stopped early, behind the others" : "trained";
  put(place,
    chosen === null ? null : h("button", { type: "button", onclick: () => choose(null) }, "Back to the best"),
    h("div", { class: "title" }, portrait(number, 72), h("div", {}, h("h3", { tabindex: -1 }, number === leader() ? (done ? "The winner" : "The best so far") : life.id === undefined ? "A life" : `Life ${life.id}`),
      h("p", { class: "genome" }, keyOf(number)))),
    facts([
      ["short score", done && !count ? undefined : `${scored(scoreOf(number))}${count > 1 ? ` (mean of ${count} short trainings)` : ""}`],
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
    done ? h("p", {}, h("a", { href: "#winner" }, "Its layers"), ", and above ", h("a", { href: "#verdict" }, "what it is worth")) : architecture(number),
    curve("Learning curve in the search", life.curve),
    // the last training and those again may have learned from the validation part: their curves say nothing
    story.finals.filter((full) => full.genome === keyOf(number) && !/^(last|retrain-)/.test(full.name))
      .map((full) => curve(`Learning curve of the training ${full.name}, ${full.epochs} epochs more`, full.curve)));
}
