// What the run is doing at this moment, in words, from the first second to the end.

const SILENT = 30; // seconds without news after which that is said
let doing = null; // what the run says of itself beside its record, see job/status.py
let heard = Date.now(); // when there were news last
let lost = false; // whether the server is out of reach
const told = $("story"); // the whole story, in a file of its own

// Seconds of work of the run, as the terminal counts them where it says so: from the start of its process, not of its record.
function clockNow() {
  const { finished: done } = story.single, now = Date.now() / 1000;
  if (done) return done.seconds?.total ?? story.now;
  if (told || !story.began) return story.now;
  return Math.max(story.now, doing?.time ? doing.elapsed + now - doing.time : now - story.began);
}
const budget = () => (story.single.run?.settings.minutes ? 60 * story.single.run.settings.minutes : null);

// [what, more about it, share of it that is done or null]
function stateWords() {
  const { run, data, plan, stop, finished: done } = story.single;
  const { trained, failed } = story.totals;
  if (done) return null;
  if (told) return ["The run was not finished when this page was written.", `It had worked for ${seconds(story.now)}.`, null];
  if (lost) return ["The connection to the server is lost.", "The page goes on by itself when it is back.", null];
  if (doing?.phase === "waiting") return [`There is no run in ${doing.folder} yet.`, "This page waits for it and begins by itself.", null];
  if (!run) return ["Asking for the story of the run.", "", null];
  if (!data) return ["Reading the data.", `${doing?.total ? `${whole(doing.done)} of ${whole(doing.total)} samples are read. ` : ""}Then this machine is measured, and the first network is trained.`, doing?.total ? doing.done / doing.total : null];
  if (!plan) return ["Measuring how fast this machine trains.", "Then the run is planned, and the first network is trained.", null];
  if (stop) return finishingWords(run);
  const left = plan.search.seconds ? plan.search.seconds - (clockNow() - story.stages.plan) : null;
  if (!trained && !failed) return ["Training the first network.", dueWords(), null];
  const best = leader();
  const some = `${whole(trained + failed)} of ${plan.search.fixed ? "" : "about "}${whole(plan.search.candidates)} networks are trained${best === undefined ? "" : `, the best has a short score of ${scored(scoreOf(best))}`}.`;
  return ["Searching.", `${some}${left > 0 ? ` Then, in about ${seconds(left)}, the best are trained on.` : ""}`, Math.min(1, (trained + failed) / Math.max(1, plan.search.candidates))];
}

function finishingWords() {
  const { training, left } = doing ?? {};
  const rest = left === null || left === undefined ? "" : ` At most ${seconds(Math.max(0, left - (Date.now() / 1000 - doing.time)))} are left.`;
  if (!training?.name) return ["Finishing: the best networks are trained on.", rest, null];
  const before = story.finals.findLast((each) => each.genome === training.genome && each.score !== undefined)?.score ?? scoreOf(numbers.get(training.genome));
  const now = scoreAmong(training, "validation");
  const reached = now !== undefined ? `, validation ${ofMetric()} ${scored(now)}` : before !== undefined ? `, validation ${ofMetric()} ${scored(before)} before it` : "";
  return [training.name.startsWith("last") ? "Finishing: the last training of the winner." : `Finishing: the best networks are trained on (${training.name}).`,
    `Epoch ${training.epoch.toFixed(1)} of ${training.epochs.toFixed(1)}${reached}.${rest}`, Math.min(1, training.epoch / training.epochs)];
}

// When the first network is due, as far as it is known.
function dueWords() {
  const { plan } = story.single;
  if (!plan?.search.seconds) return "It is shown here when it is trained.";
  const due = plan.search.seconds / Math.max(1, plan.search.candidates) - (clockNow() - story.stages.plan);
  return due > 0.5 ? `It is due in about ${seconds(due)}.` : "It is due now.";
}

// What stands in the place of what is not there yet.
function soon() {
  const words = stateWords();
  return h("p", { class: "quiet soon" }, words && !story.totals.trained ? `No network yet. ${words[0]} ${words[1]}` : "No network was trained.");
}

function drawNow() {
  const words = stateWords();
  const quietFor = (Date.now() - heard) / 1000;
  $("now").hidden = !words;
  if (words) {
    const silent = !told && !lost && story.single.run && !doing && quietFor > SILENT
      ? ` Nothing was heard of the run for ${seconds(quietFor)}: if it was stopped, neuralfinder resume goes on with it.` : "";
    const spent = clockNow(), all = budget();
    put($("now"), h("p", {}, h("strong", {}, words[0]), ` ${words[1]}${silent}`), words[2] === null ? null : h("progress", { max: 1, value: words[2], "aria-label": words[0] }),
      story.single.run ? h("p", { class: "quiet" }, all ? `${clock(spent)} of ${clock(all)} (min:s)` : `${clock(spent)} (min:s)`) : null);
  }
  for (const place of document.querySelectorAll(".soon")) place.replaceWith(soon());
}
