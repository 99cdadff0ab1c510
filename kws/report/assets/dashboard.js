// SPDX-License-Identifier: Apache-2.0
// The live page: a plot that moves with the sound, sliders for thresholds, and what they would have done.
"use strict";

const known = JSON.parse(document.getElementById("data").textContent);
known.otherwise = "tried";
const byId = (id) => document.getElementById(id);
const SHOWN_S = 10, HELD_S = 30, COLUMN_S = 0.01;
const live = { pcm: new Float32Array(0), chunks: [], length: 0, isDue: false, start: 0, times: [], rows: [], events: [], isHeld: false, isPending: false };
const recording = { windows: [], events: [], mistakes: [], pieces: [], before: null, expected: null,
                    plot: { start_s: 0, end_s: 0.1, columns: 1, peak_dbfs: -100, labels: known.labels, step_s: known.step_s } };
const plot = new Plot(byId("live"), recording, known);

async function ask(path, body) {
  const answer = await fetch(`${path}?token=${encodeURIComponent(known.token)}`, { method: "POST", body: JSON.stringify(body) });
  const told = await answer.json();
  if (told.error) throw new Error(told.error);
  return told;
}

function hear(message) {
  const bytes = bytesOf(message.pcm), view = new DataView(bytes.buffer), rate = known.rate_hz;
  const samples = Float32Array.from({ length: bytes.length / 2 }, (_, i) => view.getInt16(2 * i, true) / 32768);
  if (message.start !== live.start + live.length) { live.chunks = []; live.length = 0; live.start = message.start; }
  live.chunks.push(samples);
  live.length += samples.length;
  while (live.length - live.chunks[0].length > HELD_S * rate) {
    live.start += live.chunks[0].length; live.length -= live.chunks.shift().length;
  }
  for (const [sample, row] of message.scores) { live.times.push(sample / rate); live.rows.push(row); }
  const first = indexAt(live.times, live.start / rate);
  live.times.splice(0, first); live.rows.splice(0, first);
  live.events.push(...message.events.map((e) => [...e, "hit"]));
  for (const event of message.events) addEvent(event);
  const peak = samples.reduce((most, s) => Math.max(most, Math.abs(s)), 1e-5);
  const lost = message.lost ? " · audio was lost" : "";
  byId("state").textContent = `${clock((message.start + samples.length) / rate, 1)} s · level ${(20 * Math.log10(peak)).toFixed(0)} dBFS${lost}`;
  if (message.board) byId("board").textContent = `The board: ${message.board}.`;
  if (!live.isHeld && !live.isDue) { live.isDue = true; setTimeout(showDue, 80); }
}

const duration = (hours) => (hours < 0.1 ? `${(3600 * hours).toFixed(1)} s` : `${hours.toFixed(2)} h`);

// Draws at its own pace, however fast the sound comes: an emulated board may be faster than time.
function showDue() {
  live.isDue = false;
  if (!live.isHeld) showNow();
}

// Bring what was heard into the shape that the plot draws.
function showNow() {
  live.pcm = new Float32Array(live.length);
  live.chunks.reduce((at, chunk) => { live.pcm.set(chunk, at); return at + chunk.length; }, 0);
  const rate = known.rate_hz, size = COLUMN_S * rate, columns = Math.max(1, Math.floor(live.pcm.length / size));
  let peak = 0.01;
  for (const s of live.pcm) peak = Math.max(peak, Math.abs(s));
  const low = new Int8Array(columns), high = new Int8Array(columns);
  for (let i = 0; i < columns; i++) {
    let least = 1, most = -1;
    for (let j = Math.floor(i * size); j < Math.floor((i + 1) * size); j++) { least = Math.min(least, live.pcm[j]); most = Math.max(most, live.pcm[j]); }
    low[i] = (127 * least) / peak; high[i] = (127 * most) / peak;
  }
  const start_s = live.start / rate, end_s = start_s + live.pcm.length / rate;
  Object.assign(recording.plot, { start_s, end_s, columns, peak_dbfs: Math.round(20 * Math.log10(peak)) });
  recording.events = live.events = live.events.filter((e) => e[1] >= start_s);
  recording.pieces = [{ start_s, samples: live.pcm }];
  plot.data = { low, high, times: [...live.times], posteriors: known.labels.map((_, k) => live.rows.map((row) => row[k])) };
  plot.all = [Math.min(start_s, end_s - SHOWN_S), end_s];
  const shown = plot.isOpen ? plot.view[1] - plot.view[0] : SHOWN_S;
  plot.isOpen = true;
  plot.show(end_s - shown, end_s);
}

