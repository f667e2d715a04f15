// Try: a file or the microphone to the endpoint. What is recorded is sent as WAV, made here.

import { clock, Player } from "./player.js";

const home = document.getElementById("try");
const byId = (id) => document.getElementById(id);
let recorder = null;

async function send(blob, name) {
  if (blob.size > Number(home.dataset.mostBytes)) {
    tell(`At most ${(home.dataset.mostBytes / 2 ** 20).toPrecision(3)} MiB expected, ${name} has ${(blob.size / 2 ** 20).toPrecision(3)}.`);
    return;
  }
  const form = new FormData();
  form.set("audio", blob, name);
  byId("busy").hidden = false;
  byId("result").replaceChildren();
  try {
    const response = await fetch("/try/score", { method: "POST", body: form, headers: { "X-CSRF-Token": home.dataset.csrf, "HX-Request": "true" }, redirect: "manual" });
    if (response.type === "opaqueredirect") { tell("Your session has ended: load the page again to sign in."); return; }
    byId("result").innerHTML = await response.text(); // a template of ours, escaped
    const box = byId("result").querySelector("[data-media]");
    if (box) new Player(box.querySelector("[data-player]")).load(box.dataset.media);
  } catch {
    tell("The console does not answer. Try it once more.");
  } finally {
    byId("busy").hidden = true;
  }
}

function tell(sentence) {
  const line = document.createElement("p");
  line.className = "trouble";
  line.setAttribute("role", "alert");
  line.textContent = sentence;
  byId("result").replaceChildren(line);
}

byId("upload").addEventListener("submit", (event) => {
  event.preventDefault();
  const [file] = byId("file").files;
  if (file) send(file, file.name);
});

// ---- the microphone ------------------------------------------------------------------------------

async function start() {
  const note = byId("record-note");
  note.textContent = "";
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  } catch (error) {
    note.textContent = error.name === "NotAllowedError"
      ? "The browser was not allowed to use the microphone: allow it beside the address, then record again."
      : "No microphone can be used on this device; send a file instead.";
    return;
  }
  const context = new AudioContext();
  await context.audioWorklet.addModule("/static/tap.js");
  const tap = new AudioWorkletNode(context, "tap", { numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit" });
  context.createMediaStreamSource(stream).connect(tap);
  recorder = { stream, context, blocks: [], samples: 0 };
  tap.port.onmessage = ({ data }) => {
    if (!recorder) return;
    recorder.blocks.push(data);
    recorder.samples += data.length;
    const seconds = recorder.samples / context.sampleRate;
    byId("recorded").textContent = clock(seconds).slice(0, -1);
    byId("level").value = data.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
    if (seconds >= Number(home.dataset.longestS) || 44 + 2 * recorder.samples >= Number(home.dataset.mostBytes) - 16384) stop();
  };
  byId("record").textContent = "Stop and score";
  byId("record").setAttribute("aria-pressed", "true");
}

function stop() {
  const { stream, context, blocks, samples } = recorder;
  recorder = null;
  for (const track of stream.getTracks()) track.stop();
  const rate = context.sampleRate;
  context.close();
  byId("record").textContent = "Record";
  byId("record").setAttribute("aria-pressed", "false");
  byId("level").value = 0;
  if (samples) send(wave(blocks, samples, rate), "microphone.wav");
  else byId("record-note").textContent = "Nothing was recorded.";
}

byId("record").addEventListener("click", () => { if (recorder) stop(); else start(); });

// 16-bit samples of one channel
function wave(blocks, samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples));
  const text = (at, letters) => [...letters].forEach((letter, place) => view.setUint8(at + place, letter.charCodeAt(0)));
  text(0, "RIFF"); view.setUint32(4, 36 + 2 * samples, true); text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); view.setUint16(20, 1, true); view.setUint16(22, 1, true);
  view.setUint32(24, rate, true); view.setUint32(28, 2 * rate, true); view.setUint16(32, 2, true); view.setUint16(34, 16, true);
  text(36, "data"); view.setUint32(40, 2 * samples, true);
  let at = 44;
  for (const block of blocks) {
    for (const sample of block) { view.setInt16(at, Math.max(-1, Math.min(1, sample)) * 32767, true); at += 2; }
  }
  return new Blob([view], { type: "audio/wav" });
}
