// The script that each release changes: it shows what the releases cost this browser.

import { bar, bytes, cell, element, filed, row, saved } from "./elements.js";

/** The number of this release. */
const release = 1;

/** Show the releases, the newest first: for each file what came, and what brotli would have cost. */
export function draw(releases) {
  document.getElementById("release-number").textContent = `Release ${release}`;
  document.getElementById("release-table").hidden = releases.length === 0;
  document.getElementById("release-rows").replaceChildren(
    ...releases.flatMap(({ release, files }) => files.map((file) => fileRow(release, file))));
  if (releases.length) showOutcome(releases[0].files);
  showSupport(releases);
}

function fileRow(release, { path, fingerprinted, coding, wire, decoded, variants: { br } }) {
  const made = row({ release, path, coding, wire, br }, filed(fingerprinted));
  made.prepend(cell("Release", "release", String(release)));
  made.append(
    cell("Decoded", "number", bytes(decoded)),
    cell("As br", "number", bytes(br)),
    cell("Came as", "", element("span", { className: "badge coding" }, coding)),
    cell("On the wire", "number", bytes(wire)),
    cell("Compared with br", "", element("span", {}, saying(wire, br)), bar(wire, br)),
  );
  return made;
}

function saying(wire, br) {
  return wire < br ? `${saved(wire, br)} less` : wire === br ? "the same" : "more";
}

function showOutcome(files) {
  const [wire, br] = ["wire", "br"].map((kind) =>
    files.reduce((total, file) => total + (file[kind] ?? file.variants[kind]), 0));
  document.getElementById("outcome").replaceChildren(
    element("strong", {}, wire < br ? `${saved(wire, br)} less than br` : bytes(wire)),
    element("span", {}, wire < br ? `${bytes(wire)} instead of ${bytes(br)}` : "whole files: there was no delta"));
}

function showSupport(releases) {
  const note = document.getElementById("support");
  const isDelta = releases.some(({ files }) => files.some(({ coding }) => coding === "dcz"));
  note.textContent = window.isSecureContext
    ? "This browser was sent br, because it offered no dictionary. Chrome and Edge have them from version 130 on, except where an administrator switched them off."
    : "Browsers use dictionaries on https:// and on localhost only, so this page gets whole files here. Open it at http://127.0.0.1 on the machine that serves it.";
  note.hidden = window.isSecureContext && (isDelta || releases.length === 0);
}
