"use strict";
// The curves of the signals, and the map of embeddings.

const MARKS = { swap: "--curve-2", cycle: "--curve-4", release: "--curve-5" };

let drawn = null;

async function loadCurves() {
  const place = document.getElementById("curves");
  if (!place) return;
  try {
    const answer = await fetch(place.dataset.source);
    if (!answer.ok) throw new Error(await sentenceOf(answer));
    drawn = await answer.json();
    drawCurves();
  } catch (error) {
    say(place, "trouble", `The curves cannot be drawn: ${error.message}`);
  }
}

function drawCurves() {
  const place = document.getElementById("curves");
  if (!place || !drawn) return;
  place.replaceChildren();
  for (const curve of drawn.curves) {
    const box = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = curve.name;
    const last = curve.v.length - 1;
    if (curve.v[last] > curve.l[last]) caption.className = "bad";
    box.append(caption);
    place.append(box);
    const alone = curve.t.length === 1;
    new uPlot({
      width: box.clientWidth, height: 130, tzDate: (at) => uPlot.tzDate(new Date(at * 1e3), "Etc/UTC"), cursor: { y: false }, legend: { show: false },
      scales: { x: { time: true, ...(alone ? { range: [curve.t[0] - 3600, curve.t[0] + 3600] } : {}) }, y: { range: (_, low, high) => [Math.min(0, low), Math.max(high, 1e-6) * 1.08] } },
      axes: [antiphon.axis({ space: 84, size: 26, values: times }), antiphon.axis({ size: 44, space: 28 })],
      series: [{},
        { stroke: antiphon.colour("--curve-1"), width: 1.6, points: { show: curve.t.length < 40, size: 4 } },
        { stroke: antiphon.colour("--bad"), width: 1.2, dash: [5, 4], points: { show: alone, size: 3 } }],
      hooks: { draw: [(plot) => drawMarks(plot, drawn.marks)] },
    }, [curve.t, curve.v, curve.l], box);
  }
}

// in UTC, as all times of the console
function times(plot, ticks) {
  const span = plot.scales.x.max - plot.scales.x.min, day = 86_400;
  return ticks.map((at) => {
    const text = new Date(at * 1e3).toISOString();
    return span > 3 * day ? text.slice(5, 10) : at % day === 0 ? text.slice(5, 10) : text.slice(11, 16);
  });
}

function drawMarks(plot, marks) {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.lineWidth = 1;
  for (const mark of marks) {
    const x = plot.valToPos(mark.t, "x", true);
    if (x < bbox.left || x > bbox.left + bbox.width) continue;
    ctx.strokeStyle = antiphon.colour(MARKS[mark.kind]);
    ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
  }
  ctx.restore();
}

const chart = { document: null, chosen: new Set(), canvas: null, drag: null };

