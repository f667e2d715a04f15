// Review: one recording, one key, the next. What the detector said is shown after the answer.

import { Keys } from "./keys.js";
import { Outbox, post } from "./outbox.js";
import { clock, Player, Preloaded } from "./player.js";

const HOLD_MS = 60_000; // a lock is renewed while somebody listens
const NAMES = { bonafide: "bona fide", spoof: "spoof", unsure: "unsure", unusable: "unusable" };
const byId = (id) => document.getElementById(id);
const home = byId("review");
const csrf = home.dataset.csrf;

const player = new Player(document.querySelector("[data-player]"), onPlayer);
const outbox = new Outbox(home.dataset.person, csrf, onDelivery);
const reference = new Audio();
let now = null; // the item that is judged
let next = null; // {item, loaded}: the one after it
let skipped = [];
let shownAt = 0;
let compared = []; // what `r` plays, in turn
let turn = 0;

// ---- what is shown -----------------------------------------------------------------------------

function say(text) { byId("say").textContent = text; }

function only(id) {
  for (const name of ["clip", "empty", "wrong"]) byId(name).hidden = name !== id;
}

function showCounts(counts) {
  if (!counts) return;
  const pace = counts.seconds === null ? "" : `, ${Math.round(counts.seconds)} s each`;
  const left = counts.seconds === null ? "" : `, about ${Math.max(1, Math.round(counts.waiting * counts.seconds / 60))} min left`;
  byId("progress").textContent = `${counts.done_today} answered today${pace}, ${counts.waiting} waiting${counts.waiting ? left : ""}`;
}

function showTrouble(sentence) {
  byId("wrong").textContent = sentence;
  byId("wrong").hidden = false;
}

function onDelivery({ waiting, sentence, isRefusal }) {
  const line = byId("delivery");
  line.replaceChildren();
  if (!sentence) return;
  const text = document.createElement("p");
  text.className = isRefusal ? "trouble" : "warning";
  text.textContent = waiting > 1 ? `${sentence} ${waiting} wait.` : sentence;
  line.append(text);
}

function onPlayer(state) {
  if (state === "playing") stopReference();
}

// ---- from one recording to the next --------------------------------------------------------------

async function ask(besides) {
  const answer = await post("/review/next", { besides: besides.slice(-200) }, csrf);
  if (answer.sentence) { if (!now) { only("wrong"); showTrouble(answer.sentence); setTimeout(advance, 2000); } return null; }
  showCounts(answer.counts);
  return answer;
}

async function advance() {
  const mine = ++turn;
  const waiting = outbox.entries.map((entry) => entry.document.sample_id).filter(Boolean);
  const ready = next;
  next = null;
  if (ready) {
    open(ready.item, ready.loaded);
  } else {
    const answer = await ask([...skipped, ...waiting]);
    if (!answer || mine !== turn) return;
    if (!answer.item) { finish(); return; }
    open(answer.item);
  }
  preload(mine, waiting);
}

async function preload(mine, waiting) {
  const answer = await ask([...skipped, ...waiting, now.sample_id]);
  // answered meanwhile: the next question gets the same recording, which stays this reviewer's
  if (!answer?.item || mine !== turn) return;
  next = { item: answer.item, loaded: answer.item.has_audio ? new Preloaded(answer.item.media) : null };
}

function open(item, loaded = null) {
  now = item;
  shownAt = performance.now();
  only("clip");
  byId("clip-title").textContent = `Recording ${item.sample_id}, ${clock(item.seconds)}`;
  for (const box of document.querySelectorAll("[name=reason]")) box.checked = false;
  byId("other-reason").value = byId("attack").value = "";
  player.unload();
  showRegions();
  showNeighbours(null);
  if (item.has_audio) player.load(item.media, loaded);
  else player.note.textContent = "No audio was kept of this recording: it can only be unusable.";
  compare(item);
  say(`Recording ${item.sample_id}, ${item.seconds.toFixed(1)} seconds.`);
}

function finish() {
  now = null;
  player.unload();
  only("empty");
  say("Nothing waits for you.");
}

function giveBack(item) {
  const form = new FormData();
  form.set("csrf", csrf);
  form.set("document", JSON.stringify({ sample_id: item.sample_id }));
  navigator.sendBeacon("/review/release", form);
}

// ---- answers -----------------------------------------------------------------------------------

