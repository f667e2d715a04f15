"use strict";
// Colours of the theme for canvases, and uPlot's options that all curves share.

window.antiphon = {
  colour(name) { return getComputedStyle(document.documentElement).getPropertyValue(name).trim(); },
  axis(extra = {}) {
    const ink = this.colour("--quiet"), line = this.colour("--line");
    return { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "11px system-ui, sans-serif", ...extra };
  },
  whenThemeChanges(draw) {
    document.addEventListener("antiphon:theme", draw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  },
};
