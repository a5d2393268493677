// Whom the reader chose, and who draws anew then.

let chosen = null; // number of a genome
let over = null; // number of the genome under the mouse
let descentShown = false; // whether the line of descent of the chosen life, or else of the best, is lit
const whenChosen = []; // each a function that draws what depends on `chosen`

// A life, or with null whoever is the best.
function choose(number) {
  const focused = document.activeElement;
  chosen = number;
  for (const draw of whenChosen) draw();
  if (!focused.isConnected && document.activeElement === document.body) $("life").querySelector("h3")?.focus({ preventScroll: true });
  const life = chosen ?? leader();
  $("said").textContent = life === undefined ? "" : `${keyOf(life)}, ${scored(scoreOf(life))}`;
}

const panels = []; // each a function that draws a panel below the world

// A panel of the page: `body` is the id of its place in page.html, `draw` fills it from the story; returns what draws it anew.
function panel(body, draw) {
  const again = () => redraw($(body), () => draw($(body)));
  panels.push(again);
  return again;
}
