// Prints the references that acorn and css-tree find in each file of the JSON list in standard input,
// and a digest of the other text of the file.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(`${process.env.MODULES}/`);
const acorn = require("acorn");
const walk = require("acorn-walk");
const csstree = require("css-tree");

const SOURCE_MAP = /^(\/[/*][#@]\s*sourceMappingURL=)([^\s"'`]*?)(\s*(?:\*\/)?)$/;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function sourceMap(text, start, end) {
  const match = SOURCE_MAP.exec(text.slice(start, end));
  return match ? [span("map", start + match[1].length, end - match[3].length, match[2])] : [];
}

function span(kind, start, end, value) {
  return { kind, start, end, value };
}

function stylesheet(text) {
  const found = [];
  const { Url, Function, String, AtKeyword, Comment, WhiteSpace, Comma, RightParenthesis, LeftParenthesis } =
    csstree.tokenTypes;
  const functions = [];
  let before = ""; // the function or at-rule of a string at this position
  csstree.tokenize(text, (type, start, end) => {
    const token = text.slice(start, end);
    if (type === Comment) found.push(...sourceMap(text, start, end));
    if (type === Comment || type === WhiteSpace) return;
    if (type === Url) {
      const [, head, tail] = /^(url\(\s*)[^]*?(\s*\)?)$/i.exec(token);
      found.push(span("url", start + head.length, end - tail.length, csstree.url.decode(token)));
    }
    if (type === String && /^(url|src|@import|(-webkit-)?image-set)$/.test(before))
      found.push(span("url", start + 1, end - 1, csstree.string.decode(token)));
    before = "";
    if (type === Function) functions.push((before = token.slice(0, -1).toLowerCase()));
    if (type === LeftParenthesis) functions.push("");
    if (type === RightParenthesis) functions.pop();
    if (type === Comma) before = functions.at(-1) ?? "";
    if (type === Comma && !/image-set$/.test(before)) before = "";
    if (type === AtKeyword) before = token.toLowerCase();
  });
  return found;
}

function parse(text, sourceType, onComment) {
  return acorn.parse(text, { ecmaVersion: "latest", sourceType, onComment, allowHashBang: true });
}

function script(text, isModule) {
  let comments = [];
  const note = (block, value, start, end) => comments.push([start, end]);
  let tree = null;
  if (!isModule)
    try {
      tree = parse(text, "script", note);
    } catch {
      comments = [];
    }
  const found = tree === null ? module(parse(text, "module", note)) : classic(tree);
  // acorn reports a comment twice if it reads that part twice.
  const once = new Map(comments.map(([start, end]) => [start, end]));
  return [...found, ...[...once].flatMap(([start, end]) => sourceMap(text, start, end))];
}

function literals(found, kind, node) {
  if (node?.type === "Literal" && typeof node.value === "string")
    found.push(span(kind, node.start + 1, node.end - 1, node.value));
  if (node?.type === "TemplateLiteral" && !node.expressions.length)
    found.push(span(kind, node.start + 1, node.end - 1, node.quasis[0].value.cooked));
}

function classic(tree) {
  const found = [];
  walk.simple(tree, { ImportExpression: (node) => literals(found, "specifier", node.source) });
  return found;
}

function module(tree) {
  const found = [];
  const literal = (kind, node) => literals(found, kind, node);
  const isMeta = (node, name) =>
    node?.type === "MemberExpression" && node.object.type === "MetaProperty" && node.property.name === name;
  const name = (node) => node.name ?? node.property?.name;
  walk.full(tree, (node) => {
    if (/^(Import|ExportNamed|ExportAll)Declaration$|^ImportExpression$/.test(node.type)) literal("specifier", node.source);
    if (node.type === "CallExpression" && isMeta(node.callee, "resolve")) literal("specifier", node.arguments[0]);
    if (node.type === "CallExpression" && name(node.callee) === "importScripts")
      node.arguments.forEach((argument) => literal("url", argument));
    if (node.type === "NewExpression" && name(node.callee) === "URL" && isMeta(node.arguments[1], "url"))
      literal("url", node.arguments[0]);
    if (node.type === "NewExpression" && /^(Shared)?Worker$/.test(name(node.callee))) literal("page", node.arguments[0]);
  });
  return found;
}

const results = {};
for (const path of JSON.parse(readFileSync(0, "utf-8"))) {
  const text = utf8.decode(readFileSync(path));
  const found = (path.endsWith(".css") ? stylesheet(text) : script(text, path.endsWith(".mjs")))
    .filter(({ value }) => value && !/^data:/i.test(value))
    .sort((one, other) => one.start - other.start);
  const rest = createHash("sha256");
  let position = 0;
  for (const { start, end } of found) {
    rest.update(text.slice(position, start) + "\0");
    position = end;
  }
  rest.update(text.slice(position));
  results[path] = { references: found.map(({ kind, value }) => [kind, value]), rest: rest.digest("hex") };
}
process.stdout.write(JSON.stringify(results));
