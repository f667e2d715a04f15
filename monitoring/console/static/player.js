// A recording that can be seen and heard: peaks and tiles come from the server, sound by range.
// The playhead is where `audio.currentTime` is: the sound is PCM, so seconds and samples agree.

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];
const PEAKS_H = 96, TILES_H = 160; // CSS pixels
const SHORTEST_VIEW_S = 0.05;
const KEPT_TILES = 96;
const POLL_MS = 300;

export function clock(seconds) {
  const whole = Math.max(0, seconds);
  const minutes = Math.floor(whole / 60);
  return `${minutes}:${(whole - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}

// What a server knows of a recording; resolves with facts, or with {sentence} where it cannot be heard.
export async function facts(media) {
  const response = await fetch(`${media}/info`, { redirect: "manual" });
  if (!response.ok) throw new Error(`the recording cannot be loaded (${response.status || "sign in again"})`);
  return response.json();
}

// Loads what a clip begins with, so that it is there when its turn comes.
export class Preloaded {
  constructor(media) {
    this.media = media;
    this.audio = new Audio();
    this.audio.preload = "auto";
    this.facts = facts(media);
    this.facts.then(() => { if (!this.audio.src) this.audio.src = `${media}/sound.wav?channel=mix`; }, () => {});
  }
}

export class Player {
  constructor(box, onState = () => {}) {
    this.box = box;
    this.onState = onState;
    for (const name of ["track", "peaks", "tiles", "head", "span", "play", "time", "speed", "channel", "note", "hertz", "zoom-in", "zoom-out", "whole", "clear"]) {
      this[name.replace("-", "_")] = box.querySelector(`[data-part=${name}]`);
    }
    this.audio = null;
    this.info = null;
    this.regions = [];
    this.marks = []; // the window scores behind a decision: {start, end, cm_score}
    this.tilesKept = new Map();
    this.turn = 0; // which load is the last
    this.unload();
    this.bind();
    new ResizeObserver(() => this.draw()).observe(this.track);
    document.addEventListener("antiphon:theme", () => this.draw());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  bind() {
    this.play.addEventListener("click", () => this.toggle());
    this.speed.addEventListener("change", () => { if (this.audio) this.audio.playbackRate = Number(this.speed.value); });
    this.channel.addEventListener("change", () => this.setChannel(this.channel.value));
    this.zoom_in.addEventListener("click", () => this.zoom(0.5));
    this.zoom_out.addEventListener("click", () => this.zoom(2));
    this.whole.addEventListener("click", () => this.show(0, this.seconds));
    this.clear.addEventListener("click", () => this.setLoop(null, null));
    this.track.addEventListener("keydown", (event) => this.onTrackKey(event));
    this.track.addEventListener("pointerdown", (event) => this.onPointer(event));
    this.track.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.timeAt(event));
    }, { passive: false });
  }

  // ---- loading -------------------------------------------------------------------------------

  async load(media, preloaded = null) {
    this.unload();
    const turn = this.turn;
    this.media = media;
    this.audio = preloaded?.audio ?? new Audio();
    this.audio.preload = "auto";
    this.audio.preservesPitch = true;
    this.listenTo(this.audio, turn);
    this.note.textContent = "Loading…";
    let info;
    try { info = await (preloaded?.facts ?? facts(media)); }
    catch (error) { if (turn === this.turn) this.note.textContent = error.message; return; }
    if (turn !== this.turn) return;
    this.begin(info);
    while (turn === this.turn && ["waiting", "reading"].includes(this.info.progress)) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      try { info = await facts(media); } catch { continue; }
      if (turn === this.turn) this.learn(info);
    }
  }

  begin(info) {
    this.seconds = info.seconds ?? 0;
    this.from = 0;
    this.to = Math.max(this.seconds, SHORTEST_VIEW_S);
    this.learn(info);
  }

  learn(info) {
    const before = this.info;
    this.info = info;
    if (info.seconds && info.seconds !== this.seconds) {
      const all = this.to >= this.seconds;
      this.seconds = info.seconds;
      if (all) this.to = this.seconds;
    }
    if (["refused", "failed"].includes(info.progress)) {
      this.note.textContent = `This recording cannot be heard: ${info.sentence}.`;
    } else if (info.progress === "ready") {
      this.note.textContent = "";
    } else {
      const share = info.seconds ? Math.round(100 * info.done_s / info.seconds) : 0;
      this.note.textContent = `The recording is still being read: ${share} %. What is drawn can be heard.`;
    }
    if (info.rate && !this.audio.src) this.audio.src = `${this.media}/sound.wav?channel=mix`;
    if (before?.channels !== info.channels) this.offerChannels(info.channels);
    this.hertz.textContent = info.rate ? `${(info.highest_hz / 1000).toFixed(0)} kHz` : "";
    this.draw();
    this.onState("loaded");
  }

  offerChannels(count) {
    const names = count > 1 ? ["mix", ...Array(count).keys()] : ["mix"];
    this.channel.replaceChildren(...names.map((name) => new Option(name === "mix" ? (count > 1 ? "all, mixed" : "the only one") : `channel ${name}`, String(name))));
    this.channel.disabled = count < 2;
  }

  unload() {
    this.turn += 1;
    if (this.audio) { this.audio.pause(); this.audio.removeAttribute("src"); this.audio.load(); }
    this.audio = this.info = null;
    this.media = "";
    this.seconds = 0; this.from = 0; this.to = 1;
    this.regions = []; this.marks = [];
    this.loop = { a: null, b: null };
    this.tilesKept.clear();
    this.span.hidden = true;
    this.setPlaying(false);
    this.offerChannels(1);
    this.note.textContent = "";
    this.draw();
  }

  listenTo(audio, turn) {
    const mine = (act) => () => { if (turn === this.turn) act(); };
    audio.onplay = mine(() => { this.setPlaying(true); this.tick(turn); });
    audio.onpause = mine(() => this.setPlaying(false));
    audio.onended = mine(() => this.onEnded());
    audio.onseeked = mine(() => this.place());
    audio.onloadedmetadata = mine(() => { audio.playbackRate = Number(this.speed.value); this.place(); });
    audio.onerror = mine(() => {
      if (audio.getAttribute("src")) this.note.textContent = "The sound stopped; play again to load it again.";
      this.broken = true;
    });
  }

  // ---- playing -------------------------------------------------------------------------------

  toggle() {
    if (!this.audio?.src) return;
    if (this.broken) { this.broken = false; this.reload(); }
    if (this.audio.paused) this.start(); else this.audio.pause();
  }

  start() {
    const { a, b } = this.loop;
    if (b !== null && (this.time_s < (a ?? 0) || this.time_s >= b - 0.01)) this.seek(a ?? 0);
    else if (this.time_s >= this.seconds - 0.01) this.seek(a ?? 0);
    this.audio.play().catch(() => { this.note.textContent = "The browser did not begin to play; press play once more."; });
  }

  pause() { this.audio?.pause(); }

  get time_s() { return this.audio?.currentTime ?? 0; }

  get isPlaying() { return Boolean(this.audio && !this.audio.paused); }

  seek(time) {
    if (!this.audio) return;
    this.audio.currentTime = Math.min(Math.max(time, 0), this.seconds);
    this.place();
  }

  skip(seconds) { this.seek(this.time_s + seconds); }

  faster(step) {
    const at = SPEEDS.indexOf(Number(this.speed.value));
    this.speed.value = String(SPEEDS[Math.min(Math.max(at + step, 0), SPEEDS.length - 1)]);
    this.speed.dispatchEvent(new Event("change"));
  }

  setChannel(name) {
    const at = this.time_s, playing = this.isPlaying;
    this.channel.value = name;
    this.tilesKept.clear();
    this.reload(at, playing);
    this.draw();
  }

  nextChannel() {
    const count = this.channel.options.length;
    if (count > 1) this.setChannel(this.channel.options[(this.channel.selectedIndex + 1) % count].value);
  }

  reload(at = this.time_s, playing = false) {
    if (!this.audio) return;
    const audio = this.audio;
    audio.src = `${this.media}/sound.wav?channel=${this.channel.value}`;
    audio.currentTime = at;
    if (playing) audio.play().catch(() => {});
  }

  onEnded() {
    if (this.loop.a === null && this.loop.b === null) { this.setPlaying(false); return; }
    this.seek(this.loop.a ?? 0);
    this.audio.play().catch(() => {});
  }

  tick(turn) {
    if (turn !== this.turn || !this.isPlaying) return;
    const { a, b } = this.loop;
    if (b !== null && this.time_s >= b) this.audio.currentTime = a ?? 0;
    this.place();
    requestAnimationFrame(() => this.tick(turn));
  }

  setPlaying(on) {
    this.play.textContent = on ? "Pause" : "Play";
    this.play.setAttribute("aria-pressed", String(on));
    this.place();
    this.onState(on ? "playing" : "paused");
  }

  // a, b: seconds, or null; the wrong way round they change places
  setLoop(a, b) {
    if (a !== null && b !== null && a > b) [a, b] = [b, a];
    if (a !== null && b !== null && b - a < 0.02) b = null;
    this.loop = { a, b };
    this.place();
    this.onState("loop");
  }

  setLoopEnd(which) {
    const { a, b } = this.loop;
    if (which === "a") this.setLoop(this.time_s, b); else this.setLoop(a, this.time_s);
  }

  // ---- seeing --------------------------------------------------------------------------------

  show(from, to) {
    const span = Math.min(Math.max(to - from, SHORTEST_VIEW_S), Math.max(this.seconds, SHORTEST_VIEW_S));
    this.from = Math.min(Math.max(from, 0), Math.max(this.seconds - span, 0));
    this.to = this.from + span;
    this.draw();
  }

  zoom(factor, around = this.time_s) {
    const at = around >= this.from && around <= this.to ? around : (this.from + this.to) / 2;
    const span = (this.to - this.from) * factor;
    const share = (at - this.from) / (this.to - this.from);
    this.show(at - share * span, at + (1 - share) * span);
  }

  timeAt(event) {
    const box = this.track.getBoundingClientRect();
    return this.from + Math.min(Math.max((event.clientX - box.left) / box.width, 0), 1) * (this.to - this.from);
  }

  // A click seeks; a drag sets both ends of the loop.
  onPointer(event) {
    if (event.button !== 0 || !this.audio) return;
    const begin = this.timeAt(event), x = event.clientX;
    let dragged = false;
    this.track.setPointerCapture(event.pointerId);
    this.track.onpointermove = (move) => {
      dragged ||= Math.abs(move.clientX - x) > 5;
      if (dragged) this.setLoop(begin, this.timeAt(move));
    };
    this.track.onpointerup = () => {
      this.track.onpointermove = this.track.onpointerup = null;
      this.seek(dragged ? this.loop.a ?? begin : begin);
    };
  }

  onTrackKey(event) {
    const step = (this.to - this.from) / 50;
    const moves = { Home: -Infinity, End: Infinity, PageUp: 10 * step, PageDown: -10 * step };
    if (event.key in moves) { event.preventDefault(); this.seek(this.time_s + moves[event.key]); }
    else if (event.key === "+") this.zoom(0.5);
    else if (event.key === "-") this.zoom(2);
  }

  at(time) { return `${100 * (time - this.from) / (this.to - this.from)}%`; }

  place() {
    const time = this.time_s;
    if (this.isPlaying && this.to < this.seconds - 0.01 && (time > this.to || time < this.from)) {
      const span = this.to - this.from;
      this.show(time - 0.05 * span, time + 0.95 * span);
    }
    this.head.style.left = this.at(time);
    this.head.hidden = time < this.from || time > this.to;
    this.time.textContent = `${clock(time)} / ${clock(this.seconds)}`;
    this.track.setAttribute("aria-valuemax", this.seconds.toFixed(2));
    this.track.setAttribute("aria-valuenow", time.toFixed(2));
    this.track.setAttribute("aria-valuetext", `${time.toFixed(1)} of ${this.seconds.toFixed(1)} seconds`);
    const { a, b } = this.loop ?? {};
    this.span.hidden = (a ?? null) === null && (b ?? null) === null;
    if (!this.span.hidden) {
      const start = a ?? 0, end = b ?? this.seconds;
      this.span.style.left = this.at(start);
      this.span.style.width = `${100 * (end - start) / (this.to - this.from)}%`;
    }
    this.clear.disabled = this.span.hidden;
  }

  draw() {
    this.place();
    clearTimeout(this.soon);
    this.soon = setTimeout(() => this.drawNow(), 30);
  }

  async drawNow() {
    const width = Math.round(this.track.clientWidth), scale = devicePixelRatio || 1;
    if (!width) return;
    for (const [canvas, height] of [[this.peaks, PEAKS_H], [this.tiles, TILES_H]]) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
    }
    if (!this.info?.rate) return;
    this.drawTiles();
    const turn = this.turn, { from, to } = this, channel = this.channel.value;
    const columns = Math.min(this.peaks.width, 2400);
    try {
      const response = await fetch(`${this.media}/peaks?from=${from}&to=${to}&columns=${columns}&channel=${channel}`, { redirect: "manual" });
      if (!response.ok || turn !== this.turn || from !== this.from || to !== this.to) return;
      this.drawPeaks(new Int16Array(await response.arrayBuffer()));
    } catch { /* the note says that the console does not answer, once something is asked of it */ }
  }

  colour(name) { return getComputedStyle(this.box).getPropertyValue(name).trim(); }

  drawPeaks(peaks) {
    const canvas = this.peaks, context = canvas.getContext("2d");
    const { width, height } = canvas, columns = peaks.length / 2, step = width / columns;
    context.clearRect(0, 0, width, height);
    let loudest = 1;
    for (const peak of peaks) loudest = Math.max(loudest, Math.abs(peak));
    const gain = Math.min(32767 / loudest, 16) * 0.47 * height / 32767; // a quiet call can be seen, too
    context.fillStyle = this.colour("--accent");
    for (let column = 0; column < columns; column++) {
      const top = height / 2 - peaks[2 * column + 1] * gain, bottom = height / 2 - peaks[2 * column] * gain;
      context.fillRect(column * step, top, Math.max(step, 1), Math.max(bottom - top, 1));
    }
    for (const region of this.regions) {
      context.fillStyle = this.colour(region.label === "spoof" ? "--bad" : "--good");
      context.fillRect((region.start_s - this.from) / (this.to - this.from) * width, height - 6 * (devicePixelRatio || 1),
        (region.end_s - region.start_s) / (this.to - this.from) * width, 6 * (devicePixelRatio || 1));
    }
    this.peaks.dataset.drawn = `${this.from}-${this.to}`;
  }

  drawTiles() {
    const { info, tiles } = this, context = tiles.getContext("2d");
    const span = this.to - this.from, wanted = span / tiles.width / info.column_s;
    const level = Math.min(Math.max(Math.floor(Math.log2(Math.max(wanted, 1))), 0), info.levels - 1);
    const length = info.tile_columns * info.column_s * 2 ** level;
    context.fillStyle = "#000004";
    context.fillRect(0, 0, tiles.width, tiles.height);
    for (let index = Math.floor(this.from / length); index * length < this.to; index++) {
      if (info.progress !== "ready" && (index + 1) * length > info.done_s) break;
      this.tile(level, index, (picture) => {
        const left = (index * length - this.from) / span * tiles.width;
        context.drawImage(picture, left, 0, length / span * tiles.width + 0.5, tiles.height);
        tiles.dataset.drawn = String(level);
      });
    }
  }

  tile(level, index, draw) {
    const url = `${this.media}/tile?level=${level}&index=${index}&channel=${this.channel.value}`;
    const view = `${this.from} ${this.to} ${this.tiles.width}`;
    let picture = this.tilesKept.get(url);
    if (picture?.complete && picture.naturalWidth) { draw(picture); return; }
    if (!picture) {
      picture = new Image();
      picture.src = url;
      picture.addEventListener("error", () => this.tilesKept.delete(url), { once: true });
      this.tilesKept.set(url, picture);
      if (this.tilesKept.size > KEPT_TILES) this.tilesKept.delete(this.tilesKept.keys().next().value);
    }
    picture.addEventListener("load", () => {
      if (view === `${this.from} ${this.to} ${this.tiles.width}`) draw(picture);
    }, { once: true });
  }
}
