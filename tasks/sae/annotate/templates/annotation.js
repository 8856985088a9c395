// Sequences coloured by the activation of features, and what the features mean.
const SEQUENCES_AT_ONCE = 12, LETTERS_AT_ONCE = 1000, GROUP = 10;
// a meaning: [feature, column of the feature, concept, held-out AUROC, q, sequences called, of nucleotides]
const meanings = index.meanings.map(([feature, column, concept, auroc, q, called, ofNucleotides], place) => ({ place, feature, column, concept, auroc, q, called, ofNucleotides }));
const ofColumn = new Map();
meanings.forEach((one) => { if (!ofColumn.has(one.column)) ofColumn.set(one.column, []); ofColumn.get(one.column).push(one); });
const named = (one) => `feature ${one.feature}: ${one.concept}`;
const SHOWN = [["called", "where a concept is called"], ["active", "where a feature is active"], ["all", "every sequence"]];
const chosen = () => { const place = Number(state().get("meaning") || "none"); return meanings[place] || null; };
const kind = () => state().get("show") || "called";

function choose(place) {
  remember("meaning", place === "" ? "" : String(place));
  const select = document.getElementById("choose");
  select.value = String(place);
  meaningTable.update();
  update();
}

const meaningTable = table("meanings", {
  caption: "What the features mean: the concept that each was chosen for on select, and its score on held-out sequences",
  rows: meanings, filter: (one) => named(one).toLowerCase().includes((state().get("concept") || "").toLowerCase()),
  first: { column: 5, down: true },
  rowClass: (one) => ({ "aria-current": chosen() === one ? "true" : null }),
  columns: [
    { label: "Concept", value: (one) => one.concept, show: (one) => one.concept, start: true },
    { label: "Colour", show: (one) => h("button", { type: "button", onclick: () => { choose(one.place); document.getElementById("sequences-title").scrollIntoView(); }, "aria-label": `Colour by ${named(one)}` }, "show") },
    { label: "Feature", value: (one) => one.feature, show: (one) => String(one.feature), number: true, start: true },
    { label: "Held-out AUROC", value: (one) => one.auroc, show: (one) => number(one.auroc), number: true },
    { label: "q", value: (one) => one.q, show: (one) => small(one.q), number: true, start: true },
    { label: "Sequences called", value: (one) => one.called, show: (one) => count(one.called), number: true },
  ],
});

// an entry of the list: [id, length, meanings that are called, columns that are active, part, place in it]
const list = index.sequences.map(([id, length, called, active, piece, place]) => ({ id, length, called, active, piece, place }));
const holder = h("div", { id: "sequences" }), end = h("p", { class: "quiet", "aria-hidden": "true" }, "…");
const watcher = new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting)) write(); }, { rootMargin: "800px 0px" });
let found = [], written = 0, round = 0, busy = false;

function matches(one) {
  if (!one.id.toLowerCase().includes((state().get("sequence") || "").toLowerCase())) return false;
  const wanted = chosen();
  if (kind() === "all") return true;
  if (kind() === "active") return wanted ? one.active.includes(wanted.column) : one.active.length > 0;
  return wanted ? one.called.includes(wanted.place) : one.called.length > 0;
}

function update() {
  found = list.filter(matches);
  written = 0;
  round += 1;
  busy = false;
  holder.replaceChildren();
  const told = `${count(found.length)} of ${count(list.length)} sequences`;
  document.getElementById("found").textContent = told;
  say(told);
  write();
}

async function write() {
  if (busy) return;
  busy = true;
  const mine = round, next = found.slice(written, written + SEQUENCES_AT_ONCE);
  const drawn = await Promise.all(next.map(async (one) => sequenceBlock(one, ...(await part("sequences:" + one.piece))[one.place])));
  if (mine !== round) return;
  busy = false;
  end.remove();
  holder.append(...drawn);
  written += next.length;
  if (written >= found.length) return;
  holder.append(end);
  // watched anew, so that a line that is still in sight is told of again
  watcher.unobserve(end);
  watcher.observe(end);
}

// tracks: [column, strongest activation here, [[start, letters], …]]
function activation(tracks, column, length) {
  const values = new Float32Array(length), track = tracks.find((one) => one[0] === column);
  if (track) for (const [start, letters] of track[2]) [...letters].forEach((letter, k) => { values[start + k] = (index.levels.indexOf(letter) / (index.levels.length - 1)) * track[1]; });
  return values;
}

