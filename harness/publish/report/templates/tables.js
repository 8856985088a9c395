// Tables that sort by a click on a heading, filter, and write rows as they come into sight.
const ROWS_AT_ONCE = 60;

// columns: {label, title, value(row) for sorting, show(row) for the cell, number, start: true where low comes first}
function table(id, options) {
  const { caption, columns, rows, rowClass, filter, first } = options;
  const head = h("tr"), body = h("tbody"), more = h("tr", { "aria-hidden": "true" });
  const element = h("table", { id: "table-" + id }, h("caption", {}, h("span", {}, caption)), h("thead", {}, head), body);
  const watcher = new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting)) write(); }, { rootMargin: "600px 0px" });
  let shown = [], written = 0;
  const [given, way] = (state().get("sort-" + id) || "").split(".");
  let order = columns[given] ? { column: Number(given), down: way === "down" } : first || null;

  const buttons = columns.map((column, place) => {
    const click = () => {
      const down = order && order.column === place ? !order.down : !column.start;
      order = { column: place, down };
      remember("sort-" + id, `${place}.${down ? "down" : "up"}`);
      update();
      say(`Sorted by ${column.label}, ${down ? "highest" : "lowest"} first`);
    };
    const cell = h("th", { scope: "col", title: column.title }, column.value ? h("button", { type: "button", onclick: click }, column.label) : h("span", {}, column.label));
    head.append(cell);
    return cell;
  });

  function compare(one, other) {
    const [a, b] = [one, other].map(columns[order.column].value);
    if (a === b) return 0;
    // what is not known comes last, whichever way
    if (a === null || a === undefined) return 1;
    if (b === null || b === undefined) return -1;
    return (typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : a - b) * (order.down ? -1 : 1);
  }
  function write() {
    more.remove();
    for (const row of shown.slice(written, written + ROWS_AT_ONCE)) {
      body.append(h("tr", rowClass ? rowClass(row) : {}, columns.map((column, place) =>
        place ? h("td", { class: column.number ? "number" : null }, column.show(row)) : h("th", { scope: "row" }, column.show(row)))));
    }
    written = Math.min(written + ROWS_AT_ONCE, shown.length);
    if (written === shown.length) return;
    body.append(more);
    // watched anew, so that a row that is still in sight is told of again
    watcher.unobserve(more);
    watcher.observe(more);
  }
  function update() {
    buttons.forEach((cell, place) => {
      if (order && order.column === place) cell.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else cell.removeAttribute("aria-sort");
    });
    shown = filter ? rows.filter(filter) : [...rows];
    if (order) shown.sort(compare);
    element.setAttribute("aria-rowcount", shown.length + 1);
    body.replaceChildren();
    written = 0;
    write();
    return shown.length;
  }
  more.append(h("td", { colspan: columns.length }, "…"));
  update();
  return { element: h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption }, element), update };
}

// a number with its interval, and a picture of it on the scale of its column
function scaleOf(entries) {
  const ends = entries.filter(Boolean).flatMap((entry) => entry.slice(0, 3)).filter((value) => value !== null);
  return ends.length ? [Math.min(...ends), Math.max(...ends)] : [0, 1];
}
function interval(entry, [low, high]) {
  if (!entry || entry[0] === null) return "–";
  const x = (value) => (high > low ? 4 + (136 * (value - low)) / (high - low) : 72).toFixed(1);
  const picture = s("svg", { class: "interval", viewBox: "0 0 144 10", "aria-hidden": "true" },
    s("line", { class: "rail", x1: 4, x2: 140, y1: 5, y2: 5 }),
    entry[1] === null || entry[2] === null ? null : s("line", { x1: x(entry[1]), x2: x(entry[2]), y1: 5, y2: 5 }),
    s("circle", { cx: x(entry[0]), cy: 5, r: 3.5 }));
  return [withInterval(entry), picture];
}

// a search field and choices above a table; each is remembered in the address
function searchField(name, label, change) {
  return h("label", {}, label, h("input", { type: "search", value: state().get(name) || "", autocomplete: "off", oninput: (event) => {
    remember(name, event.target.value);
    change();
  } }));
}
function choice(name, label, options, change, chosen) {
  const current = chosen ?? state().get(name) ?? options[0][0];
  return h("label", {}, label, h("select", { onchange: (event) => change(event.target.value) },
    options.map(([value, text]) => h("option", { value, selected: String(value) === String(current) }, text))));
}
