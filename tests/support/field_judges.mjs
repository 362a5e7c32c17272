// Asks npm's range-parser and negotiator about many fields: JSON in, JSON out.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const require = createRequire(process.cwd() + "/");
const { parse: parseRange } = await import(pathToFileURL(require.resolve("range-parser")).href);
const Negotiator = require("negotiator");
const { ranges, codings, preferred } = JSON.parse(readFileSync(0, "utf8"));

function ofRange([value, size]) {
  const { code, type, ranges: found } = parseRange(size, value);
  if (code & 1 || type !== "bytes" || (code === 0 && found.length === 0)) return "whole";
  return found.length === 0 ? "unsatisfiable" : found.map(({ start, end }) => [start, end]);
}

function ofCodings(value) {
  const negotiator = new Negotiator({ headers: { "accept-encoding": value } });
  return negotiator.encodings(preferred, { preferred })[0] ?? "identity";
}

console.log(JSON.stringify({ ranges: ranges.map(ofRange), codings: codings.map(ofCodings) }));
