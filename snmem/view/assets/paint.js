// Painting spikes into pixels: every spike where few enough are in view, else counts of cells.

const AT_ONCE = 2e6; // spikes painted one by one while the view moves
const AT_REST = 1.2e7; // and while it rests

class Painter {
  constructor(lanes) {
    this.lanes = lanes;
  }

  // Paint the lanes into an image. Returns the share of the spikes painted one by one (1: all of them), and what to load.
  //   view: {from, to} steps, {low, high} within 0..1 over all lanes; each lane has top < bottom in these units.
  paint(image, view, limit) {
    const pixels = new Uint32Array(image.data.buffer);
    pixels.fill(0);
    const shown = this.lanes.map((lane) => this.seen(lane, view, image)).filter((part) => part);
    const spikes = shown.reduce((sum, part) => sum + part.spikes, 0);
    const wanted = [];
    for (const part of shown) {
      const ready = spikes <= limit ? part.tiles.map((i) => part.lane.tile(i)) : [];
      const missing = spikes <= limit ? part.tiles.filter((_, n) => !ready[n]) : [];
      for (const i of missing) wanted.push([part.lane, i]);
      part.exact = spikes <= limit && !missing.length;
      if (part.exact) this.paintSpikes(pixels, image.width, part, ready, view);
      else this.paintCells(pixels, image.width, part, view);
    }
    return { parts: shown, exact: shown.every((part) => part.exact), wanted, spikes };
  }

  // The part of a lane that is in view: pixel rows y0..y1, neurons low..high (fractions), tiles, spikes in them, about.
  seen(lane, view, image) {
    const scale = image.height / (view.high - view.low);
    const y0 = (lane.top - view.low) * scale, y1 = (lane.bottom - view.low) * scale;
    if (y1 <= 0 || y0 >= image.height || view.from >= view.to) return null;
    const perNeuron = (y1 - y0) / lane.size;
    // neuron 0 is at the bottom of its lane
    const low = clamp((y1 - image.height) / perNeuron, 0, lane.size), high = clamp(y1 / perNeuron, 0, lane.size);
    const tiles = lane.within(view.from, view.to, low, high);
    let spikes = 0;
    for (const i of tiles) {
      const begin = lane.tiles.block[i] * lane.grid.long, bottom = lane.tiles.band[i] * lane.grid.high;
      const long = Math.min(lane.grid.long, lane.steps - begin), tall = Math.min(lane.grid.high, lane.size - bottom);
      const across = (Math.min(view.to, begin + long) - Math.max(view.from, begin)) / long;
      const along = (Math.min(high, bottom + tall) - Math.max(low, bottom)) / tall;
      spikes += lane.tiles.count[i] * Math.max(across, 0) * Math.max(along, 0);
    }
    return { lane, y0, y1, low, high, tiles, spikes, perNeuron };
  }

  paintSpikes(pixels, width, part, tiles, view) {
    const { lane, y1, perNeuron } = part, height = pixels.length / width;
    const perStep = width / (view.to - view.from), first = Math.floor(view.from), last = Math.ceil(view.to);
    const least = part.spikes * 40 < (part.y1 - part.y0) * width ? 2 : 1; // few spikes are drawn larger
    const wide = Math.max(least, perStep > 3 ? Math.floor(perStep) - 1 : Math.round(perStep));
    const tall = Math.max(2 * least - 1, perNeuron > 3 ? Math.floor(perNeuron) - 1 : Math.round(perNeuron));
    const box = (ink, x, y) => {
      for (let r = Math.max(y, 0); r < Math.min(y + tall, height); r++) {
        pixels.fill(ink, r * width + Math.max(x, 0), r * width + Math.min(Math.max(x + wide, 0), width));
      }
    };
    if (perStep >= 2) {
      const ink = pixel(laneColour(lane.index), 1);
      for (const { step, neuron } of tiles) {
        for (let n = 0; n < step.length; n++) {
          if (step[n] < first || step[n] >= last) continue;
          box(ink, Math.floor((step[n] - view.from) * perStep), Math.floor(y1 - (neuron[n] + 1) * perNeuron));
        }
      }
      return;
    }
    const above = tall, counts = new Uint16Array((height + above) * width); // neurons that begin above the image
    const offset = perNeuron >= 2 ? 1 : 0.5;
    for (const { step, neuron } of tiles) {
      for (let n = 0; n < step.length; n++) {
        if (step[n] < view.from) continue;
        const x = ((step[n] - view.from) * perStep) | 0, y = Math.floor(y1 - (neuron[n] + offset) * perNeuron) + above;
        if (x < width && y >= 0 && y < height + above) counts[y * width + x]++;
      }
    }
    const inks = shades(lane, lane.levels[0], perStep * Math.min(perNeuron, 1));
    for (let i = 0; i < counts.length; i++) {
      if (!counts[i]) continue;
      if (tall > 1) box(inks(counts[i]), i % width, Math.floor(i / width) - above);
      else if (i >= above * width) pixels[i - above * width] = inks(counts[i]);
    }
  }

  paintCells(pixels, width, part, view) {
    const { lane, y0, y1, perNeuron } = part, height = pixels.length / width;
    const perStep = width / (view.to - view.from);
    const level = lane.levels.find((l) => l.wide * perStep >= 1) || lane.levels[lane.levels.length - 1];
    const inks = shades(lane, level, perStep * perNeuron);
    const perPixel = 1 / (level.wide * perStep * lane.grid.tall * perNeuron); // of the spikes of a cell
    const column = new Int32Array(width).map((_, x) => {
      const step = view.from + (x + 0.5) / perStep;
      return step < 0 || step >= lane.steps ? -1 : Math.floor(step / level.wide);
    });
    let before = -1, from = 0; // rows of pixels that show the same cells are copied
    for (let y = Math.max(0, Math.ceil(y0 - 0.5)); y < Math.min(height, Math.floor(y1 + 0.5)); y++) {
      const row = clamp(Math.floor((y1 - y - 0.5) / perNeuron / lane.grid.tall), 0, level.rows - 1);
      if (row === before) {
        pixels.copyWithin(y * width, from, from + width);
        continue;
      }
      before = row;
      from = y * width;
      for (let x = 0; x < width; x++) {
        const count = column[x] < 0 ? 0 : level.counts[row * level.columns + column[x]];
        if (count) pixels[y * width + x] = inks(count * perPixel);
      }
    }
  }
}

// The ink for so many spikes in a pixel: full for as many as the fullest cell of the level has on as many pixels.
function shades(lane, level, pixelsPerPlace) {
  const scale = Math.max(1, level.most / (level.wide * lane.grid.tall) / pixelsPerPlace);
  const hex = laneColour(lane.index);
  const inks = Uint32Array.from({ length: 256 }, (_, i) => pixel(hex, 0.1 + 0.9 * (i / 255) ** 0.6));
  return (spikes) => inks[Math.min(255, (255 * spikes / scale) | 0)];
}

// One pixel, as ImageData holds four bytes (lowest first on every machine that browsers run on).
function pixel(hex, alpha) {
  const [r, g, b] = channels(hex);
  return ((Math.round(255 * alpha) << 24) | (b << 16) | (g << 8) | r) >>> 0;
}