async function loadMap() {
  const place = document.getElementById("map");
  if (!place) return;
  try {
    const answer = await fetch(place.dataset.source, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(await sentenceOf(answer));
    chart.document = await answer.json();
  } catch (error) {
    say(place, "trouble", `The map cannot be drawn: ${error.message}`);
    return;
  }
  if (!chart.document.answers.length) {
    say(place, "empty", "The champion has answered nothing yet: only its reference is known.");
    return;
  }
  chart.canvas = document.createElement("canvas");
  chart.canvas.setAttribute("role", "img");
  chart.canvas.setAttribute("aria-label", `${chart.document.answers.length} answers among ${chart.document.reference.length} trials of the reference; the groups beside can be chosen by keyboard.`);
  place.replaceChildren(chart.canvas);
  listen(chart.canvas);
  drawMap();
  listGroups();
  new ResizeObserver(drawMap).observe(place);
}

async function sentenceOf(answer) {
  const text = new DOMParser().parseFromString(await answer.text(), "text/html");
  return text.querySelector(".trouble")?.textContent || `status ${answer.status}`;
}

function say(place, kind, sentence) {
  const line = document.createElement("p");
  line.className = kind;
  line.textContent = sentence;
  place.replaceChildren(line);
}

function frame() {
  const { reference, answers } = chart.document;
  const xs = [...reference.map((p) => p[0]), ...answers.map((p) => p.x)].sort((a, b) => a - b);
  const ys = [...reference.map((p) => p[1]), ...answers.map((p) => p.y)].sort((a, b) => a - b);
  const ends = (v) => { const pad = (v[v.length - 1] - v[0]) * 0.04 || 1; return [v[0] - pad, v[v.length - 1] + pad]; };
  const [x0, x1] = ends(xs), [y0, y1] = ends(ys);
  const width = chart.canvas.clientWidth, height = chart.canvas.clientHeight;
  return { x: (v) => (v - x0) / (x1 - x0) * width, y: (v) => height - (v - y0) / (y1 - y0) * height };
}

function drawMap() {
  const { canvas } = chart, ratio = devicePixelRatio || 1;
  if (!canvas?.clientWidth) return;
  canvas.width = canvas.clientWidth * ratio;
  canvas.height = canvas.clientHeight * ratio;
  const pen = canvas.getContext("2d"), at = frame();
  pen.scale(ratio, ratio);
  const dot = (x, y, size) => { pen.beginPath(); pen.arc(x, y, size, 0, 7); pen.fill(); };
  pen.globalAlpha = 0.35; pen.fillStyle = antiphon.colour("--quiet");
  for (const [x, y] of chart.document.reference) dot(at.x(x), at.y(y), 2.5);
  pen.globalAlpha = 0.85; pen.fillStyle = antiphon.colour("--curve-2");
  for (const point of chart.document.answers) dot(at.x(point.x), at.y(point.y), 3.5);
  pen.globalAlpha = 1; pen.strokeStyle = antiphon.colour("--ink"); pen.lineWidth = 2;
  for (const point of chart.document.answers) {
    if (!chart.chosen.has(point.id)) continue;
    pen.beginPath(); pen.arc(at.x(point.x), at.y(point.y), 5.5, 0, 7); pen.stroke();
  }
  if (chart.drag?.to) {
    const [a, b] = [chart.drag.from, chart.drag.to];
    pen.lineWidth = 1; pen.setLineDash([4, 3]);
    pen.strokeRect(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.abs(a.x - b.x), Math.abs(a.y - b.y));
  }
}

function listen(canvas) {
  const place = (event) => ({ x: event.offsetX, y: event.offsetY });
  canvas.addEventListener("pointerdown", (event) => { chart.drag = { from: place(event), to: null }; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointermove", (event) => {
    if (!chart.drag) return;
    const to = place(event), { from } = chart.drag;
    if (chart.drag.to || Math.hypot(to.x - from.x, to.y - from.y) > 4) { chart.drag.to = to; drawMap(); }
  });
  canvas.addEventListener("pointerup", () => {
    const { from, to } = chart.drag ?? {};
    chart.drag = null;
    if (!from) return;
    choose(to ? inside(from, to) : nearest(from));
  });
  canvas.addEventListener("pointercancel", () => { chart.drag = null; drawMap(); });
}

function inside(a, b) {
  const at = frame();
  const between = (v, p, q) => v >= Math.min(p, q) && v <= Math.max(p, q);
  return chart.document.answers.filter((p) => between(at.x(p.x), a.x, b.x) && between(at.y(p.y), a.y, b.y));
}

function nearest(from) {
  const at = frame();
  const far = (p) => Math.hypot(at.x(p.x) - from.x, at.y(p.y) - from.y);
  const [first] = [...chart.document.answers].sort((p, q) => far(p) - far(q));
  return first && far(first) < 14 ? [first] : [];
}

const MOST = 50;

function choose(points) {
  chart.chosen = new Set(points.slice(0, MOST).map((point) => point.id));
  drawMap();
  const list = document.getElementById("chosen-list"), send = document.querySelector("#chosen button[type=submit]");
  list.replaceChildren(...points.slice(0, MOST).map(row));
  if (points.length > MOST) {
    const more = document.createElement("li");
    more.className = "small";
    more.textContent = `${points.length - MOST} more are not chosen: ${MOST} at once at most.`;
    list.append(more);
  }
  if (send) {
    const ready = points.slice(0, MOST).filter((point) => point.audio).length;
    send.disabled = !ready;
    send.textContent = ready ? `Send ${ready} to review` : "Send to review";
  }
}

function row(point) {
  const item = document.createElement("li");
  const text = document.createElement("span");
  text.textContent = `${point.verdict}, cm_score ${point.score}, ${point.at}${point.source ? `, ${point.source}` : ""}`;
  item.append(text);
  if (point.audio) {
    const id = document.createElement("input");
    id.type = "hidden"; id.name = "request_id"; id.value = point.id;
    const sound = document.createElement("audio");
    sound.controls = true; sound.preload = "none"; sound.src = `/media/request/${encodeURIComponent(point.id)}/sound.wav`;
    sound.setAttribute("aria-label", `Answer of ${point.at}`);
    item.append(id, sound);
  } else {
    const note = document.createElement("span");
    note.className = "small"; note.textContent = " (its recording is not kept)";
    item.append(note);
  }
  return item;
}

function listGroups() {
  const groups = Map.groupBy ? Map.groupBy(chart.document.answers, (p) => p.group) : grouped(chart.document.answers);
  const mean = (points) => points.reduce((sum, p) => sum + p.far, 0) / points.length;
  const rows = [...groups.values()].sort((a, b) => mean(b) - mean(a));
  document.getElementById("groups").replaceChildren(...rows.map((points) => {
    const spoof = points.filter((p) => p.verdict === "spoof").length;
    const button = document.createElement("button");
    button.type = "button"; button.className = "second group";
    button.textContent = `${points.length} answers, ${spoof} called spoof, distance ${mean(points).toFixed(2)}`;
    button.addEventListener("click", () => choose([...points].sort((p, q) => q.far - p.far)));
    return button;
  }));
}

function grouped(points) {
  const groups = new Map();
  for (const point of points) groups.set(point.group, [...(groups.get(point.group) ?? []), point]);
  return groups;
}

loadCurves();
loadMap();
antiphon.whenThemeChanges(() => { drawCurves(); drawMap(); });
addEventListener("resize", drawCurves);
