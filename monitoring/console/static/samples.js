// Samples: a recording is played from the list, or seen and heard on its own page.

import { Keys } from "./keys.js";
import { Player } from "./player.js";

const audio = new Audio();
let button = null;

function stop() {
  audio.pause();
  if (button) { button.textContent = "Play"; button.setAttribute("aria-pressed", "false"); }
  button = null;
}

audio.addEventListener("ended", stop);
audio.addEventListener("error", () => {
  if (button) button.textContent = "Cannot be played";
  button = null;
});

document.addEventListener("click", (event) => {
  const one = event.target.closest("[data-play]");
  if (!one) return;
  const again = one === button;
  stop();
  if (again) return;
  button = one;
  button.textContent = "Stop";
  button.setAttribute("aria-pressed", "true");
  audio.src = one.dataset.play;
  audio.play().catch(() => {});
});

const box = document.querySelector("[data-media]");
if (box) {
  const player = new Player(box.querySelector("[data-player]"));
  player.load(box.dataset.media);
  new Keys([
    { name: "play", key: "space", run: () => player.toggle() },
    { name: "loop-a", key: "a", run: () => player.setLoopEnd("a") },
    { name: "loop-b", key: "b", run: () => player.setLoopEnd("b") },
    { name: "no-loop", key: "c", run: () => player.setLoop(null, null) },
    { name: "back", key: "ArrowLeft", run: () => player.skip(-1) },
    { name: "on", key: "ArrowRight", run: () => player.skip(1) },
    { name: "slower", key: ",", run: () => player.faster(-1) },
    { name: "faster", key: ".", run: () => player.faster(1) },
    { name: "channel", key: "x", run: () => player.nextChannel() },
  ]);
}
