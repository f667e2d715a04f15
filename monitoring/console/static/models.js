"use strict";
// DET curves: axes in normal deviates, ticks in percent.

const TICKS = [0.1, 0.5, 1, 2, 5, 10, 20, 40, 60, 80, 95];

// Acklam's approximation of the inverse normal distribution, for ticks: exact to a pixel.
function deviate(p) {
  const a = [-39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716, 2.506628277459239];
  const b = [-54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972, -13.28068155288572];
  const c = [-0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734, 4.374664141464968, 2.938163982698783];
  const d = [0.007784695709041462, 0.3224671290700398, 2.445134137142996, 3.754408661907416];
  if (p > 0.5) return -deviate(1 - p);
  if (p < 0.02425) {
    const q = Math.sqrt(-2 * Math.log(p));
    return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) / ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
  }
  const q = p - 0.5, r = q * q;
  return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q / (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

function drawDet() {
  const canvas = document.getElementById("det");
  if (!canvas?.clientWidth) return;
  const drawn = JSON.parse(canvas.dataset.drawn), ratio = devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  canvas.width = width * ratio; canvas.height = height * ratio;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  const all = drawn.flatMap((curve) => curve.points.flat());
  const low = Math.max(-3.4, Math.min(...all) - 0.15), high = Math.min(3.4, Math.max(...all) + 0.15);
  const left = 44, bottom = height - 34, right = width - 8, top = 8;
  const x = (v) => left + (v - low) / (high - low) * (right - left);
  const y = (v) => bottom - (v - low) / (high - low) * (bottom - top);
  pen.font = "11px system-ui, sans-serif";
  pen.fillStyle = antiphon.colour("--quiet"); pen.strokeStyle = antiphon.colour("--line");
  for (const tick of TICKS) {
    const at = deviate(tick / 100);
    if (at < low || at > high) continue;
    pen.beginPath(); pen.moveTo(x(at), top); pen.lineTo(x(at), bottom); pen.moveTo(left, y(at)); pen.lineTo(right, y(at)); pen.stroke();
    pen.textAlign = "center"; pen.fillText(`${tick}`, x(at), bottom + 14);
    pen.textAlign = "right"; pen.fillText(`${tick}`, left - 6, y(at) + 4);
  }
  pen.textAlign = "center"; pen.fillText("false alarms, %", (left + right) / 2, height - 4);
  pen.save(); pen.translate(11, (top + bottom) / 2); pen.rotate(-Math.PI / 2); pen.fillText("misses, %", 0, 0); pen.restore();
  pen.setLineDash([3, 4]); pen.beginPath(); pen.moveTo(x(low), y(low)); pen.lineTo(x(high), y(high)); pen.stroke(); pen.setLineDash([]);
  pen.save(); pen.beginPath(); pen.rect(left, top, right - left, bottom - top); pen.clip();
  drawn.forEach((curve, index) => {
    pen.strokeStyle = antiphon.colour(`--curve-${index % 5 + 1}`); pen.lineWidth = 2;
    pen.beginPath();
    curve.points.forEach(([a, b], i) => (i ? pen.lineTo(x(a), y(b)) : pen.moveTo(x(a), y(b))));
    pen.stroke();
  });
  pen.restore();
}

document.addEventListener("htmx:afterSettle", drawDet);
addEventListener("resize", drawDet);
antiphon.whenThemeChanges(drawDet);
