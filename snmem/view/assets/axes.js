// Canvases, axes, rates and traces.

function sized(canvas, high) {
  const ratio = Math.min(devicePixelRatio || 1, 2);
  const width = Math.max(Math.round(canvas.clientWidth * ratio), 80), height = Math.round(high * ratio);
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
    canvas.style.height = `${high}px`;
  }
  return { width, height, ratio };
}

function fitting(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let length = text.length;
  while (length > 1 && context.measureText(`${text.slice(0, length)}\u2026`).width > width) length--;
  return `${text.slice(0, length)}\u2026`;
}

function timeAxis(context, size, left, { view, run }) {
  const { ratio } = size, y = size.height - Math.round(AXIS * ratio), wide = size.width - left;
  const unit = run.dt ? (run.dt * run.steps >= 1 ? [run.dt, "s"] : [run.dt * 1e3, "ms"]) : [1, "step"];
  const at = (step) => (step + run.start) * unit[0], marks = ticks(at(view.from), at(view.to), Math.max(2, wide / ratio / 110));
  const digits = Math.max(0, -Math.floor(Math.log10(marks.step) + 1e-9));
  context.font = `${11 * ratio}px system-ui, "DejaVu Sans", sans-serif`;
  context.strokeStyle = colour("--line");
  context.fillStyle = colour("--soft");
  context.lineWidth = ratio;
  context.textBaseline = "top";
  context.textAlign = "center";
  context.beginPath();
  context.moveTo(left, y + 0.5);
  context.lineTo(size.width, y + 0.5);
  let free = left - 40 * ratio;
  for (const value of marks.at) {
    const x = left + ((value / unit[0] - run.start - view.from) / (view.to - view.from)) * wide;
    context.moveTo(x, y);
    context.lineTo(x, y + 4 * ratio);
    const text = value.toFixed(Math.min(digits, 9)) + (value === marks.at[marks.at.length - 1] ? ` ${unit[1]}` : "");
    const half = context.measureText(text).width / 2, middle = clamp(x, half, size.width - half);
    if (middle - half > free) {
      context.fillText(text, middle, y + 6 * ratio);
      free = middle + half + 6 * ratio;
    }
  }
  context.stroke();
}

function valueAxis(context, size, plot, low, high) {
  const { ratio } = size;
  context.font = `${11 * ratio}px system-ui, "DejaVu Sans", sans-serif`;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const value of ticks(low, high, 3).at) {
    const y = plot.top + plot.height * (1 - (value - low) / (high - low));
    context.fillStyle = colour("--line");
    context.fillRect(plot.left, y, plot.width, 1);
    context.fillStyle = colour("--soft");
    context.fillText(Number(value.toPrecision(4)).toString(), plot.left - 6 * ratio, clamp(y, 7 * ratio, plot.top + plot.height - 5 * ratio));
  }
}

// A line of steps: edges in steps of the run, a value between each two.
function steps(context, plot, { edges, values }, view, low, high, ink, ratio) {
  const x = (step) => plot.left + clamp((step - view.from) / (view.to - view.from), 0, 1) * plot.width;
  const y = (value) => plot.top + plot.height * (1 - (value - low) / (high - low));
  context.strokeStyle = ink;
  context.lineWidth = 1.4 * ratio;
  context.beginPath();
  for (let n = 0; n < values.length; n++) {
    context.lineTo(x(edges[n]), y(values[n]));
    context.lineTo(x(edges[n + 1]), y(values[n]));
  }
  context.stroke();
}

// Spikes per neuron and second (step, without dt) in view: from every spike if they are there, else from the counts.
function rateOf({ lane, exact, tiles }, view, dt, bins) {
  const per = 1 / (lane.recorded || 1) / (dt || 1);
  const base = lane.levels[0];
  if (exact && base.wide * bins > view.to - view.from) {
    const wide = Math.max(1, Math.round((view.to - view.from) / bins));
    const first = Math.floor(view.from / wide), count = Math.ceil(view.to / wide) - first, values = new Float64Array(count);
    for (const i of tiles) {
      const tile = lane.tile(i);
      for (let n = 0; tile && n < tile.step.length; n++) {
        const bin = Math.floor(tile.step[n] / wide) - first;
        if (bin >= 0 && bin < count) values[bin]++;
      }
    }
    return series(values, first, wide, lane.steps, per);
  }
  const level = lane.levels.find((l) => (view.to - view.from) / l.wide <= bins) || lane.levels[lane.levels.length - 1];
  const first = Math.floor(view.from / level.wide), last = Math.min(Math.ceil(view.to / level.wide), level.columns);
  return series(level.sums.slice(first, last), first, level.wide, lane.steps, per);
}

