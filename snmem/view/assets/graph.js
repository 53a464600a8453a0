// The network: populations as boxes in columns from the inputs on, projections as lines; nested ones folded.

const FOLD_ABOVE = 12; // populations from which on groups are folded at first

// The place of a label beside a curve from (a, y0) over (b, y0) and (c, y1) to (d, y1).
function onCurve(t, a, b, c, d, y0, y1, beside) {
  const u = 1 - t, parts = [u ** 3, 3 * u * u * t, 3 * u * t * t, t ** 3];
  return [parts[0] * a + parts[1] * b + parts[2] * c + parts[3] * d, (parts[0] + parts[1]) * y0 + (parts[2] + parts[3]) * y1 + beside];
}

class Graph {
  constructor(data, dt) {
    this.data = data;
    this.dt = dt;
    this.folded = new Set();
    this.place = make("div", { id: "graph" });
    this.told = make("div", { id: "graph-value", role: "status", "aria-live": "polite" },
      make("p", { class: "hint" }, "Choose a population or a projection to see what it holds."));
    if (data.nodes.length > FOLD_ABOVE) for (const group of this.groups().keys()) this.folded.add(group);
  }

  // Groups: names with the same part before the last dot.
  groups() {
    const groups = new Map();
    for (const node of this.data.nodes) {
      const group = node.name.includes(".") ? node.name.slice(0, node.name.lastIndexOf(".")) : null;
      if (group) groups.set(group, [...(groups.get(group) || []), node]);
    }
    return new Map([...groups].filter(([, nodes]) => nodes.length > 1));
  }

  // What is drawn: nodes, a folded group as one, and the edges between them.
  shown() {
    const groups = this.groups(), home = new Map(), nodes = new Map();
    for (const node of this.data.nodes) {
      const group = [...groups.keys()].find((g) => this.folded.has(g) && groups.get(g).includes(node));
      const key = group ? `group ${group}` : node.name;
      home.set(node.name, key);
      if (!nodes.has(key)) nodes.set(key, { key, name: group ? `${group} \u2026` : node.name, group, members: [], rank: node.rank });
      nodes.get(key).members.push(node);
    }
    const edges = new Map();
    for (const edge of this.data.edges) {
      const key = JSON.stringify([home.get(edge.pre), home.get(edge.post)]);
      if (!edges.has(key)) edges.set(key, { from: home.get(edge.pre), to: home.get(edge.post), edges: [] });
      edges.get(key).edges.push(edge);
    }
    return { nodes: [...nodes.values()], edges: [...edges.values()] };
  }

  build() {
    const groups = [...this.groups().keys()];
    const buttons = groups.map((group) => {
      const button = make("button", { type: "button", "aria-pressed": this.folded.has(group), onclick: () => {
        this.folded[this.folded.has(group) ? "delete" : "add"](group);
        button.setAttribute("aria-pressed", this.folded.has(group));
        this.paint();
      } }, `${group}: fold`);
      return button;
    });
    this.paint();
    const { nodes, edges } = this.data;
    const rate = (node) => (node.spikes === null ? "" : this.rate(node));
    return [groups.length ? make("div", { class: "bar" }, buttons) : null, make("div", { class: "scroll", tabindex: 0, role: "region",
      "aria-label": "graph of the network" }, this.place), this.told,
    table("Populations", ["population", "neurons", "of", "spikes", "rate"],
      nodes.map((n) => [n.name, whole(n.size), n.neuron, n.spikes === null ? "" : whole(n.spikes), rate(n)])),
    table("Projections", ["projection", "synapses", "delays", "mean weight", "events", "learns"],
      edges.map((e) => [e.name, whole(e.synapses), this.delays(e), e.mean === null ? "" : e.mean.toPrecision(4),
        e.events === null ? "" : whole(e.events), e.rule || ""]))];
  }

