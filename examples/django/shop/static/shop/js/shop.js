// For every page: prices, the basket, and the timer on request.
import { price } from "money";
import { basket } from "./basket.js";

for (const element of document.querySelectorAll("data.price")) {
  element.textContent = price(Number(element.value));
}

basket.show(document.getElementById("basket"));
for (const button of document.querySelectorAll("[data-tin]")) {
  button.addEventListener("click", () => basket.add(button.dataset.tin));
}

for (const button of document.querySelectorAll("[data-steep]")) {
  button.addEventListener("click", async () => {
    const { steep } = await import("./timer.js");
    steep(document.getElementById("timer"), Number(button.dataset.steep));
  });
}

document.documentElement.dataset.ready = "";
