// Elements and numbers. Texts of files become text nodes and attributes only, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  for (const child of children.flat()) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}

const make = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const draw = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

// A table that scrolls by itself where it is wider than the page; columns of words go left, those of numbers right.
function table(title, heads, rows) {
  const text = (value) => (value instanceof Node ? value.textContent : String(value));
  const words = heads.map((_, c) => rows.some((row) => /^[^\d\s\u2212-]/.test(text(row[c])) && !/^(unknown|refused)/.test(text(row[c]))));
  const kind = (value, c) => [words[c] || text(value).length > 40 ? "text" : "", text(value).length > 40 ? "long" : ""].join(" ").trim() || null;
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": title },
    make("table", {},
      make("caption", {}, title),
      make("thead", {}, make("tr", {}, heads.map((h, c) => make("th", { scope: "col", class: words[c] ? "text" : null }, h)))),
      make("tbody", {}, rows.map((row) => make("tr", {}, row.map((v, c) => make("td", { class: kind(v, c) }, v instanceof Node ? v : text(v))))))));
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const laneColour = (index) => colour(`--lane-${index % 7}`);
const channels = (hex) => {
  const full = hex.length === 4 ? hex.replace(/#(.)(.)(.)/, "#$1$1$2$2$3$3") : hex;
  return [1, 3, 5].map((i) => parseInt(full.slice(i, i + 2), 16));
};
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);
const whole = (n) => n.toLocaleString("en-US", { maximumFractionDigits: 0 });

// A number with four digits and an SI prefix.
function si(value, unit) {
  if (value === null || value === undefined) return "unknown";
  if (value === 0) return `0 ${unit}`;
  const power = clamp(Math.floor(Math.log10(Math.abs(value)) / 3), -6, 4);
  return `${Number((value / 1000 ** power).toPrecision(4))} ${["a", "f", "p", "n", "u", "m", "", "k", "M", "G", "T"][power + 6]}${unit}`;
}

// Round numbers between low and high, about so many.
function ticks(low, high, about) {
  const raw = (high - low) / Math.max(about, 1), power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw * 0.999);
  const out = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) out.push(i * step);
  return { step, at: out };
}
