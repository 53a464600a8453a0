// Spikes, rates and potentials over one axis of time.

const GUTTER = 92, NARROW = 58, AXIS = 26;

class Activity {
  constructor(run, blobs) {
    this.run = run;
    this.lanes = run.lanes.map((lane, i) => new Lane({ ...lane, steps: run.steps }, i, blobs));
    this.hidden = new Set();
    this.painter = new Painter([]);
    this.traces = run.traces.map((trace) => new Trace(trace, run, blobs));
    this.view = { from: 0, to: run.steps, low: 0, high: 1 };
    this.frames = 0;
    this.atOnce = AT_ONCE;
    this.marks = run.marks || [];
  }

  async start() {
    await Promise.all([...this.lanes, ...this.traces].map((part) => part.start()));
    this.layOut();
  }

  // Stack the lanes that are shown; their heights grow with the square root of their sizes.
  layOut() {
    const shown = this.lanes.filter((lane) => !this.hidden.has(lane.index));
    const heights = shown.map((lane) => Math.sqrt(lane.size) + 0.04 * Math.sqrt(Math.max(...shown.map((l) => l.size))));
    const total = heights.reduce((a, b) => a + b, 0) || 1, gap = 0.012 * Math.max(shown.length - 1, 0);
    let top = 0;
    shown.forEach((lane, i) => {
      lane.top = top;
      lane.bottom = top + (heights[i] / total) * (1 - gap);
      top = lane.bottom + (shown.length > 1 ? gap / (shown.length - 1) : 0);
    });
    this.painter.lanes = shown;
  }

  // The elements of the section.
  build() {
    const label = "Raster of spikes. Arrow keys move, plus and minus zoom, Page Up and Page Down zoom neurons, Home shows all, " +
      "brackets go from spike to spike.";
    this.canvas = make("canvas", { id: "raster", tabindex: 0, role: "img", "aria-label": label });
    this.rates = make("canvas", { id: "rates", role: "img", "aria-label": "Mean rate of each population over time" });
    this.value = make("p", { id: "value", class: "value", role: "status", "aria-live": "polite" }, "\u00a0");
    this.rateValue = make("p", { id: "rate-value", class: "value" }, "\u00a0");
    this.from = make("input", { id: "from", type: "number", "aria-label": "first step shown" });
    this.to = make("input", { id: "to", type: "number", "aria-label": "step after the last shown" });
    const button = (text, name, act) => make("button", { type: "button", "aria-label": name, title: name, onclick: act }, text);
    const go = () => this.show(Number(this.from.value) - this.run.start, Number(this.to.value) - this.run.start);
    for (const input of [this.from, this.to]) input.addEventListener("change", go);
    const bar = make("div", { class: "bar" },
      button("+", "zoom in", () => this.zoom(0.5)), button("\u2212", "zoom out", () => this.zoom(2)),
      button("\u2195+", "zoom in on neurons", () => this.zoomRows(0.5)), button("\u2195\u2212", "zoom out of neurons", () => this.zoomRows(2)),
      button("All", "show all", () => this.all()),
      make("label", {}, "steps", this.from), make("label", {}, "to", this.to),
      this.marks.map((mark) => button(mark.text, `go to step ${mark.step}`, () => this.goTo(mark.step))));
    const toggles = this.lanes.length < 2 ? [] : this.lanes.map((lane) => {
      const box = make("input", { type: "checkbox", checked: true, style: "width:auto;min-height:0", onchange: () => {
        this.hidden[box.checked ? "delete" : "add"](lane.index);
        this.layOut();
        this.change();
      } });
      return make("label", {}, box, make("span", { class: "swatch", style: `background:var(--lane-${lane.index % 7})` }), lane.name);
    });
    for (const canvas of [this.canvas, this.rates, ...this.traces.map((t) => t.build())]) this.listen(canvas);
    const heads = ["population", "neurons", "spikes", "spikes per neuron and step", ...(this.run.dt ? ["Hz"] : [])];
    const rows = this.lanes.map((lane) => {
      const rate = lane.spikes / Math.max(lane.recorded * this.run.steps, 1);
      return [lane.name, whole(lane.size), whole(lane.spikes), rate.toPrecision(4), ...(this.run.dt ? [(rate / this.run.dt).toPrecision(4)] : [])];
    });
    new ResizeObserver(() => this.change()).observe(this.canvas);
    return [bar, toggles.length ? make("div", { class: "bar", id: "populations" }, toggles) : null,
      make("div", { class: "plot" }, this.canvas), this.value,
      make("h3", {}, this.run.dt ? "Rate (Hz)" : "Spikes per neuron and step"), make("div", { class: "plot" }, this.rates), this.rateValue,
      this.traces.map((t) => [make("h3", {}, t.name), make("div", { class: "plot" }, t.canvas), t.value]),
      make("p", { class: "hint" }, "Drag to move, turn the wheel or pinch to zoom (with Shift: neurons). Keys: arrows, +, \u2212, Page Up, " +
        "Page Down, Home, and [ ] from spike to spike."),
      table("Populations", heads, rows)];
  }

