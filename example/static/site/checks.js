// The requests of "Checked just now". They are sent from a worker, so that the 404 that one of them
// asks for does not show up among the page's errors.

const UNKNOWN = "000000000000";

const checks = {
  async immutable({ fingerprinted }) {
    const reply = await ask(fingerprinted);
    return {
      request: `GET ${name(fingerprinted)}`,
      answer: `${reply.status} · ${reply.policy}`,
      passed: reply.status === 200 && reply.policy.includes("immutable"),
    };
  },

  async revalidated({ fingerprinted }) {
    const { etag } = await ask(fingerprinted);
    const reply = await ask(fingerprinted, { "If-None-Match": etag });
    return {
      request: `If-None-Match: ${etag}`,
      answer: `${reply.status} · ${reply.size} bytes`,
      passed: reply.status === 304 && reply.size === 0 && etag.startsWith('"'),
    };
  },

  async unhashed({ unhashed }) {
    const reply = await ask(unhashed);
    return {
      request: `GET ${name(unhashed)}`,
      answer: `${reply.status} · ${reply.policy}`,
      passed: reply.status === 200 && /max-age=\d{1,3}$/.test(reply.policy),
    };
  },

  async unknown({ fingerprinted }) {
    const url = fingerprinted.replace(/[0-9a-f]{12}(?=\.[^.]+$)/, UNKNOWN);
    const reply = await ask(url);
    return {
      request: `GET ${name(url)}`,
      answer: `${reply.status} · ${reply.policy}`,
      passed: reply.status === 404 && reply.policy === "no-store",
    };
  },

  async range({ fingerprinted }) {
    const reply = await ask(fingerprinted, { Range: "bytes=0-0" });
    return {
      request: "Range: bytes=0-0",
      answer: `${reply.status} · ${reply.range}`,
      passed: reply.status === 206 && reply.size === 1,
    };
  },
};

// Ask the server itself, not the cache. The body is read to its end: a reply that is left half-read
// counts as a failed request.
async function ask(url, headers = {}) {
  const response = await fetch(url, { cache: "no-store", headers });
  return {
    status: response.status,
    size: (await response.arrayBuffer()).byteLength,
    policy: response.headers.get("Cache-Control") ?? "",
    etag: response.headers.get("ETag") ?? "",
    range: response.headers.get("Content-Range") ?? "",
  };
}

function name(url) {
  return url.split("/").pop();
}

self.addEventListener("message", async ({ data }) => {
  for (const [check, run] of Object.entries(checks)) {
    const outcome = await run(data).catch((error) => ({
      request: "", answer: String(error), passed: false,
    }));
    self.postMessage({ check, ...outcome });
  }
  self.postMessage({ done: true });
});