function decide(label) {
  if (!now) return;
  const answer = {
    sample_id: now.sample_id,
    key: crypto.randomUUID(),
    label,
    attack_id: label === "spoof" ? byId("attack").value.trim() || null : null,
    reasons: reasons(),
    regions: player.regions.map(({ start_s, end_s, label: what }) => ({ start_s, end_s, label: what })),
    seconds: (performance.now() - shownAt) / 1000,
  };
  stopReference();
  player.pause();
  const item = now;
  now = null; // a second key before the next recording is there answers nothing
  outbox.send("/review/answer", answer).then((done) => {
    showCounts(done.counts);
    showLast(item, done.judged);
  }, (refusal) => onDelivery({ waiting: 0, sentence: `Recording ${item.sample_id}: ${refusal.message}`, isRefusal: true }));
  say(`${NAMES[label]}.`);
  advance();
}

function reasons() {
  const ticked = [...document.querySelectorAll("[name=reason]:checked")].map((box) => box.value);
  const other = byId("other-reason").value.trim();
  return other ? [...ticked, other] : ticked;
}

async function showLast(item, judged) {
  byId("last").hidden = false;
  byId("last-said").textContent = `Recording ${item.sample_id}: you said ${NAMES[judged.label] ?? "nothing"}.`;
  const response = await fetch(judged.revealed, { redirect: "manual", headers: { "HX-Request": "true" } });
  if (response.ok) byId("revealed").innerHTML = await response.text(); // a template of ours, escaped
}

function undo() {
  outbox.send("/review/undo", { key: crypto.randomUUID() }).then((done) => {
    turn += 1;
    if (now && now.sample_id !== done.item.sample_id) {
      if (next) giveBack(next.item);
      next = { item: now, loaded: now.has_audio ? new Preloaded(now.media) : null };
    }
    showCounts(done.counts);
    byId("last").hidden = true;
    byId("revealed").replaceChildren();
    open(done.item);
    say(`Undone: recording ${done.item.sample_id} waits for your answer again.`);
  }, (refusal) => onDelivery({ waiting: 0, sentence: refusal.message, isRefusal: true }));
}

function skip() {
  if (!now) return;
  skipped.push(now.sample_id);
  giveBack(now);
  now = null;
  player.pause();
  advance();
}

// ---- regions -----------------------------------------------------------------------------------

function addRegion(label) {
  const { a, b } = player.loop;
  if (a === null && b === null) { say("Set the ends a and b first."); player.note.textContent = "Set the ends a and b first."; return; }
  const start = a ?? 0, end = Math.min(b ?? player.seconds, now.seconds);
  player.regions.push({ start_s: Number(start.toFixed(3)), end_s: Number(end.toFixed(3)), label });
  player.setLoop(null, null);
  showRegions();
}

function showRegions() {
  byId("regions").replaceChildren(...player.regions.map((region) => {
    const line = document.createElement("li");
    line.textContent = `${clock(region.start_s)}–${clock(region.end_s)} ${NAMES[region.label]} `;
    const remove = document.createElement("button");
    remove.type = "button"; remove.className = "second"; remove.textContent = "Remove";
    remove.addEventListener("click", () => { player.regions = player.regions.filter((one) => one !== region); showRegions(); });
    line.append(remove);
    return line;
  }));
  if (player.regions.length) byId("details").open = true;
  player.draw();
}

// ---- A/B ---------------------------------------------------------------------------------------

async function compare(item) {
  try {
    const response = await fetch(item.compare, { redirect: "manual" });
    if (response.ok && now === item) showNeighbours(await response.json());
  } catch { /* the delivery line tells of a console that does not answer */ }
}

function showNeighbours(found) {
  compared = [];
  byId("neighbours").replaceChildren(...["bonafide", "spoof"].map((label) => {
    const line = document.createElement("li");
    const one = found?.[label];
    if (!one?.media) {
      line.textContent = found ? `${NAMES[label]}: ${one?.sentence ?? "none"}.` : `${NAMES[label]}: looking …`;
      return line;
    }
    const button = document.createElement("button");
    button.type = "button"; button.className = "second"; button.textContent = `Play ${NAMES[label]}`;
    button.addEventListener("click", () => playReference({ ...one, label }));
    compared.push({ ...one, label });
    line.append(button, ` recording ${one.sample_id}, distance ${one.distance.toPrecision(2)}`);
    return line;
  }));
}

