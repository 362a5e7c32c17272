// What each asset cost, from the browser's own measurements (Resource Timing) and its cache.

const measured = new Map();
const answers = new Map();
const awaited = new Map();

/** Call `changed` whenever an asset below `prefix` has been loaded. */
export function watch(prefix, changed) {
  const observer = new PerformanceObserver((list) => {
    const entries = list.getEntries().filter((entry) => isAsset(entry, prefix));
    for (const entry of entries) if (!measured.has(entry.name)) measured.set(entry.name, entry);
    for (const { name } of entries) awaited.get(name)?.();
    if (entries.length) changed();
  });
  observer.observe({ type: "resource", buffered: true });
}

// What a script of this page fetches itself is no asset of the page.
function isAsset(entry, prefix) {
  return entry.name.startsWith(prefix) && entry.initiatorType !== "fetch" && entry.decodedBodySize > 0;
}

/** Give what is known of the asset at `url`, as soon as the browser has measured it. */
export async function costOf(url) {
  if (!measured.has(url)) await new Promise((resolve) => { awaited.set(url, resolve); });
  awaited.delete(url);
  return cost(measured.get(url));
}

/** Leave out the asset at `url`, which the page does not use any more. */
export function forget(url) {
  measured.delete(url);
}

/** Give what is known of each asset, the largest first. */
export async function costs() {
  const found = await Promise.all([...measured.values()].map(cost));
  return found.sort((one, other) => other.decoded - one.decoded || (one.url < other.url ? -1 : 1));
}

async function cost(entry) {
  const fields = await headerFields(entry.name);
  const cached = entry.transferSize === 0;
  return {
    url: entry.name,
    cached,
    coding: entry.contentEncoding ?? fields.get("Content-Encoding") ?? "",
    coded: entry.encodedBodySize,
    wire: cached ? 0 : entry.encodedBodySize,
    decoded: entry.decodedBodySize,
    policy: fields.get("Cache-Control") ?? "",
    etag: fields.get("ETag") ?? "",
  };
}

// Resource Timing leaves these out. The cache answers: the asset has just been loaded.
function headerFields(url) {
  if (!answers.has(url)) {
    answers.set(url, fetch(url, { cache: "force-cache" }).then(async (response) => {
      await response.arrayBuffer();
      return response.headers;
    }));
  }
  return answers.get(url);
}
