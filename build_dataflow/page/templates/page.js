"use strict";
(() => {
  const root = document.documentElement, all = (query, from = document) => [...from.querySelectorAll(query)];

  // Light or dark: the system's choice until the button is pressed; the choice is kept where the browser allows it.
  const button = document.getElementById("theme"), system = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => { try { return localStorage.getItem("qapflow-theme"); } catch { return null; } };
  const show = (theme) => {
    root.dataset.theme = theme;
    button.textContent = theme === "dark" ? "Light" : "Dark";
    button.setAttribute("aria-label", `Switch to ${theme === "dark" ? "light" : "dark"} colours`);
    button.setAttribute("aria-pressed", String(theme === "dark"));
  };
  show(stored() ?? (system.matches ? "dark" : "light"));
  system.addEventListener("change", () => stored() ?? show(system.matches ? "dark" : "light"));
  button.addEventListener("click", () => {
    const theme = root.dataset.theme === "dark" ? "light" : "dark";
    show(theme);
    try { localStorage.setItem("qapflow-theme", theme); } catch { /* a page from disk may have no storage */ }
  });

  // Charts. Colours are variables of the style sheet, so that nothing is drawn anew for another theme.
  const font = "system-ui, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif";
  const config = {
    background: "transparent", font, view: { stroke: null },
    axis: { labelColor: "var(--fg)", titleColor: "var(--muted)", gridColor: "var(--line)", domainColor: "var(--muted)", tickColor: "var(--muted)",
            labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500, gridOpacity: 0.7, labelOverlap: true },
    legend: { labelColor: "var(--fg)", titleColor: "var(--muted)", labelFontSize: 12, titleFontSize: 12, titleFontWeight: 500 },
    text: { font },
  };
  const views = {};
  const valueOf = (control) => {
    const { for: chart, signal } = control.dataset;
    if ("flag" in control.dataset) return control.checked;
    if ("number" in control.dataset) return Number(control.value);
    if (control.type !== "checkbox") return control.value;
    return all(`[data-for="${chart}"][data-signal="${signal}"]:checked`).map((each) => each.value);
  };
  const chartsOf = (control) => Object.keys(views).filter((id) => id === control.dataset.for || ("group" in control.dataset && id.startsWith(control.dataset.for)));
  const apply = (control) => Promise.all(chartsOf(control).map((id) => views[id].signal(control.dataset.signal, valueOf(control)).runAsync()));
  const draw = async (script) => {
    const id = script.dataset.chart, spec = JSON.parse(script.textContent);
    const { view } = await vegaEmbed(`#${id}`, spec, { actions: false, renderer: "svg", config, tooltip: { theme: "page" } });
    views[id] = view;
  };
  const ready = Promise.all(all("script[data-chart]").map(draw)).then(() => Promise.all(all("[data-for]").map(apply)));
  all("[data-for]").forEach((control) => control.addEventListener(control.type === "range" ? "input" : "change", () => { ready.then(() => apply(control)); }));
  ready.then(() => { root.dataset.ready = "true"; });

  // Tables: a button in each heading sorts by its column, numbers by their value.
  const key = (cell) => {
    const text = (cell.querySelector("data")?.value ?? cell.textContent).trim(), number = parseFloat(text.replaceAll(",", ""));
    return /^[-+]?[\d.,]/.test(text) && !Number.isNaN(number) ? number : text;
  };
  const order = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));
  const sort = (heading) => {
    const table = heading.closest("table"), column = heading.cellIndex, down = heading.getAttribute("aria-sort") === "ascending";
    all("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows].sort((a, b) => (down ? -1 : 1) * order(key(a.cells[column]), key(b.cells[column])));
    table.tBodies[0].append(...rows);
  };
  all("table[data-sortable] thead th").filter((heading) => heading.textContent.trim()).forEach((heading) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => sort(heading));
  });

  // Print shows what is folded away.
  const folded = () => all("details:not([open])");
  let opened = [];
  addEventListener("beforeprint", () => { opened = folded(); opened.forEach((each) => { each.open = true; }); });
  addEventListener("afterprint", () => { opened.forEach((each) => { each.open = false; }); });
})();