function playReference(one) {
  player.pause();
  reference.src = `${one.media}/sound.wav?channel=mix`;
  reference.dataset.sample = one.sample_id;
  reference.play().catch(() => {});
  say(`Reference, ${NAMES[one.label]}, recording ${one.sample_id}.`);
}

function stopReference() {
  reference.pause();
  delete reference.dataset.sample;
}

function nextReference() {
  if (!compared.length) { say("There is no reviewed recording to compare with."); return; }
  const at = reference.paused ? -1 : compared.findIndex((one) => String(one.sample_id) === reference.dataset.sample);
  if (at + 1 < compared.length) playReference(compared[at + 1]);
  else { stopReference(); player.toggle(); }
}

// ---- keys and buttons --------------------------------------------------------------------------

const ACTIONS = [
  { name: "play", title: "Play or pause", key: "space", run: () => { stopReference(); player.toggle(); } },
  { name: "bonafide", title: "Bona fide", key: "1", run: () => decide("bonafide") },
  { name: "spoof", title: "Spoof", key: "2", run: () => decide("spoof") },
  { name: "unsure", title: "Unsure", key: "3", run: () => decide("unsure") },
  { name: "unusable", title: "Unusable", key: "4", run: () => decide("unusable") },
  { name: "undo", title: "Undo the last answer", key: "ctrl+z", run: undo },
  { name: "loop-a", title: "Begin the loop here", key: "a", run: () => player.setLoopEnd("a") },
  { name: "loop-b", title: "End the loop here", key: "b", run: () => player.setLoopEnd("b") },
  { name: "no-loop", title: "No loop", key: "c", run: () => player.setLoop(null, null) },
  { name: "reference", title: "Compare with the nearest", key: "r", run: nextReference },
  { name: "back", title: "A second back", key: "ArrowLeft", run: () => player.skip(-1) },
  { name: "on", title: "A second on", key: "ArrowRight", run: () => player.skip(1) },
  { name: "slower", title: "Slower", key: ",", run: () => player.faster(-1) },
  { name: "faster", title: "Faster", key: ".", run: () => player.faster(1) },
  { name: "channel", title: "Next channel", key: "x", run: () => player.nextChannel() },
  { name: "skip", title: "Skip", key: "s", run: skip },
  { name: "help", title: "These keys", key: "?", run: () => { showKeys(); byId("help").showModal(); } },
];
const keys = new Keys(ACTIONS);
const BUTTONS = {
  "region-spoof": () => addRegion("spoof"),
  "region-bonafide": () => addRegion("bonafide"),
  again: () => { skipped = []; advance(); },
  "reset-keys": () => { keys.reset(); showKeys(); },
};

document.addEventListener("click", (event) => {
  const name = event.target.closest("[data-act]")?.dataset.act;
  if (!name) return;
  (BUTTONS[name] ?? ACTIONS.find((one) => one.name === name)?.run)?.();
});

function showKeys() {
  byId("keys").replaceChildren(...ACTIONS.map((action) => {
    const row = document.createElement("tr");
    const title = document.createElement("th"), key = document.createElement("td"), change = document.createElement("td");
    title.scope = "row"; title.textContent = action.title;
    const shown = document.createElement("kbd");
    shown.textContent = keys.keyOf(action);
    key.append(shown);
    const button = document.createElement("button");
    button.type = "button"; button.className = "quiet"; button.textContent = "Change";
    button.setAttribute("aria-label", `Change the key of: ${action.title}`);
    button.addEventListener("click", () => {
      byId("keys-note").textContent = `Press the new key for “${action.title}”; Escape leaves it as it is.`;
      keys.listen(action, (other) => {
        byId("keys-note").textContent = other ? `That key is taken by “${other.title}”.` : "";
        showKeys();
      });
    });
    change.append(button);
    row.append(title, key, change);
    return row;
  }));
  for (const action of ACTIONS) {
    const hint = document.querySelector(`[data-act=${action.name}] kbd`);
    if (hint) hint.textContent = keys.keyOf(action);
  }
}

setInterval(() => { if (now && !document.hidden) post("/review/hold", { sample_id: now.sample_id }, csrf); }, HOLD_MS);
addEventListener("pagehide", () => { if (next) giveBack(next.item); });
showKeys();
outbox.run().then(advance);
