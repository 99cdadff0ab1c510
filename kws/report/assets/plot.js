// SPDX-License-Identifier: Apache-2.0
// Waveform, spectrogram, posteriors, truth and events of one recording on one time axis, with zoom and a playhead.
"use strict";

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const clock = (s, digits) => {
  const rounded = Number(Math.abs(s).toFixed(digits)), minutes = Math.floor(rounded / 60), rest = (rounded - 60 * minutes).toFixed(digits);
  return (s < 0 && rounded ? "−" : "") + (minutes ? `${minutes}:${rest.padStart(digits ? digits + 3 : 2, "0")}` : rest);
};

// The packed arrays of page_data.py: wave low and high, posteriors label by label, steps from decision to decision.
async function unpack(plot, rate_hz) {
  const stream = new Blob([bytesOf(plot.packed)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const buffer = await new Response(stream).arrayBuffer();
  const n = plot.columns, m = plot.decisions;
  const posteriors = plot.labels.map((_, i) => new Uint8Array(buffer, 2 * n + i * m, m));
  const steps = new DataView(buffer, 2 * n + plot.labels.length * m);
  const times = new Float64Array(m);
  for (let i = 0, at = 0; i < m; i++) {
    at += steps.getUint32(4 * i, true);
    times[i] = plot.start_s + at / rate_hz;
  }
  return { low: new Int8Array(buffer, 0, n), high: new Int8Array(buffer, n, n), posteriors, times };
}

// First index at or after a time.
function indexAt(times, t) {
  let low = 0, high = times.length;
  while (low < high) { const middle = (low + high) >> 1; if (times[middle] < t) low = middle + 1; else high = middle; }
  return low;
}

class Plot {
  // common: hues, thresholds and rate of the page; recording: with plot, pieces, windows, events.
  constructor(canvas, recording, common) {
    Object.assign(this, { canvas, recording, common, data: null, head_s: null, base: null });
    const { start_s, end_s } = recording.plot;
    this.all = this.view = [start_s, end_s];
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "img");
    this.listen();
  }

  async open() {
    const data = await unpack(this.recording.plot, this.common.rate_hz);
    await Promise.all(this.recording.pieces.map((piece) => decoded(piece, this.common.rate_hz)));
    this.data = data; // nothing is drawn before everything is there
    this.draw();
  }

  listen() {
    let from = null, moved = false;
    this.canvas.addEventListener("pointerdown", (e) => { from = { x: e.offsetX, view: this.view }; moved = false; });
    this.canvas.addEventListener("pointermove", (e) => {
      if (!from || !(e.buttons & 1)) return;
      moved = moved || Math.abs(e.offsetX - from.x) > 4;
      const shift = ((from.x - e.offsetX) / this.width()) * (from.view[1] - from.view[0]);
      if (moved) this.show(from.view[0] + shift, from.view[1] + shift);
    });
    this.canvas.addEventListener("pointerup", (e) => {
      if (from && !moved && this.onPick) this.onPick(this.timeAt(e.offsetX));
      from = null;
    });
    this.canvas.addEventListener("wheel", (e) => {
      if (!e.ctrlKey && !e.metaKey) return;
      e.preventDefault();
      this.zoom(Math.exp(e.deltaY / 200), this.timeAt(e.offsetX));
    }, { passive: false });
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    for (const look of ["(prefers-color-scheme: dark)", "print"]) matchMedia(look).addEventListener("change", () => this.draw());
  }

  width() { return Math.max(50, this.canvas.clientWidth - LEFT_PX - RIGHT_PX); }
  timeAt(x) { return this.view[0] + ((x - LEFT_PX) / this.width()) * (this.view[1] - this.view[0]); }
  x(t) { return LEFT_PX + ((t - this.view[0]) / (this.view[1] - this.view[0])) * this.width(); }

  // Show a stretch of time, as far as there is one.
  show(from_s, to_s) {
    const [start, end] = this.all, length = Math.min(Math.max(to_s - from_s, 0.1), end - start);
    const first = Math.min(Math.max(from_s, start), end - length);
    this.view = [first, first + length];
    this.draw();
    if (this.onView) this.onView(this.view);
  }

  zoom(factor, around_s = (this.view[0] + this.view[1]) / 2) {
    this.show(around_s - (around_s - this.view[0]) * factor, around_s + (this.view[1] - around_s) * factor);
  }

  setHead(t) {
    this.head_s = t;
    if (t !== null && this.view[1] < this.all[1] && t > this.view[1]) this.show(t, t + this.view[1] - this.view[0]);
    else this.paintHead();
  }

  draw() {
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight, ratio = devicePixelRatio || 1;
    if (!this.data || !width) return;
    this.base = document.createElement("canvas");
    this.base.width = this.canvas.width = Math.round(width * ratio);
    this.base.height = this.canvas.height = Math.round(height * ratio);
    const g = this.base.getContext("2d");
    g.scale(ratio, ratio);
    g.font = `12px ${getComputedStyle(this.canvas).fontFamily}`;
    const right = width - RIGHT_PX, bottom = height - 34;
    const hasSound = this.recording.pieces.length > 0, gap = 20;
    const waveEnd = hasSound ? 74 : 84, soundEnd = hasSound ? waveEnd + 6 + 84 : waveEnd;
    this.lanes = { wave: [20, waveEnd], sound: [waveEnd + 6, soundEnd], posterior: [soundEnd + gap, bottom], right, height };
    paintWindows(g, this);
    g.save();
    g.beginPath(); g.rect(LEFT_PX, 0, right - LEFT_PX, height); g.clip();
    paintWave(g, this);
    if (hasSound) paintSpectrogram(g, this, ratio);
    g.restore();
    paintPosteriors(g, this);
    paintEvents(g, this);
    paintPeak(g, this);
    paintAxis(g, this);
    this.paintHead();
  }

  paintHead() {
    if (!this.base) return;
    const g = this.canvas.getContext("2d"), ratio = devicePixelRatio || 1;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, this.canvas.width, this.canvas.height);
    g.drawImage(this.base, 0, 0);
    const t = this.head_s;
    if (t === null || t < this.view[0] || t > this.view[1]) return;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.fillStyle = css("--ink");
    g.fillRect(this.x(t) - 0.75, 18, 1.5, this.lanes.height - 52);
  }
}