function addEvent([label, at, score]) {
  const item = document.createElement("li"), button = document.createElement("button");
  button.type = "button"; button.textContent = `${clock(at, 2)} ${label} ${(score / 255).toFixed(2)}`;
  button.style.color = `var(--hue-${known.hues[label]})`;
  button.addEventListener("click", () => { hold(true); plot.show(at - 2, at + 1); });
  item.append(button);
  byId("events").prepend(item);
  while (byId("events").children.length > 200) byId("events").lastChild.remove();
}

function hold(isHeld) {
  live.isHeld = isHeld;
  byId("hold").textContent = isHeld ? "▶ go on" : "❚❚ hold";
  if (!isHeld && live.length) showNow();
}

const sliders = {};
function addSliders() {
  for (const [label, threshold] of Object.entries(known.thresholds)) {
    const row = document.createElement("label"), input = document.createElement("input"), shown = document.createElement("output");
    row.className = "slider";
    Object.assign(input, { type: "range", min: 1, max: 255, value: threshold });
    input.dataset.label = label;
    input.addEventListener("input", () => { shown.value = (input.value / 255).toFixed(2); tryThresholds(); });
    shown.value = (threshold / 255).toFixed(2);
    const name = document.createElement("span");
    name.textContent = label; name.style.color = `var(--hue-${known.hues[label]})`;
    row.append(name, input, shown);
    byId("sliders").append(row);
    sliders[label] = { input, shown };
  }
}

const chosen = () => Object.fromEntries(Object.entries(sliders).map(([label, { input }]) => [label, Number(input.value)]));

// One question at a time: while one is open, only the newest choice is asked next.
async function tryThresholds() {
  if (live.isPending) { live.isPending = "again"; return; }
  live.isPending = true;
  try {
    const told = await ask("/what-if", { thresholds: chosen() }), f = told.figures;
    const counts = {};
    for (const [label] of told.events) counts[label] = (counts[label] || 0) + 1;
    const words = Object.entries(counts).map(([label, count]) => `${count} × ${label}`).join(", ") || "nothing";
    let text = `With these thresholds the last ${clock(told.seconds, 0)} s would have given: ${words}.`;
    if (f && f.missed) text += ` ${f.suite}: ${(100 * f.missed.value).toFixed(1)} % missed (${f.missed.count} of ${f.missed.total}).`;
    if (f && f.false_accepts_per_hour) text += ` ${f.false_accepts_per_hour.value.toFixed(2)} false accepts per hour (${f.false_accepts_per_hour.count} in ${duration(f.false_accepts_per_hour.hours)}).`;
    byId("effect").textContent = text;
    recording.before = { changed: true, events: told.events };
    plot.common.thresholds = chosen();
    plot.draw();
  } catch (error) { byId("effect").textContent = error.message; }
  const isAgain = live.isPending === "again";
  live.isPending = false;
  if (isAgain) tryThresholds();
}

async function doAndTell(place, path, body) {
  try { byId(place).value = `wrote ${(await ask(path, body)).wrote}`; } catch (error) { byId(place).value = error.message; }
}

for (const label of known.labels) byId("label").append(new Option(label, label));
byId("label").value = Object.keys(known.thresholds)[0];
byId("hold").addEventListener("click", () => hold(!live.isHeld));
byId("in").addEventListener("click", () => plot.zoom(0.5, plot.view[1]));
byId("out").addEventListener("click", () => plot.zoom(2, plot.view[1]));
byId("save").addEventListener("click", () => plot.isOpen && doAndTell("said", "/save", { label: byId("label").value, from_s: plot.view[0], to_s: plot.view[1] }));
byId("write").addEventListener("click", () => doAndTell("wrote", "/bundle", { thresholds: chosen() }));
const original = { ...known.thresholds };
byId("back").addEventListener("click", () => {
  for (const [label, { input, shown }] of Object.entries(sliders)) { input.value = original[label]; shown.value = (original[label] / 255).toFixed(2); }
  tryThresholds();
});
byId("legend").append(legend({ plot: recording.plot }, known));
addSliders();
const stream = new EventSource(`/stream?token=${encodeURIComponent(known.token)}`);
stream.onmessage = (e) => {
  const message = JSON.parse(e.data);
  if (message.ended) { stream.close(); byId("state").textContent = message.ended; } else hear(message);
};