function sequenceBlock(one, sequence, tracks) {
  const wanted = chosen();
  const columns = wanted ? [wanted.column] : [...new Set(one.called.length ? one.called.map((place) => meanings[place].column) : one.active)];
  const strength = new Float32Array(sequence.length);
  for (const column of columns) activation(tracks, column, sequence.length).forEach((value, place) => { strength[place] = Math.max(strength[place], value / (index.strongest[column] || 1)); });
  const letters = h("p", { class: "letters" });
  const more = h("button", { type: "button", class: "more", onclick: () => grow() });
  let drawn = 0;
  function grow() {
    const stop = Math.min(drawn + LETTERS_AT_ONCE, sequence.length);
    for (; drawn < stop; drawn += GROUP) letters.append(group(sequence, strength, drawn, Math.min(drawn + GROUP, sequence.length)));
    drawn = Math.min(drawn, sequence.length);
    more.textContent = `Show nucleotides ${count(drawn + 1)} to ${count(Math.min(drawn + LETTERS_AT_ONCE, sequence.length))} of ${count(sequence.length)}`;
    more.hidden = drawn >= sequence.length;
  }
  grow();
  const coloured = wanted ? named(wanted) : columns.length ? `${one.called.length ? "called" : "active"} features, the strongest` : "no feature is active";
  return h("article", {},
    h("h3", {}, one.id), h("p", { class: "quiet" }, `${count(one.length)} nucleotides; colour: ${coloured}`),
    one.called.length ? h("ul", { class: "chips", "aria-label": `Concepts called in ${one.id}` }, one.called.map((place) => h("li", {}, h("button", { type: "button", "aria-pressed": String(meanings[place] === wanted), onclick: () => choose(meanings[place] === wanted ? "" : place) }, named(meanings[place]))))) : null,
    letters, more, stretches(one, sequence, tracks));
}

function group(sequence, strength, start, stop) {
  const made = h("span", { class: "ten" }, h("small", { "aria-hidden": "true" }, String(start + 1)));
  for (let from = start; from < stop;) {
    let to = from + 1;
    while (to < stop && strength[to] === strength[from]) to += 1;
    const letters = sequence.slice(from, to);
    // inline styles set by a script are no concern of the content policy
    const run = strength[from] > 0 ? h("span", {}, letters) : letters;
    if (strength[from] > 0) run.style.backgroundColor = `rgb(var(--heat), ${(0.12 + 0.58 * Math.min(1, strength[from])).toFixed(2)})`;
    made.append(run);
    from = to;
  }
  return made;
}

// where which feature is active, in words: made when it is opened
function stretches(one, sequence, tracks) {
  const holder = h("div"), STRETCHES = 200;
  const element = h("details", { ontoggle: () => {
    if (!element.open || holder.firstChild) return;
    const wanted = chosen();
    const shown = tracks.filter(([column]) => !wanted || column === wanted.column);
    const rows = shown.flatMap(([column, peak, runs]) => runs.map(([start, letters]) => ({ start: start + 1, end: start + letters.length, column, strongest: (peak * Math.max(...[...letters].map((letter) => index.levels.indexOf(letter)))) / (index.levels.length - 1) })));
    rows.sort((a, b) => a.start - b.start || a.column - b.column);
    const caption = `Stretches of ${one.id}` + (rows.length > STRETCHES ? `: the first ${STRETCHES} of ${count(rows.length)}; all are in the table beside this file` : "");
    holder.append(h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, h("table", {}, h("caption", {}, h("span", {}, caption)),
      h("thead", {}, h("tr", {}, ["Nucleotides", "Feature", "Strongest", "Meaning"].map((label) => h("th", { scope: "col" }, label)))),
      h("tbody", {}, rows.slice(0, STRETCHES).map((row) => {
        const own = ofColumn.get(row.column);
        return h("tr", {}, h("th", { scope: "row" }, row.start === row.end ? String(row.start) : `${row.start} to ${row.end}`), h("td", { class: "number" }, String(own[0].feature)), h("td", { class: "number" }, number(row.strongest)),
          h("td", {}, own.map((meaning) => `${meaning.concept}${one.called.includes(meaning.place) ? " (called)" : ""}`).join(", ")));
      })))));
  } }, h("summary", {}, "Active stretches"), holder);
  return tracks.length ? element : null;
}

put(view,
  heading(1, "Annotated sequences"),
  h("p", {}, `${index.file}, by features of ${index.subject}.`),
  h("p", {}, "A concept is called where the threshold that was chosen for it is reached; a feature that is active in a sequence that is not called says little. ", "Colour: ", h("span", { class: "key", "aria-hidden": "true" }), " from zero to the strongest activation of the feature in this file."),
  index.leftOut ? h("p", { class: "warning" }, `${count(index.leftOut)} further sequences did not fit into this file: they are in the table beside it.`) : null,
  heading(2, "Features"),
  h("div", { class: "bar", role: "search", "aria-label": "Filter features" }, searchField("concept", "Filter features and concepts", () => meaningTable.update())),
  h("div", { class: "meanings" }, meaningTable.element),
  h("h2", { id: "sequences-title" }, "Sequences"),
  h("div", { class: "bar", role: "search", "aria-label": "Filter sequences" },
    searchField("sequence", "Filter sequences by name", () => update()),
    h("label", {}, "Feature", h("select", { id: "choose", onchange: (event) => choose(event.target.value === "" ? "" : Number(event.target.value)) },
      h("option", { value: "" }, "all that are called"),
      meanings.map((one) => h("option", { value: one.place, selected: chosen() === one }, `${one.concept} (${one.feature})`)))),
    choice("show", "Show", SHOWN, (value) => { remember("show", value); update(); })),
  h("p", { class: "quiet", id: "found" }),
  holder);
document.title = `${index.file} · Annotated sequences`;
document.getElementById("skip").addEventListener("click", (event) => { event.preventDefault(); view.focus(); });
update();
document.documentElement.setAttribute("data-ready", "");
