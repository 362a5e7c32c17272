// The basket: the number of tins of each tea, stored in this browser.
import { read, write } from "./store.js";

const tins = read("basket", {});
let shown = null;

function tell() {
  if (shown) shown.textContent = Object.values(tins).reduce((sum, count) => sum + count, 0);
}

export const basket = {
  show(element) {
    shown = element;
    tell();
  },
  add(tea) {
    tins[tea] = (tins[tea] ?? 0) + 1;
    write("basket", tins);
    tell();
  },
};
