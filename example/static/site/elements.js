// Elements and figures, made readable.

/** Make an element: `element("td", {className: "number"}, "12 kB")`. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Write a number of bytes as people read it. */
export function bytes(count) {
  if (count < 1000) return `${count} B`;
  return count < 1e6 ? `${(count / 1000).toFixed(1)} kB` : `${(count / 1e6).toFixed(2)} MB`;
}

/** Write what share of `whole` was saved where `part` is left. */
export function saved(part, whole) {
  return whole ? `${Math.round((1 - part / whole) * 100)}%` : "–";
}

/** Cut a URL path into what comes before the fingerprint, the fingerprint, and the rest. */
export function cut(path) {
  const match = /^(.*\.)([0-9a-f]{12})(\.[^./]+)$/.exec(path);
  return match ? match.slice(1) : [path, "", ""];
}

/** Show a path with its fingerprint set off. */
export function named(path) {
  const [before, fingerprint, after] = cut(path);
  return fingerprint ? [before, element("mark", {}, fingerprint), after] : [before];
}
