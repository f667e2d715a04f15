// Answers that are on their way: kept in the browser until the console has answered each of them.
// Each has a key of its own, so that the console stores one that is sent twice once.

const WAITS_MS = [300, 600, 1200, 2500, 5000];

export class Outbox {
  constructor(person, csrf, onState) {
    this.name = `antiphon-outbox-${person}`;
    this.csrf = csrf;
    this.onState = onState; // ({waiting, sentence})
    this.entries = this.read();
    this.isRunning = false;
  }

  get waiting() { return this.entries.length; }

  // Resolves with what the console answered; rejects with the sentence of a refusal.
  send(path, document) {
    return new Promise((resolve, reject) => {
      this.entries.push({ path, document, resolve, reject });
      this.write();
      this.run();
    });
  }

  async run() {
    if (this.isRunning) return;
    this.isRunning = true;
    for (let tries = 0; this.entries.length;) {
      const entry = this.entries[0];
      const answer = await post(entry.path, entry.document, this.csrf);
      if (answer.again) {
        this.onState({ waiting: this.waiting, sentence: answer.sentence });
        await new Promise((resolve) => setTimeout(resolve, WAITS_MS[Math.min(tries, WAITS_MS.length - 1)]));
        tries += 1;
        continue;
      }
      if (answer.lost && !entry.wasHeld) { // the lock ran out meanwhile: take it once more
        entry.wasHeld = true;
        await post("/review/hold", { sample_id: entry.document.sample_id }, this.csrf);
        continue;
      }
      tries = 0;
      this.entries.shift();
      this.write();
      if (answer.sentence) entry.reject?.(new Error(answer.sentence)); else entry.resolve?.(answer);
      if (answer.sentence && !entry.reject) this.onState({ waiting: this.waiting, sentence: answer.sentence, isRefusal: true });
    }
    this.isRunning = false;
    this.onState({ waiting: 0, sentence: "" });
  }

  read() {
    try { return JSON.parse(localStorage.getItem(this.name)) ?? []; } catch { return []; }
  }

  write() {
    const kept = this.entries.map(({ path, document }) => ({ path, document }));
    try { localStorage.setItem(this.name, JSON.stringify(kept)); } catch { /* the page still has them */ }
  }
}

// {again: true} where the console did not answer, or cannot now: the same may be sent once more.
export async function post(path, document, csrf) {
  const body = new FormData();
  body.set("document", JSON.stringify(document));
  let response;
  try {
    response = await fetch(path, { method: "POST", body, headers: { "X-CSRF-Token": csrf }, redirect: "manual" });
  } catch {
    return { again: true, sentence: "The console does not answer. Your answer is kept and sent again." };
  }
  if (response.type === "opaqueredirect" || response.status === 401) {
    return { again: true, sentence: "Your session has ended. Your answer is kept: sign in, then open this page again." };
  }
  if (response.status >= 500) {
    return { again: true, sentence: "The console cannot store answers now. Yours is kept and sent again." };
  }
  try { return await response.json(); }
  catch { return { sentence: `The console refused it (${response.status}). Load the page again.` }; }
}
