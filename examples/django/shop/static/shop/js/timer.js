// The timer for the pot, loaded on request.
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;

export function steep(place, minutes) {
  const whole = minutes * 60;
  const bar = Object.assign(document.createElement("progress"), { max: whole, value: 0 });
  const left = Object.assign(document.createElement("output"), { textContent: clock(whole) });
  place.className = "timer";
  place.replaceChildren(bar, left);
  place.hidden = false;
  const start = Date.now();
  const ticking = setInterval(() => {
    const passed = Math.min(whole, Math.floor((Date.now() - start) / 1000));
    bar.value = passed;
    left.textContent = clock(whole - passed);
    if (passed === whole || !place.isConnected || place.firstChild !== bar) clearInterval(ticking);
  }, 250);
}
