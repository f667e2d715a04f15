// The keys of a page: what each does, which of them a person changed, and when they are dead.

const STORE = "antiphon-keys";
const DEAD = "input, textarea, select, [contenteditable], dialog[open] *";

export function nameOf(event) {
  const key = event.key === " " ? "space" : event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push("ctrl");
  if (event.altKey) parts.push("alt");
  return [...parts, key].join("+");
}

export class Keys {
  // actions: [{name, title, key, run}]
  constructor(actions) {
    this.actions = actions;
    this.changed = read();
    this.listening = null; // the action whose new key is waited for
    document.addEventListener("keydown", (event) => this.onKey(event));
  }

  keyOf(action) { return this.changed[action.name] ?? action.key; }

  onKey(event) {
    if (event.isComposing || ["Shift", "Control", "Alt", "Meta"].includes(event.key)) return;
    if (this.listening) { this.rebind(event); return; }
    if (event.target.closest?.(DEAD)) return;
    const key = nameOf(event);
    // space and Enter work the button that has the focus
    if ((key === "space" || key === "Enter") && event.target.closest?.("button, a, summary")) return;
    if (event.repeat && key !== "ArrowLeft" && key !== "ArrowRight") return;
    const action = this.actions.find((one) => this.keyOf(one) === key);
    if (!action) return;
    event.preventDefault();
    action.run();
  }

  rebind(event) {
    event.preventDefault();
    event.stopPropagation();
    const { action, done } = this.listening;
    this.listening = null;
    const key = nameOf(event);
    if (key === "Escape" || key === "Tab") { done(null); return; }
    const other = this.actions.find((one) => one !== action && this.keyOf(one) === key);
    if (other) { done(other); return; }
    this.changed[action.name] = key;
    write(this.changed);
    done(null);
  }

  listen(action, done) { this.listening = { action, done }; }

  reset() {
    this.changed = {};
    write(this.changed);
  }
}

function read() {
  try { return JSON.parse(localStorage.getItem(STORE)) ?? {}; } catch { return {}; }
}

function write(changed) {
  try { localStorage.setItem(STORE, JSON.stringify(changed)); } catch { /* for this page only */ }
}
