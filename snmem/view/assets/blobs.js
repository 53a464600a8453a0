// Bytes of the page: data blocks in elements "script", read when they are asked for (snmem/view/blobs.py).

const PAIRS = { "}": 61, "@": 0, "M": 13, "|": 60 };
// Characters that windows-1252 has for the bytes 0x80 to 0x9f.
const HIGH = "\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f" +
  "\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178";

function bytesOfCharacters(text) {
  const byteOf = new Map(Array.from(HIGH, (c, i) => [c.charCodeAt(0), 128 + i]));
  const out = new Uint8Array(text.length);
  let n = 0;
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code === 61) code = PAIRS[text[++i]];
    else if (code > 255) code = byteOf.get(code);
    out[n++] = code;
  }
  return out.subarray(0, n);
}

function bytesOfBase64(text) {
  const characters = atob(text);
  const out = new Uint8Array(characters.length);
  for (let i = 0; i < out.length; i++) out[i] = characters.charCodeAt(i);
  return out;
}

class Blobs {
  constructor(encoding) {
    this.read = encoding === "utf-8" ? bytesOfBase64 : bytesOfCharacters;
    this.elements = document.querySelectorAll("script.blob");
    this.blocks = [];
    if (document.characterSet.toLowerCase() !== encoding) {
      throw new Error(`the page was sent as ${document.characterSet} and is ${encoding}: open it as a file`);
    }
  }

  bytes([block, from, length]) {
    if (!this.blocks[block]) {
      this.blocks[block] = this.read(this.elements[block].textContent);
      this.elements[block].textContent = "";
    }
    return this.blocks[block].subarray(from, from + length);
  }

  async inflated(place, rest = 0) {
    const bytes = this.bytes(place);
    return inflate(bytes.subarray(0, bytes.length - rest));
  }
}

async function inflate(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
