// SPDX-License-Identifier: Apache-2.0
// What a plot paints into its lanes: windows of truth, waveform, spectrogram, posteriors, events, axis.
"use strict";

const LEFT_PX = 34, RIGHT_PX = 10, TOLERANCE_S = 1;

// Text that stays within the plot, and off the text before it in the same row.
function rowOfTexts(g, y, left, right) {
  let end = left;
  return (text, x, colour, weight = "600") => {
    g.save();
    g.font = g.font.replace(/^(\d+ |bold )?/, `${weight} `);
    const width = g.measureText(text).width, at = Math.min(Math.max(x, left), right - width);
    g.fillStyle = colour;
    if (at >= end) { g.fillText(text, at, y); end = at + width + 6; }
    g.restore();
  };
}

function box(g, plot, from_s, to_s, top, bottom) {
  const x0 = Math.max(LEFT_PX, plot.x(from_s)), x1 = Math.min(plot.lanes.right, plot.x(to_s));
  if (x1 > x0) g.fillRect(x0, top, Math.max(1, x1 - x0), bottom - top);
  return x1 > x0;
}

function paintWindows(g, plot) {
  const { wave, posterior, right } = plot.lanes, say = rowOfTexts(g, 13, LEFT_PX, right);
  for (const [label, from_s, to_s, isHit] of plot.recording.windows) {
    g.fillStyle = css(isHit ? "--window" : "--bad");
    g.globalAlpha = 0.06; box(g, plot, to_s, to_s + TOLERANCE_S, wave[0], posterior[1]);
    g.globalAlpha = 0.18;
    const isSeen = box(g, plot, from_s, to_s, wave[0], posterior[1]);
    g.globalAlpha = 1;
    if (isSeen) say(isHit ? label : `${label}, missed`, plot.x(from_s), css(isHit ? "--ink" : "--bad"));
  }
}

// Outline of the columns first to last, the extremes of each pixel.
function paintOutline(g, data, first, last, xOf, right, [top, bottom]) {
  const middle = (top + bottom) / 2, half = (bottom - top) / 2;
  g.fillStyle = css("--wave");
  for (let i = Math.max(0, first), px = -1e9; i < Math.min(last, data.low.length);) {
    px = Math.floor(xOf(i));
    let low = 127, high = -127;
    do { low = Math.min(low, data.low[i]); high = Math.max(high, data.high[i]); i++; }
    while (i < data.low.length && Math.floor(xOf(i)) === px);
    const next = i < data.low.length ? Math.max(px + 1, Math.floor(xOf(i))) : Math.min(right, px + 1 + Math.ceil(xOf(i) - xOf(i - 1)));
    g.fillRect(px, middle - (high / 127) * half, next - px, Math.max(1, ((high - low) / 127) * half));
  }
}

function paintWave(g, plot) {
  const { columns, start_s, end_s } = plot.recording.plot, length = end_s - start_s;
  const column = (t) => ((t - start_s) / length) * columns;
  const first = Math.floor(column(plot.view[0])), last = Math.ceil(column(plot.view[1]));
  paintOutline(g, plot.data, first, last, (i) => plot.x(start_s + (i / columns) * length), plot.lanes.right, plot.lanes.wave);
}

// Over whatever is there: an event near the right edge crosses it.
function paintPeak(g, plot) {
  const text = `peak ${plot.recording.plot.peak_dbfs} dBFS`, x = plot.lanes.right - 2, y = plot.lanes.wave[1] - 2;
  g.textAlign = "end"; g.lineWidth = 4; g.lineJoin = "round";
  g.strokeStyle = css("--card"); g.strokeText(text, x, y);
  g.fillStyle = css("--soft"); g.fillText(text, x, y);
  g.textAlign = "start";
}

function paintSpectrogram(g, plot, ratio) {
  const [top, bottom] = plot.lanes.sound, rate_hz = plot.common.rate_hz, rows = Math.round(bottom - top);
  const bins = Array.from({ length: rows }, (_, row) => binOfRow(row, rows, rate_hz)), levels = new Float32Array(FFT / 2);
  const isDark = matchMedia("screen and (prefers-color-scheme: dark)").matches;
  g.fillStyle = css("--page"); g.fillRect(LEFT_PX, top, plot.lanes.right - LEFT_PX, rows);
  for (const piece of plot.recording.pieces) {
    const length_s = piece.samples.length / rate_hz;
    const x0 = Math.max(LEFT_PX, Math.floor(plot.x(piece.start_s)));
    const x1 = Math.min(plot.lanes.right, Math.ceil(plot.x(piece.start_s + length_s)));
    if (x1 <= x0) continue;
    const picture = new ImageData(x1 - x0, rows);
    for (let x = x0; x < x1; x++) {
      spectrum(piece.samples, (plot.timeAt(x + 0.5) - piece.start_s) * rate_hz, levels);
      for (let row = 0; row < rows; row++) {
        const level = Math.min(1, Math.max(0, (levels[bins[row]] + 90) / 75));
        picture.data.set(tone(level, isDark), 4 * (row * (x1 - x0) + x - x0));
      }
    }
    const layer = document.createElement("canvas");
    layer.width = x1 - x0; layer.height = rows;
    layer.getContext("2d").putImageData(picture, 0, 0);
    g.drawImage(layer, x0, top);
  }
  g.fillStyle = css("--soft");
  g.textAlign = "end"; g.fillText(`${rate_hz / 2000}k`, LEFT_PX - 5, top + 10); g.fillText("0", LEFT_PX - 5, bottom); g.textAlign = "start";
}

