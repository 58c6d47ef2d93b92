// Reading files by WASI: QuickJS brings nothing for that.

import preopens from "wasi:filesystem/preopens@0.2.0";

const CHUNK = 1 << 18;
const LARGEST = 1 << 24;

/** A file's text, by a path relative to the candidate's directory. Throws an `Error` that says what is wrong. */
export function read(path) {
  const [directory] = preopens.getDirectories()[0];
  const chunks = [];
  let size = 0;
  try {
    const file = directory.openAt({ symlinkFollow: true }, path, {}, { read: true });
    for (let ended = false; !ended && size <= LARGEST; ) {
      let chunk;
      [chunk, ended] = file.read(CHUNK, size);
      chunks.push(chunk);
      size += chunk.length;
    }
  } catch (code) {
    throw new Error(`\`${path}\` cannot be read: ${code.val ?? code.message ?? code}`);
  }
  if (size > LARGEST) throw new Error(`\`${path}\` is larger than 16 MiB`);
  try {
    return chunks.length ? decode(chunks, size) : "";
  } catch {
    throw new Error(`\`${path}\` is not UTF-8`);
  }
}

/** UTF-8 to text. Throws where it is none. */
function decode(chunks, size) {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  let text = "";
  for (let start = 0; start < size; ) {
    let end = Math.min(start + 8192, size);
    // Not in the middle of a character.
    while (end < size && (bytes[end] & 0xc0) === 0x80) end--;
    if (end === start) throw new Error("no character is that long");
    let escaped = "";
    for (let i = start; i < end; i++) {
      const byte = bytes[i];
      escaped += byte < 0x80 && byte !== 0x25 ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, "0")}`;
    }
    text += decodeURIComponent(escaped);
    start = end;
  }
  return text;
}