  rate(node) {
    const rate = node.spikes / node.size / this.data.steps;
    return this.dt ? `${(rate / this.dt).toPrecision(4)} Hz` : `${rate.toPrecision(4)} a step`;
  }

  delays(edge) {
    return edge.delays[0] === edge.delays[1] ? String(edge.delays[0]) : `${edge.delays[0]} to ${edge.delays[1]}`;
  }

  paint() {
    const { nodes, edges } = this.shown(), wide = 168, tall = 54, apart = 104, below = 56;
    const columns = new Map();
    for (const node of nodes) columns.set(node.rank, [...(columns.get(node.rank) || []), node]);
    const ranks = [...columns.keys()].sort((a, b) => a - b), most = Math.max(...[...columns.values()].map((c) => c.length));
    const height = most * (tall + below) + below + 24, width = ranks.length * (wide + apart) - apart + 56;
    ranks.forEach((rank, c) => columns.get(rank).forEach((node, r) => {
      node.x = 28 + c * (wide + apart);
      node.y = (height - columns.get(rank).length * (tall + below) + below) / 2 + r * (tall + below);
    }));
    const at = new Map(nodes.map((node) => [node.key, node]));
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "group", style: "max-width:none",
      "aria-label": `${nodes.length} populations and ${edges.length} connections` },
    draw("defs", {}, draw("marker", { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse",
      markerUnits: "userSpaceOnUse" }, draw("path", { d: "M0 0 8 4 0 8z", fill: "var(--soft)" }))));
    const heaviest = Math.max(1, ...edges.map((e) => this.weight(e)));
    for (const edge of edges) svg.append(this.line(edge, at.get(edge.from), at.get(edge.to), wide, tall, heaviest));
    for (const node of nodes) svg.append(this.box(node, wide, tall));
    this.place.replaceChildren(svg);
  }

  weight({ edges }) {
    return edges.reduce((sum, e) => sum + (e.events ?? e.synapses), 0);
  }

  line(edge, a, b, wide, tall, heaviest) {
    const thick = 1 + 5 * Math.log1p(this.weight(edge)) / Math.log1p(heaviest);
    let path, x, y;
    if (a === b) {
      [x, y] = [a.x + wide / 2, a.y - 20];
      path = `M${x - 34} ${a.y}C${x - 44} ${a.y - 30} ${x + 44} ${a.y - 30} ${x + 34} ${a.y}`;
    } else if (b.x > a.x) {
      const [x0, y0, x1, y1] = [a.x + wide, a.y + tall / 2 - 6, b.x, b.y + tall / 2 - 6], bend = (x1 - x0) / 2;
      path = `M${x0} ${y0}C${x0 + bend} ${y0} ${x1 - bend} ${y1} ${x1} ${y1}`;
      [x, y] = onCurve(0.7, x0, x0 + bend, x1 - bend, x1, y0, y1, -7);
    } else if (b.x < a.x) { // back
      const [x0, y0, x1, y1] = [a.x, a.y + tall / 2 + 14, b.x + wide, b.y + tall / 2 + 14], bend = Math.min((x0 - x1) / 2, 160);
      path = `M${x0} ${y0}C${x0 - bend} ${y0} ${x1 + bend} ${y1} ${x1} ${y1}`;
      [x, y] = onCurve(0.3, x0, x0 - bend, x1 + bend, x1, y0, y1, 14);
    } else { // within a column: around on the right
      const [x0, y0, y1] = [a.x + wide, a.y + tall / 2 + 10, b.y + tall / 2 + 10];
      path = `M${x0} ${y0}C${x0 + 50} ${y0} ${x0 + 50} ${y1} ${x0} ${y1}`;
      [x, y] = [x0 + 44, (y0 + y1) / 2];
    }
    const text = edge.edges.length > 1 ? `${edge.edges.length} projections` : `delay ${this.delays(edge.edges[0])}`;
    const name = edge.edges.map((e) => e.name).join(", ");
    return this.choosable(name, () => this.tellEdges(edge.edges),
      draw("path", { d: path, fill: "none", stroke: "var(--soft)", "stroke-width": thick, "stroke-opacity": 0.55, "marker-end": "url(#arrow)" }),
      draw("path", { d: path, fill: "none", stroke: "transparent", "stroke-width": 16 }),
      draw("text", { x, y, "text-anchor": "middle", style: "font-size:10px;fill:var(--soft)" }, text));
  }

  box(node, wide, tall) {
    const spikes = node.members.reduce((sum, m) => sum + (m.spikes || 0), 0), size = node.members.reduce((sum, m) => sum + m.size, 0);
    const known = node.members.every((m) => m.spikes !== null);
    const context = (this.context ??= document.createElement("canvas").getContext("2d"));
    context.font = '12px system-ui, "DejaVu Sans", sans-serif';
    const input = node.members.every((m) => m.input), output = node.members.some((m) => m.output);
    return this.choosable(node.name, () => this.tellNodes(node),
      draw("rect", { x: node.x, y: node.y, width: wide, height: tall, rx: input ? 18 : 6, fill: "var(--card)",
        stroke: output ? "var(--lane-1)" : "var(--lane-0)", "stroke-width": 1.5 }),
      draw("text", { x: node.x + wide / 2, y: node.y + 21, "text-anchor": "middle", style: "font-weight:600" }, fitting(context, node.name, wide - 26)),
      draw("text", { x: node.x + wide / 2, y: node.y + 40, "text-anchor": "middle", style: "fill:var(--soft);font-size:11px" },
        `${whole(size)} neurons${known ? `, ${this.rate({ spikes, size })}` : ""}`));
  }

  choosable(name, tell, ...parts) {
    return draw("g", { tabindex: 0, role: "button", "aria-label": name, style: "cursor:pointer", onclick: tell, onfocus: tell, onmouseenter: tell },
      draw("title", {}, name), parts);
  }

  tellNodes(node) {
    this.told.replaceChildren(table(node.group ? `group ${node.group}` : node.name, ["population", "neurons", "shape", "of", "spikes", "rate"],
      node.members.map((m) => [m.name, whole(m.size), m.shape.join(" x "), m.neuron, m.spikes === null ? "" : whole(m.spikes),
        m.spikes === null ? "" : this.rate(m)])));
  }

  tellEdges(edges) {
    this.told.replaceChildren(...edges.flatMap((e) => [
      table(e.name, ["synapses", "delays", "mean weight", "events", "reaches", "learns"],
        [[whole(e.synapses), this.delays(e), e.mean === null ? "" : e.mean.toPrecision(4), e.events === null ? "" : whole(e.events),
          e.receptor || (e.signal === "v" ? "potentials" : "u"), e.rule || "no"]]),
      this.histogram(e.weights)]));
  }

  histogram({ heights, edges, stored }) {
    if (!heights.length) return make("p", {}, "no synapses");
    const most = Math.max(...heights), wide = 260, tall = 90;
    const label = `${whole(stored)} weights from ${edges[0].toPrecision(4)} to ${edges[edges.length - 1].toPrecision(4)}`;
    return draw("svg", { viewBox: `0 0 ${wide} ${tall + 20}`, width: wide, height: tall + 20, role: "img", "aria-label": label },
      draw("title", {}, label),
      heights.map((h, i) => draw("rect", { x: i * wide / heights.length, y: tall * (1 - h / most), width: wide / heights.length - 1,
        height: tall * h / most, fill: "var(--lane-0)" })),
      draw("text", { x: 0, y: tall + 14 }, edges[0].toPrecision(3)),
      draw("text", { x: wide, y: tall + 14, "text-anchor": "end" }, edges[edges.length - 1].toPrecision(3)));
  }
}

SECTIONS.push({
  id: "network",
  title: "Network",
  build: (page) => (page.data.network ? (page.graph = new Graph(page.data.network, page.data.run?.dt)).build() : null),
});
