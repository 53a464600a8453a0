// A population in the raster: its tiles with every spike, and a pyramid of counts (snmem/view/raster.py).

const ESCAPE = 255;
const KEPT = 16e6; // spikes that stay unpacked

class Lane {
  constructor(data, index, blobs) {
    Object.assign(this, data);
    this.index = index;
    this.blobs = blobs;
    this.tileAt = new Map();
    this.tiles.block.forEach((block, i) => {
      if (!this.tileAt.has(block)) this.tileAt.set(block, []);
      this.tileAt.get(block).push(i);
    });
    this.held = new Map();
    this.asked = new Map();
  }

  // Unpack the counts; each further level adds up two columns of the one before.
  async start() {
    const { at, rows, columns } = this.cells;
    const counts = new Uint32Array((await this.blobs.inflated(at)).buffer);
    this.levels = [this.level(counts, rows, columns, this.grid.wide)];
    for (let last = this.levels[0]; last.columns > 1; last = this.levels[this.levels.length - 1]) {
      const half = Math.ceil(last.columns / 2), sums = new Uint32Array(rows * half);
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < last.columns; c++) sums[r * half + (c >> 1)] += last.counts[r * last.columns + c];
      }
      this.levels.push(this.level(sums, rows, half, 2 * last.wide));
    }
  }

  level(counts, rows, columns, wide) {
    const sums = new Float64Array(columns);
    let most = 0;
    for (let i = 0; i < counts.length; i++) {
      sums[i % columns] += counts[i];
      if (counts[i] > most) most = counts[i];
    }
    return { counts, rows, columns, wide, sums, most };
  }

  // Numbers of the tiles that hold spikes of steps from..to and neurons low..high.
  within(from, to, low, high) {
    const found = [], { long, high: tall } = this.grid;
    for (let block = Math.max(0, Math.floor(from / long)); block * long < to && block * long < this.steps; block++) {
      for (const i of this.tileAt.get(block) || []) {
        const band = this.tiles.band[i];
        if (band * tall < high && (band + 1) * tall > low) found.push(i);
      }
    }
    return found;
  }

  // The tile, if it is unpacked.
  tile(i) {
    const tile = this.held.get(i);
    if (tile) {
      this.held.delete(i); // the last used comes last
      this.held.set(i, tile);
    }
    return tile;
  }

  load(i) {
    if (!this.asked.has(i)) this.asked.set(i, this.unpack(i).finally(() => this.asked.delete(i)));
    return this.asked.get(i);
  }

  async unpack(i) {
    const { at, rests, shift, count, by_neuron: turned, block, band } = this.tiles;
    const quotients = await this.blobs.inflated(at[i], rests[i]);
    const all = this.blobs.bytes(at[i]);
    const keys = keysOf(quotients, all.subarray(all.length - rests[i]), shift[i], count[i]);
    const { long, high } = this.grid, base = block[i] * long, first = band[i] * high;
    const step = new Uint32Array(count[i]), neuron = new Uint32Array(count[i]);
    for (let n = 0; n < keys.length; n++) {
      const major = Math.floor(keys[n] / (turned[i] ? long : high)), minor = keys[n] - major * (turned[i] ? long : high);
      step[n] = base + (turned[i] ? minor : major);
      neuron[n] = first + (turned[i] ? major : minor);
    }
    const tile = { step, neuron };
    this.held.set(i, tile);
    let spikes = 0;
    for (const t of this.held.values()) spikes += t.step.length;
    for (const [old, t] of this.held) {
      if (spikes <= KEPT || old === i) break;
      this.held.delete(old);
      spikes -= t.step.length;
    }
    return tile;
  }
}

// Ascending places from their gaps (snmem/view/kernels.py: write_gaps).
function keysOf(quotients, rests, shift, count) {
  const keys = new Uint32Array(count), mask = 2 ** shift;
  let at = 0, last = -1, bit = 0;
  for (let n = 0; n < count; n++) {
    let quotient = quotients[at++];
    if (quotient === ESCAPE) {
      quotient = quotients[at] + 256 * (quotients[at + 1] + 256 * (quotients[at + 2] + 256 * quotients[at + 3]));
      at += 4;
    }
    let rest = 0;
    for (let read = 0; read < shift; ) { // bits, lowest first
      const offset = bit & 7, take = Math.min(8 - offset, shift - read);
      rest += ((rests[bit >> 3] >> offset) & ((1 << take) - 1)) * 2 ** read;
      read += take;
      bit += take;
    }
    last += quotient * mask + rest + 1;
    keys[n] = last;
  }
  return keys;
}
