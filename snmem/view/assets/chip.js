// The chip: a map of its cores, coloured by what one chooses, and the links between tiles by their load.

const WORDS = { memory: "synapse memory (bit)", synapse_memory: "synapse memory (bit)", packets: "packets sent", soma: "soma energy (J)",
  synapse: "synapse energy (J)", network: "network energy (J)", energy: "energy (J)", send_seconds: "busy sending (s)",
  receive_seconds: "busy receiving (s)" };
const FIRST = ["neurons", "synapse_memory", "energy", "send_seconds", "receive_seconds", "packets", "packets_received", "synaptic_events", "spikes"];

class ChipMap {
  constructor(data) {
    this.data = data;
    const { columns } = data;
    if ([columns.soma, columns.synapse, columns.network].every((c) => c && c[0] !== null)) {
      columns.energy = columns.soma.map((_, i) => columns.soma[i] + columns.synapse[i] + columns.network[i]);
    }
    this.keys = [...FIRST.filter((k) => columns[k]), ...Object.keys(columns).filter((k) => k !== "core" && !FIRST.includes(k))]
      .filter((k) => columns[k].some((v) => v !== null));
    this.key = this.keys[0];
    this.core = 0;
  }

  word(key) {
    return WORDS[key] || key.replaceAll("_", " ");
  }

  value(key, i) {
    const value = this.data.columns[key][i], unit = (/\((J|s)\)/.exec(this.word(key)) || [])[1];
    return value === null ? "unknown" : unit ? si(value, unit) : whole(value);
  }

  build() {
    const choice = make("select", { id: "core-colour", "aria-label": "colour cores by", onchange: () => {
      this.key = choice.value;
      this.paint();
    } }, this.keys.map((key) => make("option", { value: key }, this.word(key))));
    this.place = make("div", { id: "chip-map", tabindex: 0, role: "application",
      "aria-label": "map of the cores; arrow keys go from core to core" });
    this.told = make("div", { id: "core-value", role: "status", "aria-live": "polite" });
    this.legend = make("p", { class: "hint" });
    this.place.addEventListener("keydown", (event) => {
      const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      if (!way) return;
      event.preventDefault();
      this.choose((this.core + way + this.data.x.length) % this.data.x.length);
    });
    this.paint();
    this.choose(0);
    return [make("h2", {}, this.data.chip), make("div", { class: "bar" }, make("label", {}, "colour by", choice)),
      make("div", { class: "scroll" }, this.place), this.legend, this.told, this.links()];
  }

  paint() {
    const { x, y, place, per_tile: cores, links = [] } = this.data;
    const across = Math.ceil(Math.sqrt(cores)), down = Math.ceil(cores / across), cell = Math.max(...x) > 40 ? 9 : 16, gap = 12;
    const tileWide = across * cell + gap, tileTall = down * cell + gap;
    const wide = (Math.max(...x) + 1) * tileWide + gap, tall = (Math.max(...y) + 1) * tileTall + gap;
    const values = this.data.columns[this.key], most = Math.max(0, ...values.filter((v) => v !== null)) || 1;
    const svg = draw("svg", { viewBox: `0 0 ${wide} ${tall}`, width: Math.max(wide * 1.5, 220), role: "img",
      "aria-label": `${x.length} cores by ${this.word(this.key)}` });
    const heaviest = Math.max(1, ...links.map((l) => l[3]));
    for (const [tx, ty, way, load] of links) {
      const [dx, dy] = [[1, 0], [-1, 0], [0, 1], [0, -1]][way];
      const x0 = gap + tx * tileWide + (tileWide - gap) / 2 + (dy ? 2 * dy : 0), y0 = gap + ty * tileTall + (tileTall - gap) / 2 + (dx ? 2 * dx : 0);
      svg.append(draw("line", { x1: x0, y1: y0, x2: x0 + dx * tileWide, y2: y0 + dy * tileTall, stroke: "var(--lane-1)",
        "stroke-width": 0.6 + 2.6 * load / heaviest, "stroke-opacity": 0.3 + 0.7 * load / heaviest },
      draw("title", {}, `link from tile (${tx}, ${ty}) to (${tx + dx}, ${ty + dy}): ${whole(load)} packets`)));
    }
    this.cells = x.map((_, i) => {
      const left = gap + x[i] * tileWide + (place[i] % across) * cell, top = gap + y[i] * tileTall + Math.floor(place[i] / across) * cell;
      const share = values[i] === null ? 0 : values[i] / most;
      const rect = draw("rect", { x: left, y: top, width: cell - 1.5, height: cell - 1.5, rx: 2, fill: `color-mix(in srgb, var(--lane-0) ${
        Math.round(8 + 92 * share)}%, var(--page))`, stroke: "var(--soft)", "stroke-width": 0.6, "data-core": i,
      onmouseenter: () => this.choose(i), onclick: () => this.choose(i) },
      draw("title", {}, `core ${this.data.columns.core[i]}: ${this.value(this.key, i)}`));
      svg.append(rect);
      return rect;
    });
    this.place.replaceChildren(svg);
    this.legend.textContent = `Full colour: ${this.word(this.key)} of ${whole(most) === "0" ? most.toPrecision(3) : whole(most)}. ` +
      (links.length ? `Lines: packets on the links between tiles, the widest ${whole(heaviest)}.` : "");
    this.choose(this.core);
  }

  choose(i) {
    this.cells[this.core].setAttribute("stroke-width", 0.6);
    this.cells[this.core].setAttribute("stroke", "var(--soft)");
    this.core = i;
    this.cells[i].setAttribute("stroke-width", 2);
    this.cells[i].setAttribute("stroke", "var(--ink)");
    const holds = this.data.holds ? [["holds", this.data.holds[i].join(", ")]] : [];
    const key = `core ${this.data.columns.core[i]} on tile (${this.data.x[i]}, ${this.data.y[i]})`;
    this.told.replaceChildren(table(key, ["", ""], [...holds, ...this.keys.map((k) => [this.word(k), this.value(k, i)])]));
  }

  links() {
    const { links = [] } = this.data, ways = ["east", "west", "north", "south"];
    if (!links.length) return null;
    const busiest = [...links].sort((a, b) => b[3] - a[3]).slice(0, 10);
    return table("Busiest links", ["from tile", "to the", "packets"], busiest.map(([x, y, way, load]) => [`(${x}, ${y})`, ways[way], whole(load)]));
  }
}

SECTIONS.push({
  id: "chip",
  title: "Chip",
  build: (page) => (page.data.chip ? (page.chip = new ChipMap(page.data.chip)).build() : null),
});
