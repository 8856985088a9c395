// Which page the address asks for.
async function show() {
  const values = state();
  if (values.has("features")) await showFeatures(values.get("features"));
  else if (values.has("cell")) await showCell(values.get("cell"));
  else if (values.has("task")) showTask(values.get("task"));
  else showStart();
  const title = view.querySelector("h1").textContent, task = values.get("task");
  document.title = title === "Benchmark report" ? title : `${title} · Benchmark report`;
  document.querySelectorAll("#tasks a").forEach((entry) => {
    if (entry.textContent === task) entry.setAttribute("aria-current", "page"); else entry.removeAttribute("aria-current");
  });
}
document.getElementById("tasks").append(h("ul", {}, [...new Set(index.groups.map((group) => group.task))].map((task) => h("li", {}, link({ task }, task)))));
document.getElementById("skip").addEventListener("click", (event) => { event.preventDefault(); view.focus(); });
let latest = "";
window.addEventListener("hashchange", async () => {
  // within the feature browser the list keeps its place
  const list = view.querySelector(".list"), kept = list ? list.scrollTop : 0, before = latest;
  await show();
  latest = state().get("features") || "";
  const next = view.querySelector(".list");
  if (latest && latest === before && next) next.scrollTop = kept;
  else window.scrollTo(0, 0);
  view.focus({ preventScroll: true });
});
latest = state().get("features") || "";
show().then(() => document.documentElement.setAttribute("data-ready", ""));
