// The button that builds the next release of this page, and puts its style sheet and its script into the page.

import { costOf, forget } from "./costs.js";
import { element, named } from "./elements.js";

const button = document.getElementById("release");
const state = document.getElementById("release-state");
const releases = [];
const MOST_SHOWN = 5;

/** Build and load a release whenever the button is pressed. `prefix` is the URL of the static files. */
export async function listenForReleases(prefix) {
  await draw();
  button.addEventListener("click", async () => {
    button.disabled = true;
    report("is in force. Building the next one …");
    try {
      await load(await build(), prefix);
    } catch (error) {
      report(`stays in force. ${error.message}`, "failed");
    }
    button.disabled = false;
  });
  button.disabled = false;
}

function report(text, kind = "built") {
  state.textContent = text;
  state.classList.toggle("failed", kind === "failed");
  state.dataset.state = kind;
}

async function build() {
  const response = await fetch("release", { method: "POST" });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

async function load({ release, seconds, files }, prefix) {
  const costs = [];
  for (const file of files) {
    const url = prefix + file.fingerprinted;
    await replace(file.path, url, file.integrity);
    costs.push({ ...file, ...await costOf(url) });
  }
  releases.unshift({ release, files: costs });
  releases.splice(MOST_SHOWN);
  await draw();
  report(`was built in ${seconds.toFixed(1)} s, without a restart.`);
  document.documentElement.dataset.release = release;
}

// Put a file in the place of its last version, which leaves only when the new one is there.
async function replace(path, url, integrity) {
  const old = document.head.querySelector(`[data-path="${path}"]`);
  const made = old.localName === "link"
    ? element("link", { rel: "stylesheet", integrity, href: url })
    : element("script", { type: "module", integrity, src: url });
  made.dataset.path = path;
  await new Promise((resolve, reject) => {
    made.addEventListener("load", resolve);
    made.addEventListener("error", () => reject(new Error(`${url} could not be loaded.`)));
    old.after(made);
  });
  old.remove();
  forget(old.href ?? old.src);
  if (old.localName === "link") document.getElementById("naming").replaceChildren(...named(new URL(url).pathname));
}

// The newest script draws, so what it shows proves that the browser decoded it.
async function draw() {
  const script = await import(document.head.querySelector('[data-path="site/release.js"]').src);
  script.draw(releases);
}