  get gutter() {
    return this.canvas.clientWidth < 520 ? NARROW : GUTTER;
  }

  listen(canvas) {
    const active = new Map();
    const at = (event) => event.clientX - canvas.getBoundingClientRect().left - this.gutter;
    const wide = () => canvas.clientWidth - this.gutter;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const factor = 1.0015 ** clamp(event.deltaY || event.deltaX, -400, 400);
      const box = canvas.getBoundingClientRect();
      if (event.shiftKey && canvas === this.canvas) this.zoomRows(factor, (event.clientY - box.top) / (box.height - AXIS));
      else this.zoom(factor, clamp(at(event) / wide(), 0, 1));
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      active.set(event.pointerId, event);
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => active.delete(event.pointerId));
    canvas.addEventListener("pointermove", (event) => {
      const before = active.get(event.pointerId);
      if (!before) return this.hover(canvas, event);
      const others = [...active.values()].filter((other) => other.pointerId !== event.pointerId);
      if (others.length) {
        const apart = (a) => Math.max(Math.hypot(a.clientX - others[0].clientX, a.clientY - others[0].clientY), 10);
        this.zoom(apart(before) / apart(event), clamp((at(event) + at(others[0])) / 2 / wide(), 0, 1));
      } else {
        const { view } = this, rows = (view.high - view.low) / (canvas.clientHeight - AXIS);
        this.move((-(event.clientX - before.clientX) / wide()) * (view.to - view.from),
          canvas === this.canvas ? -(event.clientY - before.clientY) * rows : 0);
      }
      active.set(event.pointerId, event);
      return undefined;
    });
    canvas.addEventListener("keydown", (event) => {
      const { view } = this, far = (view.to - view.from) / 8, up = (view.high - view.low) / 8;
      const acts = {
        ArrowLeft: () => this.move(-far, 0), ArrowRight: () => this.move(far, 0), ArrowUp: () => this.move(0, -up),
        ArrowDown: () => this.move(0, up), "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2),
        PageUp: () => this.zoomRows(0.5), PageDown: () => this.zoomRows(2), Home: () => this.all(),
        "]": () => this.nextSpike(1), "[": () => this.nextSpike(-1),
      };
      if (acts[event.key] && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        acts[event.key]();
      }
    });
  }

  show(from, to, low = this.view.low, high = this.view.high) {
    const steps = this.run.steps;
    if (!(to > from)) return this.change();
    const long = clamp(to - from, Math.min(8, steps), steps), tall = clamp(high - low, 1e-6, 1);
    const first = clamp(from, 0, steps - long), top = clamp(low, 0, 1 - tall);
    this.view = { from: first, to: first + long, low: top, high: top + tall };
    return this.change();
  }

  all() {
    this.show(0, this.run.steps, 0, 1);
  }

  goTo(step) {
    const far = Math.max(20, Math.min(200, this.run.steps));
    this.show(step - this.run.start - far / 2, step - this.run.start + far / 2, 0, 1);
  }

  zoom(factor, at = 0.5) {
    const { from, to } = this.view, fixed = from + at * (to - from);
    this.show(fixed - (fixed - from) * factor, fixed + (to - fixed) * factor);
  }

  zoomRows(factor, at = 0.5) {
    const { low, high } = this.view, fixed = low + at * (high - low);
    this.show(this.view.from, this.view.to, fixed - (fixed - low) * factor, fixed + (high - fixed) * factor);
  }

  move(steps, rows) {
    const { from, to, low, high } = this.view;
    this.show(from + steps, to + steps, low + rows, high + rows);
  }

  change() {
    clearTimeout(this.rest);
    this.rest = setTimeout(() => this.request(AT_REST), 150);
    this.request(this.atOnce);
  }

  request(limit) {
    this.limit = Math.max(limit, this.pending ? this.limit : 0);
    if (this.pending || !this.canvas || !this.canvas.clientWidth) return;
    this.pending = true;
    requestAnimationFrame(() => {
      this.pending = false;
      this.frame(this.limit);
    });
  }

  frame(limit) {
    const size = sized(this.canvas, Math.max(240, Math.min(520, innerHeight * 0.55))), context = this.canvas.getContext("2d");
    const left = Math.round(this.gutter * size.ratio), below = Math.round(AXIS * size.ratio);
    const image = this.image(size.width - left, size.height - below);
    const began = performance.now();
    this.result = this.painter.paint(image, this.view, limit);
    this.pace(performance.now() - began, limit);
    context.clearRect(0, 0, size.width, size.height);
    context.putImageData(image, left, 0);
    this.labels(context, size, left);
    timeAxis(context, size, left, this);
    this.paintRates(limit);
    for (const trace of this.traces) trace.paint(this);
    this.fields();
    this.frames++;
    const loads = this.result.wanted.map(([lane, i]) => lane.load(i));
    if (loads.length) Promise.all(loads).then(() => this.request(limit));
    document.body.dataset.exact = this.result.exact;
  }

  // Paint fewer spikes one by one while the view moves, where this machine takes too long for a smooth picture.
  pace(milliseconds, limit) {
    if (limit !== this.atOnce || !this.result.exact) return;
    if (milliseconds > 20) this.atOnce = Math.max(1e5, Math.min(this.atOnce, this.result.spikes) * 0.7);
    else if (milliseconds < 8) this.atOnce = Math.min(AT_ONCE, this.atOnce * 1.1);
  }

  image(width, height) {
    if (!this.kept || this.kept.width !== width || this.kept.height !== height) this.kept = new ImageData(width, height);
    return this.kept;
  }

  fields() {
    const { from, to } = this.view;
    if (document.activeElement !== this.from) this.from.value = Math.floor(from) + this.run.start;
    if (document.activeElement !== this.to) this.to.value = Math.ceil(to) + this.run.start;
  }

  labels(context, size, left) {
    const { ratio } = size, plot = size.height - Math.round(AXIS * ratio);
    context.font = `${12 * ratio}px system-ui, "DejaVu Sans", sans-serif`;
    context.textBaseline = "middle";
    context.textAlign = "left";
    for (const part of this.result.parts) {
      const y0 = Math.max(part.y0, 0), y1 = Math.min(part.y1, plot);
      context.fillStyle = laneColour(part.lane.index);
      context.fillRect(left - 4 * ratio, y0, 2 * ratio, y1 - y0);
      if (y1 - y0 < 9 * ratio) continue;
      context.fillText(fitting(context, part.lane.name, left - 10 * ratio), 0, (y0 + y1) / 2);
      if (y1 - y0 < 46 * ratio) continue;
      context.fillStyle = colour("--soft");
      context.fillText(whole(Math.ceil(part.high) - 1), 0, y0 + 8 * ratio);
      context.fillText(whole(Math.floor(part.low)), 0, y1 - 8 * ratio);
    }
    context.fillStyle = colour("--wrong");
    for (const mark of this.marks) {
      const x = left + ((mark.step - this.run.start - this.view.from) / (this.view.to - this.view.from)) * (size.width - left);
      if (x >= left && x <= size.width) context.fillRect(x, 0, 2 * ratio, plot);
    }
  }

  paintRates(limit) {
    const size = sized(this.rates, 150), context = this.rates.getContext("2d"), left = Math.round(this.gutter * size.ratio);
    const plot = { left, top: 4, width: size.width - left, height: size.height - Math.round(AXIS * size.ratio) - 4 };
    this.series = this.result.parts.map((part) => rateOf(part, this.view, this.run.dt, plot.width / size.ratio / 2));
    const most = Math.max(1e-12, ...this.series.flatMap((s) => [...s.values]));
    context.clearRect(0, 0, size.width, size.height);
    valueAxis(context, size, plot, 0, most);
    this.series.forEach((s, i) => steps(context, plot, s, this.view, 0, most, laneColour(this.result.parts[i].lane.index), size.ratio));
    timeAxis(context, size, left, this);
  }

  // What is under the pointer: a spike, or the spikes of a cell.
  hover(canvas, event) {
    const box = canvas.getBoundingClientRect(), { view } = this;
    const x = event.clientX - box.left - this.gutter, wide = box.width - this.gutter;
    if (x < 0) return;
    const step = clamp(view.from + (x / wide) * (view.to - view.from), 0, this.run.steps - 1e-9);
    if (canvas === this.rates) this.rateValue.textContent = this.ratesAt(step);
    else if (canvas === this.canvas) this.value.textContent = this.at(step, (event.clientY - box.top) / (box.height - AXIS), wide);
    else this.traces.find((t) => t.canvas === canvas).tell(step, this);
  }

  at(step, y, wide) {
    const row = this.view.low + y * (this.view.high - this.view.low);
    const part = (this.result.parts || []).find(({ lane }) => row >= lane.top && row < lane.bottom);
    if (!part) return "\u00a0";
    const { lane } = part, neuron = clamp(lane.size * (1 - (row - lane.top) / (lane.bottom - lane.top)), 0, lane.size - 1e-9);
    if (part.exact) {
      const near = this.nearest(part, step, neuron, ((this.view.to - this.view.from) / wide) * 4, 4 / (part.perNeuron / (this.canvas.width / this.canvas.clientWidth)));
      const [s, n] = near || [Math.floor(step), Math.floor(neuron)];
      return `${lane.name}: neuron ${n}, step ${s + this.run.start}${this.time(s)}: ${near ? "spike" : "no spike"}`;
    }
    const level = lane.levels.find((l) => l.wide * wide / (this.view.to - this.view.from) >= 1) || lane.levels[lane.levels.length - 1];
    const column = Math.floor(step / level.wide), r = Math.floor(neuron / lane.grid.tall);
    const last = Math.min((column + 1) * level.wide, this.run.steps) - 1, top = Math.min((r + 1) * lane.grid.tall, lane.size) - 1;
    return `${lane.name}: neurons ${r * lane.grid.tall} to ${top}, steps ${column * level.wide + this.run.start} to ` +
      `${last + this.run.start}${this.time(column * level.wide)}: ${whole(level.counts[r * level.columns + column])} spikes`;
  }

  nearest(part, step, neuron, steps, neurons) {
    let best = null, least = 1;
    const reach = Math.max(steps, 0.5), along = Math.max(neurons, 0.5);
    for (const i of part.lane.within(step - reach - 1, step + reach + 1, neuron - along - 1, neuron + along + 1)) {
      const tile = part.lane.tile(i);
      for (let n = 0; tile && n < tile.step.length; n++) {
        const far = Math.max(Math.abs(tile.step[n] + 0.5 - step) / reach, Math.abs(tile.neuron[n] + 0.5 - neuron) / along);
        if (far <= least) {
          least = far;
          best = [tile.step[n], tile.neuron[n]];
        }
      }
    }
    return best;
  }

  ratesAt(step) {
    return this.result.parts.map((part, i) => {
      const { edges, values } = this.series[i];
      let n = 0;
      while (n + 2 < edges.length && edges[n + 1] <= step) n++;
      return `${part.lane.name} ${values[n].toPrecision(4)}${this.run.dt ? " Hz" : ""}`;
    }).join(", ") + ` at step ${Math.floor(step) + this.run.start}${this.time(Math.floor(step))}`;
  }

  time(step) {
    return this.run.dt ? ` (${si((step + this.run.start) * this.run.dt, "s")})` : "";
  }

  // Go from spike to spike in time, among those in view.
  nextSpike(way) {
    let best = null;
    const after = this.cursor ?? (way > 0 ? -1 : Infinity);
    for (const part of this.result.parts.filter((p) => p.exact)) {
      part.tiles.forEach((i) => {
        const tile = part.lane.tile(i);
        for (let n = 0; tile && n < tile.step.length; n++) {
          const s = tile.step[n], order = s + tile.neuron[n] / (part.lane.size + 1) / 2 + part.lane.index * 1e-9;
          if (s < this.view.from || s >= this.view.to || !(way > 0 ? order > after : order < after)) continue;
          if (!best || (way > 0 ? order < best.order : order > best.order)) best = { order, s, n: tile.neuron[n], lane: part.lane };
        }
      });
    }
    this.cursor = best ? best.order : undefined;
    this.value.textContent = best
      ? `${best.lane.name}: neuron ${best.n}, step ${best.s + this.run.start}${this.time(best.s)}: spike`
      : this.result.exact ? "no further spike in view" : "zoom in to go from spike to spike";
  }
}
