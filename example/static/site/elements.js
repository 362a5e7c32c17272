// Elements and figures, made readable.

/** Make an element: `element("td", {className: "number"}, "12 kB")`. */
export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Make a cell of a table. On narrow screens, its label stands above it. */
export function cell(label, className, ...content) {
  const made = element("td", { className }, ...content);
  made.dataset.label = label;
  made.setAttribute("role", "cell");
  return made;
}

/** Make the heading of a table's row, with these values for scripts that read the row. */
export function row(values, ...heading) {
  const made = element("tr", {}, element("th", { scope: "row" }, ...heading));
  Object.assign(made.dataset, values);
  made.setAttribute("role", "row");
  made.firstChild.setAttribute("role", "rowheader");
  return made;
}

/** Show a URL path below the static files: the folder above the name, and the fingerprint set off. */
export function filed(path) {
  const name = path.lastIndexOf("/") + 1;
  return element("span", { className: "path" },
    element("span", { className: "folder" }, path.slice(0, name)), ...named(path.slice(name)));
}

/** Draw a bar that shows what share of `whole` is in `part`. */
export function bar(part, whole) {
  const made = element("span", { className: "share" }, element("span"));
  made.firstChild.style.inlineSize = `${Math.max(part && 2, (part / whole) * 100)}%`;
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
