// Energy and latency: bars, and the tables of the report.

// Stacked horizontal bars: rows of {name, parts: [value or null], note}.
function bars(title, rows, names, unit) {
  const most = Math.max(...rows.map((r) => r.parts.reduce((sum, v) => sum + (v || 0), 0)));
  const narrow = innerWidth < 600, wide = narrow ? 350 : 640, left = narrow ? 100 : 190, tall = 24, right = 90;
  if (!(most > 0)) return null;
  const context = document.createElement("canvas").getContext("2d");
  context.font = '12px system-ui, "DejaVu Sans", sans-serif';
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${rows.length * tall + 24}`, width: wide, role: "img", "aria-label": title }, draw("title", {}, title));
  rows.forEach(({ name, parts, note }, r) => {
    const sum = parts.reduce((total, v) => total + (v || 0), 0);
    let x = left;
    svg.append(draw("text", { x: left - 8, y: r * tall + 16, "text-anchor": "end" }, fitting(context, name, left - 12)));
    parts.forEach((value, i) => {
      const long = ((value || 0) / most) * (wide - left - right);
      if (long > 0) {
        svg.append(draw("rect", { x, y: r * tall + 4, width: long, height: tall - 8, fill: `var(--lane-${i})` },
          draw("title", {}, `${name}, ${names[i]}: ${si(value, unit)}`)));
      }
      x += long;
    });
    svg.append(draw("text", { x: x + 6, y: r * tall + 16 }, note || si(sum, unit)));
  });
  const legend = make("p", { class: "hint" }, names.map((n, i) => [make("span", { class: "swatch", style: `background:var(--lane-${i})` }), `${n} \u00a0 `]).flat());
  return make("div", {}, make("h3", {}, title), svg, legend);
}

function billSection({ data: { bill } }) {
  if (!bill) return null;
  const layers = Object.entries(bill.layers).map(([name, joules]) => ({ name, parts: bill.units.map((u) => joules[u] ?? null) }));
  const chips = Object.entries(bill.chips).map(([name, per]) => ({
    name, parts: [per.dynamic_joules_per_item ?? null, per.static_joules_per_item ?? null],
    note: per.refused ? "refused" : (per.dynamic_joules_per_item ?? null) === null ? "unknown" : null,
  }));
  return [bars("Dynamic energy by population", layers, bill.units, "J"),
    chips.length > 1 ? bars("Chips side by side: energy of an item", chips, ["dynamic", "static"], "J") : null,
    bill.tables.filter((t) => t.rows.length).map((t) => table(t.title, t.columns, t.rows))];
}

SECTIONS.push({ id: "cost", title: "Energy and latency", build: billSection });