function series(counts, first, wide, length, per) {
  const edges = Array.from({ length: counts.length + 1 }, (_, n) => Math.min((first + n) * wide, length));
  return { edges, values: counts.map((count, n) => (count / Math.max(edges[n + 1] - edges[n], 1)) * per) };
}

// Chosen neurons of a recorded variable, sampled every so many steps.
class Trace {
  constructor(data, run, blobs) {
    Object.assign(this, data);
    this.blobs = blobs;
    this.run = run;
  }

  async start() {
    this.rows = await Promise.all(this.at.map(async (place) => new Float32Array((await this.blobs.inflated(place)).buffer)));
  }

  build() {
    this.canvas = make("canvas", { role: "img", "aria-label": `${this.name} of neurons ${this.neurons.join(", ")} over time` });
    this.value = make("p", { class: "value trace-value" }, "\u00a0");
    return this.canvas;
  }

  sample(step) {
    return clamp(Math.round((step - this.first) / this.every), 0, this.rows[0].length - 1);
  }

  paint(activity) {
    const { view } = activity, size = sized(this.canvas, 150), context = this.canvas.getContext("2d");
    const left = Math.round(activity.gutter * size.ratio);
    const plot = { left, top: 6, width: size.width - left, height: size.height - Math.round(AXIS * size.ratio) - 6 };
    const from = Math.max(this.sample(view.from) - 1, 0), to = Math.min(this.sample(view.to) + 2, this.rows[0].length);
    let low = Infinity, high = -Infinity;
    for (const row of this.rows) {
      for (let n = from; n < to; n++) {
        if (row[n] < low) low = row[n];
        if (row[n] > high) high = row[n];
      }
    }
    if (this.theta !== null && this.theta !== undefined) high = Math.max(high, this.theta);
    if (!(high > low)) [low, high] = [low - 1 || -1, high + 1 || 1];
    context.clearRect(0, 0, size.width, size.height);
    valueAxis(context, size, plot, low, high);
    const x = (n) => plot.left + ((n * this.every + this.first + 0.5 - view.from) / (view.to - view.from)) * plot.width;
    const y = (value) => plot.top + plot.height * (1 - (value - low) / (high - low));
    context.save();
    context.beginPath();
    context.rect(plot.left, 0, plot.width, size.height);
    context.clip();
    this.rows.forEach((row, i) => this.line(context, row, from, to, x, y, plot, laneColour(i), size.ratio));
    if (this.theta !== null && this.theta !== undefined) {
      context.strokeStyle = colour("--soft");
      context.setLineDash([5 * size.ratio, 4 * size.ratio]);
      context.beginPath();
      context.moveTo(plot.left, y(this.theta));
      context.lineTo(plot.left + plot.width, y(this.theta));
      context.stroke();
    }
    context.restore();
    timeAxis(context, size, left, activity);
  }

  // Samples one by one, or where several share a pixel, their lowest and highest.
  line(context, row, from, to, x, y, plot, ink, ratio) {
    context.strokeStyle = ink;
    context.lineWidth = 1.2 * ratio;
    context.beginPath();
    const many = Math.max(1, Math.floor((to - from) / plot.width));
    for (let n = from; n < to; n += many) {
      let low = row[n], high = row[n];
      for (let i = n + 1; i < Math.min(n + many, to); i++) {
        low = Math.min(low, row[i]);
        high = Math.max(high, row[i]);
      }
      context.lineTo(x(n), y(low));
      if (high !== low) context.lineTo(x(n), y(high));
    }
    context.stroke();
  }

  tell(step, activity) {
    const n = this.sample(step - 0.5), at = this.first + n * this.every;
    const values = this.rows.map((row, i) => `neuron ${this.neurons[i]}: ${Number(row[n].toPrecision(6))}`);
    this.value.textContent = `step ${at + this.run.start}${activity.time(at)}: ${values.join(", ")}`;
  }
}
