// The page: the table of costs, the checks, and the look-up of any asset.

import { costs, watch } from "./costs.js";
import { bar, bytes, cell, element, filed, named, row, saved } from "./elements.js";
import { listenForReleases } from "./releases.js";

const root = document.documentElement;
const list = document.getElementById("check-list");
const styles = new URL(document.getElementById("site-styles").href);
const prefix = styles.href.slice(0, styles.href.indexOf("/static/") + "/static/".length);

function show(id, ...content) {
  document.getElementById(id).replaceChildren(...content);
}

// The table

function assetRow(asset) {
  const made = row(asset, filed(asset.url.slice(prefix.length)));
  made.append(
    cell("Coding", "", asset.coding
      ? element("span", { className: "badge coding" }, asset.coding)
      : element("span", { className: "quiet" }, "as it is")),
    cell("On the wire", "number", element("span", {}, bytes(asset.wire)), bar(asset.wire, asset.decoded)),
    cell("Decoded", "number", bytes(asset.decoded)),
    cell("From", "", element("span", { className: `badge ${asset.cached ? "cache" : "network"}` }, asset.cached ? "cache" : "network")),
    cell("Cache policy", "policy", element("code", {}, asset.policy)),
    cell("ETag", "etag", element("code", { title: asset.etag }, asset.etag)),
  );
  return made;
}

function sum(assets, figure) {
  return assets.reduce((total, asset) => total + asset[figure], 0);
}

function showTotals(assets) {
  const cached = assets.filter((asset) => asset.cached).length;
  const coded = assets.filter((asset) => asset.coding);
  const [wire, decoded] = [sum(assets, "wire"), sum(assets, "decoded")];
  const isWarm = cached === assets.length;
  show("total-assets", String(assets.length));
  show("note-assets", `${cached} from cache`);
  show("total-wire", bytes(wire));
  show("note-wire", isWarm ? "for scripts, styles, fonts and images" : `in ${assets.length - cached} responses`);
  show("total-decoded", bytes(decoded));
  show("note-decoded", "what the page works with");
  show("label-saved", isWarm ? "Saved" : "Saved on text");
  show("total-saved", isWarm ? saved(wire, decoded) : saved(sum(coded, "coded"), sum(coded, "decoded")));
  show("note-saved", isWarm ? "every byte came from the cache" : `${saved(wire, decoded)} with the fonts, packed as they are`);
  show("visit", isWarm
    ? "Not one request for an asset: all of it was in your browser’s cache."
    : "Your first visit. Reload, and all of it comes from your cache.");
  root.dataset.visit = isWarm ? "cached" : "first";
}

let drawing = Promise.resolve();
let due = 0;

async function draw() {
  const assets = await costs();
  document.getElementById("rows").replaceChildren(...assets.map(assetRow));
  showTotals(assets);
}

watch(prefix, () => {
  clearTimeout(due);
  due = setTimeout(() => { drawing = drawing.then(draw).then(() => { root.dataset.costs = "shown"; }); }, 120);
});

document.getElementById("reload").addEventListener("click", () => location.reload());

// The checks

function showCheck({ check, request, answer, passed }) {
  const item = list.querySelector(`[data-check="${check}"]`);
  item.dataset.state = passed ? "passed" : "failed";
  item.querySelector("h3").append(element("span", { className: "unseen" }, passed ? " (passed)" : " (failed)"));
  item.append(element("p", { className: "exchange" },
    element("code", {}, request), element("code", { className: "answer" }, answer)));
}

const worker = new Worker(new URL("./checks.js", import.meta.url), { type: "module" });
worker.addEventListener("message", ({ data }) => {
  if (!data.done) return showCheck(data);
  root.dataset.checks = "done";
  worker.terminate();
});
worker.postMessage({
  fingerprinted: new URL(list.dataset.fingerprinted, location.href).href,
  unhashed: new URL(list.dataset.unhashed, location.href).href,
});

// The look-up

async function offerAssets() {
  const assets = await (await fetch("assets.json")).json();
  const select = document.getElementById("asset");
  const byPath = new Map(assets.map((asset) => [asset.path, asset]));
  const chosen = select.value;
  select.replaceChildren(...assets.map(({ path }) => element("option", { value: path, selected: path === chosen }, path)));
  const showAsset = () => {
    const asset = byPath.get(select.value);
    show("lookup-url", ...named(asset.url));
    show("lookup-integrity", asset.integrity);
  };
  window.jQuery(select).select2({ width: "100%" }).on("change", showAsset);
  showAsset();
  root.dataset.lookup = "ready";
}

show("naming", ...named(document.getElementById("naming").textContent));
listenForReleases(prefix);
await offerAssets();