// Level 0 to 1 as a colour: from the page's ground through violet and orange to the brightest, or darkest.
function tone(level, isDark) {
  const ramp = isDark ? [[15, 18, 22], [70, 45, 120], [205, 75, 90], [250, 165, 60], [255, 245, 190]]
                      : [[246, 247, 249], [190, 200, 235], [125, 100, 190], [150, 40, 90], [50, 10, 30]];
  const at = level * (ramp.length - 1), i = Math.min(ramp.length - 2, Math.floor(at)), f = at - i;
  return [0, 1, 2].map((c) => ramp[i][c] + f * (ramp[i + 1][c] - ramp[i][c])).concat(255);
}

function paintPosteriors(g, plot) {
  const [top, bottom] = plot.lanes.posterior, { times, posteriors } = plot.data, { labels, step_s } = plot.recording.plot;
  const y = (value) => bottom - (value / 255) * (bottom - top), { thresholds, hues } = plot.common;
  g.textAlign = "end";
  for (const [value, text] of [[0, "0"], [127.5, "0.5"], [255, "1"]]) {
    g.fillStyle = css("--faint"); g.fillRect(LEFT_PX, y(value), plot.lanes.right - LEFT_PX, 1);
    g.fillStyle = css("--soft"); g.fillText(text, LEFT_PX - 5, y(value) + 4);
  }
  g.textAlign = "start"; g.fillText(times.length ? "posterior, smoothed" : "posteriors were not kept", LEFT_PX + 2, top - 5);
  const first = Math.max(0, indexAt(times, plot.view[0]) - 1), last = Math.min(times.length, indexAt(times, plot.view[1]) + 1);
  g.save();
  g.beginPath(); g.rect(LEFT_PX, top - 2, plot.lanes.right - LEFT_PX, bottom - top + 4); g.clip();
  labels.forEach((label, k) => {
    g.strokeStyle = css(`--hue-${hues[label]}`);
    g.lineWidth = label in thresholds ? 1.8 : 1;
    if (label in thresholds) {
      g.setLineDash([4, 4]); g.globalAlpha = 0.5;
      g.strokeRect(LEFT_PX, y(thresholds[label]), plot.lanes.right - LEFT_PX, 0);
      g.setLineDash([]); g.globalAlpha = 1;
    }
    g.beginPath();
    for (let i = first; i < last;) {
      const px = Math.round(plot.x(times[i])), isFirst = i === first || times[i] - times[i - 1] > 2.5 * step_s;
      let value = 0;
      do value = Math.max(value, posteriors[k][i++]); while (i < last && Math.round(plot.x(times[i])) === px);
      if (isFirst) g.moveTo(px, y(value)); // nothing is drawn across a silence that the gate slept through
      else g.lineTo(px, y(value));
    }
    g.stroke();
  });
  g.restore();
}

function paintEvents(g, plot) {
  const { wave, posterior, right } = plot.lanes, say = rowOfTexts(g, posterior[0] - 5, LEFT_PX + 118, right);
  const mark = ([label, at, , kind], isBefore) => {
    if (at < plot.view[0] || at > plot.view[1]) return;
    const isBad = kind === "false accept" || kind === "wrong word";
    const colour = css(isBefore ? "--soft" : isBad ? "--bad" : `--hue-${plot.common.hues[label]}`), x = plot.x(at);
    g.strokeStyle = g.fillStyle = colour; g.lineWidth = 1.4;
    g.setLineDash(isBefore ? [2, 3] : []);
    g.beginPath(); g.moveTo(x, wave[0]); g.lineTo(x, posterior[1]); g.stroke();
    g.setLineDash([]);
    g.beginPath(); g.arc(x, posterior[0] - 2, 3.5, 0, 7); if (isBefore) g.stroke(); else g.fill();
    say(isBefore ? `${label} (${plot.common.otherwise || "before"})` : isBad ? `${label}, ${kind}` : label, x + 7, colour);
  };
  const { events, before } = plot.recording;
  const all = [...events.map((e) => [e, false])];
  if (before && before.changed) all.push(...before.events.map((e) => [e, true]));
  all.sort((a, b) => a[0][1] - b[0][1]).forEach(([event, isBefore]) => mark(event, isBefore));
}

function paintAxis(g, plot) {
  const { right, height } = plot.lanes, [from_s, to_s] = plot.view, y = height - 34;
  const rough = (to_s - from_s) / Math.max(2, plot.width() / 90);
  const step = [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600].find((s) => s >= rough) || 7200;
  g.fillStyle = css("--soft"); g.textAlign = "center";
  g.fillRect(LEFT_PX, y, right - LEFT_PX, 1);
  for (let i = Math.ceil(from_s / step); i * step <= to_s + 1e-9; i++) {
    const x = plot.x(i * step);
    g.fillRect(x, y, 1, 4);
    const text = clock(i * step, step < 0.1 ? 2 : step < 1 ? 1 : 0), half = g.measureText(text).width / 2;
    g.fillText(text, Math.min(x, right + RIGHT_PX - half), y + 16);
  }
  g.fillText(to_s > 60 ? "minutes:seconds of the recording" : "seconds of the recording", (LEFT_PX + right) / 2, y + 30);
  g.textAlign = "start";
}