// The whole of a long recording in a strip: where its mistakes are, and what the plot shows of it. A click goes there.
class Overview {
  constructor(canvas, plot) {
    Object.assign(this, { canvas, plot });
    const go = (e) => {
      const [start, end] = plot.all, t = start + (e.offsetX / canvas.clientWidth) * (end - start);
      const half = Math.min((plot.view[1] - plot.view[0]) / 2, 10);
      plot.show(t - half, t + half);
    };
    canvas.addEventListener("pointerdown", go);
    canvas.addEventListener("pointermove", (e) => e.buttons & 1 && go(e));
    plot.onView = () => this.draw();
    new ResizeObserver(() => this.draw()).observe(canvas);
  }

  draw() {
    const { canvas, plot } = this, ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    if (!plot.data || !width) return;
    canvas.width = Math.round(width * ratio); canvas.height = Math.round(height * ratio);
    const g = canvas.getContext("2d"), [start, end] = plot.all, x = (t) => ((t - start) / (end - start)) * width;
    g.scale(ratio, ratio);
    paintOutline(g, plot.data, 0, plot.data.low.length, (i) => (i / plot.data.low.length) * width, width, [2, height - 2]);
    for (const [, at] of plot.recording.mistakes) {
      if (at === null) continue;
      g.fillStyle = css("--bad"); g.fillRect(x(at) - 1, 0, 2, height);
    }
    g.strokeStyle = css("--ink"); g.lineWidth = 1.5;
    g.strokeRect(Math.max(1, x(plot.view[0])), 1, Math.max(3, x(plot.view[1]) - x(plot.view[0]) - 2), height - 2);
  }
}
